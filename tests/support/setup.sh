#!/bin/sh
# Makes sure that the mail servers of the tests are on this machine (Debian, Ubuntu).
#
#   setup.sh dovecot   Dovecot, from its package: all that the demo needs
#   setup.sh all       Dovecot 2.3 and 2.4, Cyrus, Courier, GNU mailutils, pymap and hoodiecrow; what judges what we write for
#                      others (promtool, systemd-analyze, kubernetes-validate), and what starts many of us (GNU parallel,
#                      Slurm): what the tests need (the default)
#   setup.sh browser   Dovecot and Chromium: what `make browser` needs
#
# They conflict as packages, so Dovecot 2.4, Cyrus, Courier and mailutils are unpacked, not installed: their packages and
# the libraries that are missing here go to a cache directory, and nothing in the system changes. Prometheus and Slurm are
# unpacked as well, for their services must not run, and GNU parallel, which conflicts with others. pymap and
# kubernetes-validate are packages of Python, and hoodiecrow one of npm, each with what it needs in a place of its own there.
# Where: $XDG_CACHE_HOME/mailferry-test/NAME; without XDG_CACHE_HOME, /var/cache for root (the
# servers give up root, and must still be able to read it) and ~/.cache for everybody else.
# tests/support/process.rs (`cached`) looks in the same places.
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

install_systemd() {
    need_apt systemd-analyze systemd
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends systemd >&2
}

install_chromium() {
    need_apt Chromium chromium
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >&2
}

# Cyrus, Courier and mailutils: unpacked into the cache.

cache() {
    if [ -n "${XDG_CACHE_HOME:-}" ]; then echo "$XDG_CACHE_HOME/mailferry-test/$1"
    elif [ "$(id -u)" = 0 ]; then echo "/var/cache/mailferry-test/$1"
    else echo "$HOME/.cache/mailferry-test/$1"
    fi
}

is_unpacked() { [ -e "$(cache "$1")/complete" ]; }

# The library packages that the packages in this directory depend on (first alternatives).
libraries_needed() {
    for package in *.deb; do dpkg-deb -f "$package" Depends; done |
        tr ',' '\n' | sed -E 's/\|.*//; s/\(.*//; s/[[:space:]]//g' | grep '^lib' | grep -v '^libjs-' | sort -u
}

# Those of them, and of what they need in turn, that are not installed.
libraries_missing() {
    # The word splitting is meant: one argument a package.
    apt-get install -s --no-upgrade --no-install-recommends $(libraries_needed) |
        awk '/^Inst / { print $2 }'
}

# The libraries in the unpacked tree, as tests/support/{cyrus,courier,mailutils,slurm}.rs name them to the loader.
library_path() {
    (echo "$PWD/usr/lib"; find "$PWD/usr/lib" -maxdepth 2 \( -name '*-linux-gnu*' -o -name slurm-wlm \)) | paste -sd:
}

check_that_it_loads() {
    for program in "$@"; do
        unresolved=$(LD_LIBRARY_PATH=$(library_path) ldd "$program" | grep 'not found' || true)
        [ -z "$unresolved" ] || fail "$program lacks libraries:
$unresolved"
    done
}

# As the calling user: apt's own user may not enter the cache directory.
download() { apt-get download -qq -o APT::Sandbox::User=root "$@" >&2; }

# unpack NAME "PACKAGES" "PROGRAMS": the packages and the libraries that they lack, as one tree.
unpack() (
    need_apt "$1" "${2%% *}"
    cache=$(cache "$1")
    mkdir -p "$cache"
    work=$(mktemp -d "$cache.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    chmod 755 "$work"
    cd "$work"
    # The word splitting is meant, here and below: one argument a package or program.
    download $2
    missing=$(libraries_missing)
    [ -z "$missing" ] || download $missing
    for package in *.deb; do dpkg-deb -x "$package" .; rm "$package"; done
    # Some packages still have /lib apart from /usr/lib; one place for all libraries.
    if [ -d lib ]; then cp -a lib/. usr/lib/; rm -rf lib; fi
    rm -rf usr/share
    check_that_it_loads $3
    touch complete
    cd /
    rm -rf "$cache"
    mv "$work" "$cache"
)

# Dovecot 2.4: a package of Debian 13, with all its libraries, the C library among them, in a place of their own. Its programs are told
# where these are, and what they look for under compiled-in names they look for below their own directory, where
# tests/support/dovecot.rs leads them to this one.

DEBIAN_KEYS=/usr/share/keyrings/debian-archive-keyring.gpg

install_dovecot_2_4() (
    need_apt patchelf patchelf
    archive=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1)
    [ -n "$archive" ] || fail "Dovecot 2.4 comes from Debian 13, and no archive of Debian is among this machine's sources"
    cache=$(cache dovecot-2.4)
    mkdir -p "$cache"
    work=$(mktemp -d "$cache.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    chmod 755 "$work"
    cd "$work"
    mkdir -p apt/lists/partial apt/archives/partial tools
    echo "deb [signed-by=$DEBIAN_KEYS] $archive trixie main" >apt/sources
    : >apt/status
    apt="apt-get -qq -o Dir::Etc::SourceList=$work/apt/sources -o Dir::Etc::SourceParts=- -o Dir::State=$work/apt
        -o Dir::State::Status=$work/apt/status -o Dir::Cache=$work/apt -o APT::Sandbox::User=root -o Acquire::Languages=none
        -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false"
    # The word splitting is meant, here and below: one argument a word.
    $apt update >&2
    packages=$($apt install -s --no-install-recommends dovecot-imapd |
        awk '/^Inst (lib|zlib1g |dovecot-core |dovecot-imapd )/ && !/^Inst libpam-/ { print $2 }')
    $apt download $packages >&2
    for package in *.deb; do dpkg-deb -x "$package" .; rm "$package"; done
    (cd tools && download patchelf && dpkg-deb -x patchelf_*.deb .)
    # The module of Sieve's settings needs Sieve.
    rm -rf usr/share usr/lib/dovecot/modules/settings
    libraries=$(dirname "$(find usr/lib -name 'ld-linux-*.so.*' | head -n 1)")
    loader="$cache/$libraries/$(basename "$(find "$libraries" -name 'ld-linux-*.so.*' | head -n 1)")"
    find usr/sbin usr/bin usr/lib/dovecot -type f | while read -r file; do
        head -c 4 "$file" | grep -q ELF || continue
        case "$file" in
            *.so*) ;;
            *) tools/usr/bin/patchelf --set-interpreter "$loader" "$file" 2>/dev/null || continue ;;
        esac
        tools/usr/bin/patchelf --force-rpath --set-rpath "$cache/$libraries:$cache/usr/lib/dovecot" "$file"
        LC_ALL=C sed -i -E 's#/(usr/bin/doveconf|usr/lib/dovecot/modules(/[a-z]+)?)\x00#\1\x00\x00#g' "$file"
    done
    rm -rf apt tools etc var
    chmod -R a+rX .
    cd /
    rm -rf "$cache"
    mv "$work" "$cache"
    "$cache/usr/sbin/dovecot" --version >/dev/null
    touch "$cache/complete"
)

