#!/bin/sh
# Everything that is given away, in target/dist: for each processor a static program, an archive and a Debian package; what a
# container image is made of; the crate; what it is built of (SBOM); and SHA256SUMS over all. `make dist` runs this, and then
# check.sh.
#
#   dist.sh [TARGET…]     default: those of x86_64-unknown-linux-musl and aarch64-unknown-linux-musl that can be built here
#   dist.sh program TARGET OUTPUT      only the program
#
# The same commit is meant to give the same octets, wherever it is built with the same compiler: no path, no clock, no order of a directory is
# in them. `make reproduce` builds the program a second time, in another place, and compares.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
umask 022
export LC_ALL=C TZ=UTC

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
revision=1
# Of a clone its last commit, of an archive what whoever made it says.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y CHANGELOG.md)}
export SOURCE_DATE_EPOCH
out=$root/target/dist
work=$root/target/dist-work
maintainer=${DIST_MAINTAINER:-The mailferry authors <mailferry@packages.invalid>}

say() { printf '\n== %s\n' "$*" >&2; }
fail() { echo "dist.sh: $*" >&2; exit 1; }

has_library() { [ -d "$(rustc --print sysroot)/lib/rustlib/$1/lib" ]; }

can_build() {
    has_library "$1" && case $1 in
        x86_64-*) command -v musl-gcc >/dev/null ;;
        aarch64-*) command -v aarch64-linux-gnu-gcc >/dev/null ;;
        *) false ;;
    esac
}

# program TARGET: builds it, and says where it is.
program() {
    home=${CARGO_HOME:-$HOME/.cargo}
    # One flag a line: cargo splits at its own sign.
    flags=$(printf '%s\037' "--remap-path-prefix=$root=/mailferry" "--remap-path-prefix=$home=/cargo" "-Ctarget-feature=+crt-static")
    export CARGO_ENCODED_RUSTFLAGS="${flags%?}"
    maps="-ffile-prefix-map=$root=/mailferry -ffile-prefix-map=$home=/cargo"
    export CC_x86_64_unknown_linux_musl=musl-gcc CFLAGS_x86_64_unknown_linux_musl="$maps"
    # ring needs a compiler and no C library of the system.
    export CC_aarch64_unknown_linux_musl=aarch64-linux-gnu-gcc CFLAGS_aarch64_unknown_linux_musl="$maps"
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld
    CARGO_INCREMENTAL=0 cargo build --profile packaged --locked --bin mailferry --target "$1" >&2
    echo "${CARGO_TARGET_DIR:-$root/target}/$1/packaged/mailferry"
}

# install_file MODE SOURCE PLACE
install_file() { install -D -m "$1" "$2" "$3"; }

# packed FILE: compressed without a time in it.
packed() { gzip -9n "$1"; }

# settled DIRECTORY: all times are those of the commit.
settled() { find "$1" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +; }

# The shells' completions and the pages of the manual, from the program's own words. `native` is one that runs here.
pages() {
    mkdir -p "$work/man" "$work/completions"
    "$native" man "$work/man" >/dev/null
    for shell in bash zsh fish; do "$native" completions "$shell" >"$work/completions/$shell"; done
}

# completions_in DIRECTORY
completions_in() {
    install_file 644 "$work/completions/bash" "$1/bash-completion/completions/mailferry"
    install_file 644 "$work/completions/zsh" "$1/zsh/vendor-completions/_mailferry"
    install_file 644 "$work/completions/fish" "$1/fish/vendor_completions.d/mailferry.fish"
}

