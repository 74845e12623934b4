#!/bin/sh
# Looks at everything in target/dist as its user would: sums, the program itself, the archive, the package in a new system, the image, the
# list of what it is built of; and the demo's whole story with the packaged program. What cannot be looked at on this machine is
# said, and counted at the end.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
out=$root/target/dist
work=$root/target/dist-check
export LC_ALL=C

left_out=0
say() { printf '\n== %s\n' "$*"; }
ok() { printf '   %s\n' "$*"; }
leave_out() { left_out=$((left_out + 1)); printf '   NOT CHECKED: %s\n' "$*"; }
fail() { printf '\ncheck.sh: %s\n' "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null; }

version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$root/Cargo.toml" | head -n 1)
case $(uname -m) in
    x86_64) name=x86_64-linux architecture=amd64 target=x86_64-unknown-linux-musl ;;
    aarch64) name=aarch64-linux architecture=arm64 target=aarch64-unknown-linux-musl ;;
    *) fail "nothing is made for $(uname -m)" ;;
esac
deb=$out/mailferry_$version-1_$architecture.deb
[ -e "$deb" ] || fail "there is no $deb: run packaging/dist.sh first"

chroot=$work/chroot
mounted=
clean_up() {
    [ -z "$mounted" ] || umount "$mounted" 2>/dev/null || true
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
rm -rf "$work"
mkdir -p "$work"

say "sums"
(cd "$out" && sha256sum --quiet -c SHA256SUMS) || fail "a sum is wrong"
ok "$(grep -c . "$out/SHA256SUMS") files are as SHA256SUMS says"

say "the archive"
tar -xzf "$out/mailferry-$version-$name.tar.gz" -C "$work"
program=$work/mailferry-$version-$name/mailferry
! readelf -l "$program" | grep -q INTERP || fail "the program is not static"
! readelf -d "$program" | grep -q NEEDED || fail "the program needs libraries"
[ "$("$program" --version)" = "mailferry $version" ] || fail "the program is of another version"
! strings "$program" | grep -qF "$root" || fail "the program holds the path in which it was built"
ok "static, $(stat -c %s "$program") octets, and no path of this machine in it"
[ -z "$(tar -tvzf "$out/mailferry-$version-$name.tar.gz" | awk '$2 != "0/0"')" ] || fail "the archive names users"
for page in "$work/mailferry-$version-$name"/man/*.1; do
    [ -z "$(MANROFFSEQ='' man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null)" ] || fail "$page is no clean page"
done
ok "$(ls "$work/mailferry-$version-$name/man" | wc -l) pages of the manual are clean"
bash -n "$work/mailferry-$version-$name/completions/bash-completion/completions/mailferry"
bash -c "source '$work/mailferry-$version-$name/completions/bash-completion/completions/mailferry'
         COMP_WORDS=(mailferry ver) COMP_CWORD=1; _mailferry mailferry ver mailferry; [ \"\${COMPREPLY[*]}\" = verify ]" ||
    fail "bash does not complete \`mailferry ver\`"
ok "bash completes \`mailferry ver\`"

say "the other processor"
other=$(ls "$out"/mailferry-"$version"-aarch64-linux.tar.gz 2>/dev/null || true)
if [ "$name" != x86_64-linux ] || [ -z "$other" ]; then leave_out "nothing was built for aarch64"
elif ! has qemu-aarch64-static; then leave_out "the program for aarch64: there is no qemu-aarch64-static"
else
    tar -xzf "$other" -C "$work"
    mkdir -p "$work/emulated"
    printf '#!/bin/sh\nexec qemu-aarch64-static "%s" "$@"\n' "$work/mailferry-$version-aarch64-linux/mailferry" >"$work/emulated/mailferry"
    chmod 755 "$work/emulated/mailferry"
    [ "$("$work/emulated/mailferry" --version)" = "mailferry $version" ] || fail "the program for aarch64 does not run"
    ok "the program for aarch64 runs, emulated"
fi

say "the package"
if has lintian; then
    for package in "$out"/*.deb; do
        # Not policy: who maintains it, and which bug asks for it, is for a distribution to say.
        lintian --no-cfg --fail-on error,warning --suppress-tags "bogus-mail-host,initial-upload-closes-no-bugs" "$package" ||
            fail "lintian objects to $package"
    done
    ok "lintian has no objection"
else leave_out "lintian is not installed"
fi

# A new system in a directory: Debian as it is after its installation, and not yet anything else.
if [ "$(id -u)" != 0 ] || ! has debootstrap; then
    leave_out "the package in a new system: needs root and debootstrap"
    mkdir -p "$work/unpacked"
    dpkg-deb -x "$deb" "$work/unpacked"
    packaged=$work/unpacked/usr/bin
else
    archive=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1)
    suite=$(. /etc/os-release; echo "${VERSION_CODENAME:-stable}")
    debootstrap --variant=minbase --include=adduser "$suite" "$chroot" "$archive" >"$work/debootstrap.log" 2>&1 ||
        { tail -n 5 "$work/debootstrap.log" >&2; fail "a new system could not be made"; }
    in_chroot() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive chroot "$chroot" "$@"; }
    cp "$deb" "$chroot/tmp/mailferry.deb"
    in_chroot dpkg -i /tmp/mailferry.deb >"$work/dpkg.log" 2>&1 || { cat "$work/dpkg.log" >&2; fail "it cannot be installed"; }
    [ "$(in_chroot mailferry --version)" = "mailferry $version" ] || fail "the installed program does not run"
    [ "$(in_chroot stat -c '%a %U:%G' /etc/mailferry)" = "750 root:mailferry" ] || fail "/etc/mailferry is open to others"
    in_chroot getent passwd mailferry | grep -q ':/usr/sbin/nologin$' || fail "there is no service user"
    [ -z "$(in_chroot dpkg --verify mailferry)" ] || fail "files of the package are not as they were"
    for file in usr/share/man/man1/mailferry-sync.1.gz usr/share/bash-completion/completions/mailferry \
        usr/share/zsh/vendor-completions/_mailferry lib/systemd/system/mailferry.service; do
        [ -e "$chroot/$file" ] || fail "the package has no $file"
    done
    ok "installed in a new $suite: user, rights, program, pages, completions, units"
    # Again, as an upgrade does; then away with it.
    in_chroot dpkg -i /tmp/mailferry.deb >"$work/dpkg.log" 2>&1 || { cat "$work/dpkg.log" >&2; fail "it cannot be installed twice"; }
    packaged=$chroot/usr/bin
fi

say "the units"
if has systemd-analyze; then
    for unit in "${packaged%/usr/bin}"/lib/systemd/system/mailferry*; do
        # Of a system that is a directory only the program is missing here.
        sed "s#/usr/bin/mailferry#$packaged/mailferry#" "$unit" >"$work/$(basename "$unit")"
    done
    for unit in "$work"/mailferry*.service "$work"/mailferry*.timer; do
        case $unit in *@.service) unit=$(echo "$unit" | sed 's/@/@0/'); cp "$work/mailferry@.service" "$unit" ;; esac
        said=$(systemd-analyze verify --man=no "$unit" 2>&1) || fail "$(basename "$unit"): $said"
        [ -z "$said" ] || fail "$(basename "$unit"): $said"
    done
    ok "systemd has no objection"
else leave_out "the units: there is no systemd-analyze"
fi

say "what it is built of"
cargo tree --locked --target "$target" -e normal,build --prefix none -f '{p}' --manifest-path "$root/Cargo.toml" |
    sed -E 's/ \(.*//; s/ v/@/' | grep -v '^mailferry@' | sort -u >"$work/tree"
python3 - "$out/mailferry-$version.cdx.json" "$work/tree" <<'END' || fail "the list of what it is built of is wrong"
import json, sys
document = json.load(open(sys.argv[1]))
named = {f"{it['name']}@{it['version']}" for it in document["components"]}
built = set(open(sys.argv[2]).read().split())
assert named == built, named ^ built
assert all(it.get("licenses") and it.get("hashes") for it in document["components"]), "a licence or a sum is missing"
print(f"   {len(named)} packages, those that cargo names, each with its licence and its sum")
END
cache=${XDG_CACHE_HOME:-$([ "$(id -u)" = 0 ] && echo /var/cache || echo "$HOME/.cache")}/mailferry-test/cyclonedx
[ -e "$cache/complete" ] || {
    rm -rf "$cache"
    python3 -m venv "$cache" && "$cache/bin/pip" install -q --disable-pip-version-check 'cyclonedx-python-lib[json-validation]' &&
        touch "$cache/complete"
} >/dev/null 2>&1 || true
if [ -e "$cache/complete" ]; then
    "$cache/bin/python" - "$out/mailferry-$version.cdx.json" <<'END' || fail "the list is not as its schema says"
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1]).read())
assert fault is None, fault
END
    ok "as the schema of CycloneDX 1.6 says"
