#!/bin/sh
# Makes sure that the mail servers of the tests are on this machine (Debian, Ubuntu).
#
#   setup.sh dovecot   Dovecot, from its package: all that the demo needs
#   setup.sh all       Dovecot and Cyrus: what the tests need (the default)
#
# Dovecot and Cyrus conflict as packages, so Cyrus is unpacked, not installed: its package and the
# libraries that are missing here go to a cache directory, and nothing in the system changes.
# Where: $XDG_CACHE_HOME/mailferry-test/cyrus; without XDG_CACHE_HOME, /var/cache for root (the
# servers give up root, and must still be able to read it) and ~/.cache for everybody else.
# tests/support/cyrus.rs looks in the same places.
#
# Safe to run again; when everything is there it only looks. No service is left running.
set -eu

fail() { echo "setup.sh: $*" >&2; exit 1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null; then sudo "$@"
    else fail "needs root, and there is no sudo; as root, run: $*"
    fi
}

need_apt() {
    command -v apt-get >/dev/null ||
        fail "$1 is missing and there is no apt-get; install it (Debian's package: $2) and run this again"
    apt-cache show "$2" >/dev/null 2>&1 || as_root apt-get update -qq
}

# Dovecot: an ordinary package, but its service must not start, now or at the next boot.
# (The bodies of both installations are subshells, so that each has its own EXIT trap.)

dovecot_is_there() { [ -x "$(dovecot_program)" ] && [ -x /usr/lib/dovecot/imap ]; }
dovecot_program() { command -v dovecot || echo /usr/sbin/dovecot; }

install_dovecot() (
    need_apt Dovecot dovecot-imapd
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        trap 'as_root rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
    fi
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends dovecot-imapd >&2
    if command -v systemctl >/dev/null; then
        as_root systemctl disable -q dovecot.service dovecot.socket 2>/dev/null || true
    fi
)

# Cyrus: unpacked into the cache.

cyrus_cache() {
    if [ -n "${XDG_CACHE_HOME:-}" ]; then echo "$XDG_CACHE_HOME/mailferry-test/cyrus"
    elif [ "$(id -u)" = 0 ]; then echo /var/cache/mailferry-test/cyrus
    else echo "$HOME/.cache/mailferry-test/cyrus"
    fi
}

cyrus_is_there() { [ -e "$(cyrus_cache)/complete" ]; }

# The library packages that the packages in this directory depend on (first alternatives).
libraries_needed() {
    for package in *.deb; do dpkg-deb -f "$package" Depends; done |
        tr ',' '\n' | sed -E 's/\|.*//; s/\(.*//; s/[[:space:]]//g' | grep '^lib' | sort -u
}

# Those of them, and of what they need in turn, that are not installed.
libraries_missing() {
    # The word splitting is meant: one argument a package.
    apt-get install -s --no-upgrade --no-install-recommends $(libraries_needed) |
        awk '/^Inst / { print $2 }'
}

# The libraries in the unpacked tree, as tests/support/cyrus.rs names them to the loader.
library_path() { find "$PWD/usr/lib" -maxdepth 1 -name '*-linux-gnu*' | paste -sd:; }

check_that_cyrus_loads() {
    for program in usr/sbin/cyrmaster usr/lib/cyrus/bin/imapd usr/sbin/saslpasswd2; do
        unresolved=$(LD_LIBRARY_PATH=$(library_path) ldd "$program" | grep 'not found' || true)
        [ -z "$unresolved" ] || fail "$program lacks libraries:
$unresolved"
    done
}

# As the calling user: apt's own user may not enter the cache directory.
download() { apt-get download -qq -o APT::Sandbox::User=root "$@" >&2; }

unpack_cyrus() (
    need_apt Cyrus cyrus-imapd
    cache=$(cyrus_cache)
    mkdir -p "$cache"
    work=$(mktemp -d "$cache.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    chmod 755 "$work"
    cd "$work"
    download cyrus-imapd cyrus-common sasl2-bin libsasl2-modules libsasl2-modules-db
    missing=$(libraries_missing)
    [ -z "$missing" ] || download $missing
    for package in *.deb; do dpkg-deb -x "$package" .; rm "$package"; done
    # Some packages still have /lib apart from /usr/lib; one place for all libraries.
    if [ -d lib ]; then cp -a lib/. usr/lib/; rm -rf lib; fi
    rm -rf usr/share
    check_that_cyrus_loads
    touch complete
    cd /
    rm -rf "$cache"
    mv "$work" "$cache"
)

case "${1:-all}" in
    dovecot) want_cyrus=no ;;
    all) want_cyrus=yes ;;
    *) sed -n '2,5p' "$0" >&2; exit 2 ;;
esac

dovecot_is_there || install_dovecot
[ $want_cyrus = no ] || cyrus_is_there || unpack_cyrus