# archive NAME PROGRAM: what one unpacks and runs.
archive() {
    tree=$work/mailferry-$version-$1
    rm -rf "$tree"
    install_file 755 "$2" "$tree/mailferry"
    for page in "$work"/man/*.1; do install_file 644 "$page" "$tree/man/$(basename "$page")"; done
    completions_in "$tree/completions"
    cp -R deploy "$tree/deploy"
    for text in README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE; do install_file 644 "$text" "$tree/$text"; done
    install_file 644 "$out/mailferry-$version.cdx.json" "$tree/mailferry.cdx.json"
    chmod -R u=rwX,go=rX "$tree"
    settled "$tree"
    tar --sort=name --owner=0 --group=0 --numeric-owner --format=gnu -C "$work" -cf - "$(basename "$tree")" |
        gzip -9n >"$out/mailferry-$version-$1.tar.gz"
}

# debian ARCHITECTURE PROGRAM: the package, of dpkg-deb's making. (cargo-deb would make the same of a table in Cargo.toml; here it
# needs nothing that Debian does not have.)
debian() {
    tree=$work/debian-$1
    rm -rf "$tree"
    doc=$tree/usr/share/doc/mailferry
    install_file 755 "$2" "$tree/usr/bin/mailferry"
    for page in "$work"/man/*.1; do
        install_file 644 "$page" "$tree/usr/share/man/man1/$(basename "$page")"
        packed "$tree/usr/share/man/man1/$(basename "$page")"
    done
    completions_in "$tree/usr/share"
    for unit in deploy/systemd/*; do
        install_file 644 "$unit" "$tree/lib/systemd/system/$(basename "$unit")"
        # By hand one puts programs into /usr/local, a package never.
        sed -i 's#/usr/local/bin/mailferry#/usr/bin/mailferry#; /^# Copy it to /s/.*/# systemctl enable --now mailferry.service/' \
            "$tree/lib/systemd/system/$(basename "$unit")"
    done
    mkdir -p "$tree/etc/mailferry"
    install_file 644 README.md "$doc/README.md"
    packed "$doc/README.md"
    install_file 644 CHANGELOG.md "$doc/changelog"
    packed "$doc/changelog"
    {
        printf 'mailferry (%s-%s) unstable; urgency=medium\n\n' "$version" "$revision"
        printf '  * What changed is told in changelog.gz.\n\n'
        printf ' -- %s  %s\n' "$maintainer" "$(date -R -d "@$SOURCE_DATE_EPOCH")"
    } >"$doc/changelog.Debian"
    packed "$doc/changelog.Debian"
    install_file 644 packaging/debian/copyright "$doc/copyright"
    install_file 644 "$out/mailferry-$version.cdx.json" "$doc/mailferry.cdx.json"
    packed "$doc/mailferry.cdx.json"
    "$native" init - >"$work/mailferry.toml"
    install_file 644 "$work/mailferry.toml" "$doc/examples/mailferry.toml"
    cp -R deploy/kubernetes deploy/parallel deploy/slurm "$doc/examples/"
    install_file 644 deploy/README.md "$doc/examples/README.md"
    install_file 644 packaging/debian/lintian-overrides "$tree/usr/share/lintian/overrides/mailferry"
    for script in postinst prerm postrm; do install_file 755 "packaging/debian/$script" "$tree/DEBIAN/$script"; done
    find "$tree" -type d -exec chmod 755 {} +
    find "$doc" -type f -exec chmod 644 {} +
    chmod 750 "$tree/etc/mailferry"
    (cd "$tree" && find usr lib -type f | sort | xargs md5sum) >"$tree/DEBIAN/md5sums"
    cat >"$tree/DEBIAN/control" <<END
Package: mailferry
Version: $version-$revision
Architecture: $1
Maintainer: $maintainer
Installed-Size: $(du -k -s --apparent-size --exclude=DEBIAN "$tree" | cut -f 1)
Depends: adduser
Recommends: ca-certificates, tzdata
Suggests: bash-completion
Section: mail
Priority: optional
Description: move IMAP mailboxes between servers, exactly once
 mailferry moves mailboxes from one IMAP server to another and keeps both
 alike until the day of the cutover: it takes a snapshot of both sides, shows
 what would be done, does exactly that, and proves that what left has arrived.
 .
 It may be interrupted at any time and goes on from there. A master user on
 each side serves for all accounts. This package has units for systemd, none
 of which is started before the settings in /etc/mailferry are written.
END
    settled "$tree"
    dpkg-deb --root-owner-group -Zxz --build "$tree" "$out/mailferry_$version-${revision}_$1.deb" >/dev/null
}