else leave_out "the schema of CycloneDX: its validator cannot be had"
fi

say "the image"
context=$out/container-$name
if [ "$(id -u)" = 0 ] && has buildah; then
    b() { buildah --root "$work/containers" --runroot "$work/containers-run" --storage-driver vfs "$@"; }
    b build --isolation chroot --pull-never -q -t mailferry "$context" >"$work/image" 2>&1 ||
        { cat "$work/image" >&2; fail "the image cannot be built"; }
    [ "$(b inspect --type image --format '{{.OCIv1.Config.User}}' mailferry)" = 65532:65532 ] || fail "the image runs as root"
    ok "built without a network; it runs as 65532"
else leave_out "the image: needs root and buildah"
fi
# What runs in it, with what it has and no more: nothing else of this machine can be seen, and nothing can be written.
if [ "$(id -u)" = 0 ]; then
    said=$(chroot --userspec=65532:65532 "$context/rootfs" /usr/bin/mailferry --version) || fail "the image's program does not run"
    [ "$said" = "mailferry $version" ] || fail "the image's program says: $said"
    said=$(chroot --userspec=65532:65532 "$context/rootfs" /usr/bin/mailferry check 2>&1) && fail "there are no settings, and no failure"
    case $said in *"no mailferry.toml"*) ;; *) fail "the image's program says: $said" ;; esac
    ok "its program runs as nobody in particular, with nothing else around it"
