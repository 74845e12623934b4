#!/bin/sh
# Makes sure that what `make dist` builds and checks with is on this machine (Debian, Ubuntu). Without the optional ones dist.sh
# says what it leaves out.
#
# Safe to run again; when everything is there it only looks.
set -eu

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null; then sudo "$@"
    else echo "tools.sh: needs root, and there is no sudo; as root, run: $*" >&2; exit 1
    fi
}

missing=
needs() { command -v "$1" >/dev/null || missing="$missing $2"; }

needs musl-gcc musl-tools
needs aarch64-linux-gnu-gcc "gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
needs qemu-aarch64-static qemu-user-static
needs lintian lintian
needs debootstrap debootstrap
needs buildah buildah
needs systemd-analyze systemd
needs python3 python3
needs man man-db
[ -e /usr/share/zoneinfo/Europe/Berlin ] || missing="$missing tzdata"
[ -e /etc/ssl/certs/ca-certificates.crt ] || missing="$missing ca-certificates"

if [ -n "$missing" ]; then
    command -v apt-get >/dev/null || { echo "tools.sh: missing, and there is no apt-get:$missing" >&2; exit 1; }
    as_root apt-get update -qq
    # The word splitting is meant: one argument a package.
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >&2
fi

for target in x86_64-unknown-linux-musl aarch64-unknown-linux-musl; do
    [ -d "$(rustc --print sysroot)/lib/rustlib/$target/lib" ] ||
        rustup target add "$target" ||
        echo "tools.sh: the standard library for $target cannot be had: nothing is built for it" >&2
done
