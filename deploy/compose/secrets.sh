#!/bin/sh
# Makes what compose.yaml needs and no repository holds: .env with passwords, edge.pem with a certificate for a trial.
# What is there stays.
set -eu
cd "$(dirname "$0")"
umask 077
random() { head -c 32 /dev/urandom | base64 | tr -d '+/=\n'; }

[ -f .env ] || printf 'LACAK_JWT_SECRET=%s\nGRAFANA_PASSWORD=%s\n' "$(random)" "$(random)" >.env
if [ ! -f edge.pem ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost -keyout edge.pem -out edge.crt 2>/dev/null
    cat edge.crt >>edge.pem
    # HAProxy reads it as a user of its own.
    chmod 644 edge.crt edge.pem
fi
echo "deploy/compose/.env, edge.pem (for HAProxy) and edge.crt (for curl --cacert) are there"