else leave_out "the image's program: needs root"
fi

say "the demo, with the packaged program"
"$root/tests/support/setup.sh" dovecot
cargo build --locked --quiet --example private_servers --manifest-path "$root/Cargo.toml"
PROGRAMS=$packaged SERVERS=${CARGO_TARGET_DIR:-$root/target}/debug/examples/private_servers sh "$root/examples/demo.sh" \
    >"$work/demo.log" 2>&1 || { tail -n 30 "$work/demo.log" >&2; fail "the demo fails with the packaged program"; }
tail -n 2 "$work/demo.log" | sed 's/^/   /'
if [ -x "$work/emulated/mailferry" ]; then
    PROGRAMS=$work/emulated SERVERS=${CARGO_TARGET_DIR:-$root/target}/debug/examples/private_servers sh "$root/examples/demo.sh" \
        >"$work/demo.log" 2>&1 || { tail -n 30 "$work/demo.log" >&2; fail "the demo fails with the program for aarch64"; }
    ok "and with the one for aarch64, emulated"
fi

if [ -d "$chroot" ]; then
    say "away with it"
    mkdir -p "$chroot/var/lib/mailferry" && touch "$chroot/var/lib/mailferry/state"
    in_chroot dpkg --purge mailferry >"$work/dpkg.log" 2>&1 || { cat "$work/dpkg.log" >&2; fail "it cannot be removed"; }
    [ -e "$chroot/var/lib/mailferry/state" ] || fail "the state went with the package"
    [ ! -e "$chroot/usr/bin/mailferry" ] || fail "the program stayed"
    ok "removed; the state stays, and it says so: $(grep -c 'was left as it is' "$work/dpkg.log") times"
fi

printf '\nEverything in target/dist was used as its users would'
[ "$left_out" = 0 ] && echo . || echo ", but for $left_out, named above."
