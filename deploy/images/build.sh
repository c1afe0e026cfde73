#!/bin/sh
# Builds the image: deploy/images/build.sh NAME:VERSION [ANOTHER NAME:TAG]
#   ENGINE  docker, podman or buildah; the first that is there
#   BASE    another base image than the Containerfile's; `debootstrap`: one made here, where there is no registry
#   CA      a file of certificates to trust besides while it is built, where a proxy looks into TLS
set -eu
cd "$(dirname "$0")/../.."
image=${1:?which name and tag?}

engine() {
    for each in docker podman buildah; do
        if "$each" info >/dev/null 2>&1; then echo "$each"; return; fi
    done
    echo "An image needs docker, podman or buildah. On Debian: sudo apt-get install buildah podman" >&2
    return 1
}

# A Debian 12 of that mirror's that apt uses here. It is made once.
debootstrapped() {
    name=localhost/lacak-base:bookworm
    if "$ENGINE" inspect "$name" >/dev/null 2>&1; then echo "$name"; return; fi
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    # shellcheck disable=SC2016
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -n 1)
    echo "making $name of $mirror" >&2
    debootstrap --variant=minbase bookworm "$folder/root" "$mirror" >"$folder/log" 2>&1 || { cat "$folder/log" >&2; return 1; }
    printf 'FROM scratch\nCOPY root /\nENV PATH=/usr/sbin:/usr/bin\n' >"$folder/Containerfile"
    build --tag "$name" --file "$folder/Containerfile" "$folder" >&2
    echo "$name"
}

build() {
    case $ENGINE in
        docker) docker build "$@" ;;
        # So they also build inside a container.
        *) "$ENGINE" build --isolation chroot --network host "$@" ;;
    esac
}

ENGINE=${ENGINE:-$(engine)}
BASE=${BASE:-}
if [ "$BASE" = debootstrap ]; then BASE=$(debootstrapped); fi
build ${BASE:+--build-arg "BASE=$BASE"} ${CA:+--secret "id=ca,src=$CA"} \
    --build-arg "VERSION=${image##*:}" \
    --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || true)" \
    --tag "$image" ${2:+--tag "$2"} --file deploy/images/Containerfile .
