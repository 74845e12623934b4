#!/bin/sh
# Builds the program of a commit twice, from two directories of different names and lengths, each with nothing built before, and says
# whether both are equal, octet by octet. Where `make dist` has built it from this very commit, that is one of the two.
#
#   reproduce.sh [TARGET]     default: x86_64-unknown-linux-musl, or aarch64 where that is this machine's
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
target=${1:-$(uname -m)-unknown-linux-musl}
cd "$root"
[ -z "$(git status --porcelain --untracked-files=no)" ] || { echo "reproduce.sh: commit first: a commit is what is built" >&2; exit 1; }
commit=$(git rev-parse HEAD)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
work=$(mktemp -d "${TMPDIR:-/tmp}/mailferry-reproduce.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# built PLACE: the program of the commit, built there; its sum.
built() {
    mkdir -p "$work/$1"
    git archive "$commit" | tar -xf - -C "$work/$1"
    env -u CARGO_TARGET_DIR sh "$work/$1/packaging/dist.sh" program "$target" "$work/program-$1" >&2
    rm -rf "$work/$1"
    sha256sum <"$work/program-$1" | cut -d ' ' -f 1
}

made=$root/target/dist-work/mailferry-$target
if [ -e "$made" ] && [ "$(cat "$root/target/dist-work/commit" 2>/dev/null)" = "$commit" ]; then
    first=$(sha256sum <"$made" | cut -d ' ' -f 1)
    echo "$first  from $root"
else
    first=$(built one)
    echo "$first  from $work/one"
fi
second=$(built another-and-much-longer-place)
echo "$second  from another directory"
[ "$first" = "$second" ] || { echo "reproduce.sh: they differ" >&2; exit 1; }
echo "equal: $commit for $target, by $(rustc --version)"