# container NAME PROGRAM: what an image is made of.
container() {
    tree=$out/container-$1
    rm -rf "$tree"
    rootfs=$tree/rootfs
    install_file 755 "$2" "$rootfs/usr/bin/mailferry"
    install_file 644 /etc/ssl/certs/ca-certificates.crt "$rootfs/etc/ssl/certs/ca-certificates.crt"
    printf 'mailferry:x:65532:65532:mailferry:/var/lib/mailferry:/usr/bin/mailferry\n' >"$rootfs/etc/passwd"
    printf 'mailferry:x:65532:\n' >"$rootfs/etc/group"
    # The hours of waves are told in time zones.
    mkdir -p "$rootfs/usr/share"
    cp -R --dereference --no-preserve=mode /usr/share/zoneinfo "$rootfs/usr/share/zoneinfo"
    rm -rf "$rootfs/usr/share/zoneinfo/right" "$rootfs/usr/share/zoneinfo/posix"
    mkdir -p "$rootfs/etc/mailferry" "$rootfs/var/lib/mailferry"
    install_file 644 packaging/Containerfile "$tree/Containerfile"
    chmod -R u=rwX,go=rX "$tree"
    settled "$tree"
}

# sbom TARGET
sbom() {
    cargo tree --locked --target "$1" -e normal,build --prefix none -f '{p}' >"$work/tree"
    cargo metadata --format-version 1 --locked --filter-platform "$1" |
        python3 packaging/sbom.py Cargo.lock "$work/tree" >"$out/mailferry-$version.cdx.json"
}

crate() {
    # The sources as they are in the commit; what is not in it is no part of a release.
    cargo package --locked --target-dir "$root/target" ${DIST_DIRTY:+--allow-dirty} >&2
    cp "$root/target/package/mailferry-$version.crate" "$out/"
}

name_of() { case $1 in x86_64-*) echo x86_64-linux ;; aarch64-*) echo aarch64-linux ;; esac; }
architecture_of() { case $1 in x86_64-*) echo amd64 ;; aarch64-*) echo arm64 ;; esac; }

if [ "${1:-}" = program ]; then
    cp "$(program "$2")" "$3"
    exit
fi

targets=$*
if [ -z "$targets" ]; then
    for target in x86_64-unknown-linux-musl aarch64-unknown-linux-musl; do
        if can_build "$target"; then targets="$targets $target"
        else echo "dist.sh: $target cannot be built here: nothing is made for it" >&2
        fi
    done
fi
[ -n "$targets" ] || fail "there is nothing that can be built here; run packaging/tools.sh"

rm -rf "$out" "$work"
mkdir -p "$out" "$work"
native=
for target in $targets; do
    say "the program for $target"
    built=$(program "$target")
    cp "$built" "$work/mailferry-$target"
    case $target in "$(uname -m)"-*) native=$work/mailferry-$target ;; esac
done
[ -n "$native" ] || fail "pages and completions come from the program, and none of these runs here"

# What was built: of this commit, or of something else.
if [ -z "$(git status --porcelain --untracked-files=no 2>/dev/null || echo no)" ]; then git rev-parse HEAD >"$work/commit"; fi

say "what it is built of"
sbom "$(basename "$native" | sed 's/^mailferry-//')"
pages
for target in $targets; do
    say "packages for $target"
    archive "$(name_of "$target")" "$work/mailferry-$target"
    debian "$(architecture_of "$target")" "$work/mailferry-$target"
    container "$(name_of "$target")" "$work/mailferry-$target"
done
[ -n "${DIST_WITHOUT_CRATE:-}" ] || { say "the crate, built once more from its own sources"; crate; }

(cd "$out" && find . -maxdepth 1 -type f ! -name SHA256SUMS -printf '%P\n' | sort | xargs sha256sum >SHA256SUMS)
say "target/dist"
cat "$out/SHA256SUMS" >&2