# pymap and kubernetes-validate: from their package index, at the versions that the tests know.

PYMAP_PACKAGES="pymap==0.36.7 pysasl==1.2.0 proxy-protocol==0.11.3 typing_extensions==4.16.0"
KUBERNETES_PACKAGES="kubernetes-validate==1.37.0 attrs==26.1.0 importlib_resources==7.1.0 jsonschema==4.26.0
    jsonschema-specifications==2025.9.1 packaging==26.4 PyYAML==6.0.4 referencing==0.37.0 rpds-py==2026.9.1
    typing_extensions==4.16.0"

# install_python NAME "PACKAGES" PROGRAM
install_python() (
    cache=$(cache "$1")
    python3 -c 'import ensurepip, venv' 2>/dev/null || {
        need_apt "Python's venv" python3-venv
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >&2
    }
    # Its programs name the place where they were made.
    rm -rf "$cache"
    python3 -m venv "$cache"
    # The word splitting is meant: one argument a package.
    "$cache/bin/pip" install -q --disable-pip-version-check --no-deps $2 >&2
    "$cache/bin/$3" --help >/dev/null
    chmod -R a+rX "$cache"
    touch "$cache/complete"
)

# hoodiecrow: from npm, with what it needs, at the version that the tests know.

install_hoodiecrow() (
    command -v npm >/dev/null || {
        need_apt npm npm
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends npm >&2
    }
    cache=$(cache hoodiecrow)
    rm -rf "$cache"
    mkdir -p "$cache"
    npm install --silent --no-audit --no-fund --no-save --ignore-scripts --prefix "$cache" hoodiecrow-imap@2.1.0 >&2
    node -e "require('$cache/node_modules/hoodiecrow-imap')"
    chmod -R a+rX "$cache"
    touch "$cache/complete"
)

case "${1:-all}" in
    dovecot) unpacks=no ;;
    browser) unpacks=no; command -v chromium >/dev/null || install_chromium ;;
    all) unpacks=yes ;;
    *) sed -n '2,7p' "$0" >&2; exit 2 ;;
esac

dovecot_is_there || install_dovecot
[ $unpacks = yes ] || exit 0
is_unpacked cyrus || unpack cyrus \
    "cyrus-imapd cyrus-common sasl2-bin libsasl2-modules libsasl2-modules-db" \
    "usr/sbin/cyrmaster usr/lib/cyrus/bin/imapd usr/sbin/saslpasswd2"
is_unpacked prometheus || unpack prometheus prometheus usr/bin/promtool
command -v systemd-analyze >/dev/null || install_systemd
is_unpacked courier || unpack courier \
    "courier-imap courier-authlib libgamin0 gamin" "usr/bin/imapd usr/libexec/gam_server"
is_unpacked mailutils || unpack mailutils mailutils-imap4d usr/sbin/imap4d
is_unpacked dovecot-2.4 || install_dovecot_2_4
is_unpacked pymap || install_python pymap "$PYMAP_PACKAGES" pymap
is_unpacked kubernetes-validate || install_python kubernetes-validate "$KUBERNETES_PACKAGES" kubernetes-validate
is_unpacked parallel || unpack parallel parallel ""
is_unpacked slurm || unpack slurm "slurmctld slurmd slurm-client slurm-wlm-basic-plugins munge" \
    "usr/sbin/slurmctld-wlm usr/sbin/slurmd-wlm usr/sbin/slurmstepd-wlm usr/bin/sbatch usr/sbin/munged"
is_unpacked hoodiecrow || install_hoodiecrow
