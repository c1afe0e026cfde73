#!/bin/sh
# compose.yaml before docker's own compose. Where docker has none it is built from its Go module, once.
set -eu
cd "$(dirname "$0")/../.."
tool=$PWD/.venv/images/bin/compose

if docker compose version >/dev/null 2>&1; then
    check() { docker compose "$@"; }
elif [ -x "$tool" ]; then
    check() { "$tool" "$@"; }
elif command -v go >/dev/null; then
    echo "building docker compose from its Go module" >&2
    source=$(mktemp -d)
    trap 'chmod -R u+w "$source"; rm -rf "$source"' EXIT
    folder=$(cd "$source" && go mod download -json github.com/docker/compose/v5@v5.6.0 | sed -n 's/.*"Dir": "\(.*\)",/\1/p')
    cp -R "$folder" "$source/compose"
    chmod -R u+w "$source/compose"
    (cd "$source/compose" && go build -buildvcs=false -o "$tool" ./cmd)
    check() { "$tool" "$@"; }
else
    echo "compose.yaml is checked by docker compose, or with Go, which builds that. Neither is here." >&2
    exit 1
fi

# With secrets of no use: none need be there.
LACAK_JWT_SECRET=none GRAFANA_PASSWORD=none check --file deploy/compose/compose.yaml config --quiet
echo "compose.yaml: well"
