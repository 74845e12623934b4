#!/bin/sh
# The main job as a user does it, on two real mail servers of its own: `make demo` builds what this
# needs and runs it. Everything is below one temporary directory, and nothing is left behind.
# Of a program that is installed elsewhere, PROGRAMS names the directory, and SERVERS the program that starts the servers.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
programs=${CARGO_TARGET_DIR:-$root/target}/release
case $programs in /*) ;; *) programs=$root/$programs ;; esac
servers_program=${SERVERS:-$programs/examples/private_servers}
PATH=${PROGRAMS:-$programs}:$PATH
export PATH
unset MAILFERRY_SOURCE_PASSWORD MAILFERRY_DESTINATION_PASSWORD

# ---- words ---------------------------------------------------------------------------------------

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$(printf '\033[1m') plain=$(printf '\033[0m')
else
    bold='' plain=''
fi
steps=0

step() { steps=$((steps + 1)); printf '\n\n%s%d. %s%s\n' "$bold" "$steps" "$1" "$plain"; }
say() { printf '%s\n' "$@"; }
show() { printf '\n%s$ %s%s\n' "$bold" "$*" "$plain"; }
fail() { printf '\ndemo: %s\n' "$*" >&2; exit 1; }

expect_status() { # EXPECTED ACTUAL
    [ "$2" = "$1" ] || fail "the exit status was $2, and should have been $1: this is a fault of mailferry"
}

# ferry STATUS WORD...: shows the command, runs it, and insists on that exit status.
ferry() {
    expected=$1
    shift
    show "mailferry $*"
    status=0
    mailferry "$@" || status=$?
    expect_status "$expected" "$status"
    [ "$status" = 0 ] || say "(exit status $status)"
}

# ---- two servers ---------------------------------------------------------------------------------

work=$(mktemp -d "${TMPDIR:-/tmp}/mailferry-demo.XXXXXX")
chmod 711 "$work" # so that servers started by root can come to their mail after giving root up
servers='' apply=''

# The servers end when their stdin does, however this script ends.
clean_up() {
    trap '' INT TERM HUP
    exec 3>&- 4<&-
    [ -z "$apply" ] || kill -s KILL "$apply" 2>/dev/null || true
    [ -z "$servers" ] || wait "$servers" 2>/dev/null || true
    cd /
    rm -rf "$work"
}
exec 3>/dev/null 4</dev/null
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
trap '' PIPE # a write then fails, and we still clean up

start_servers() {
    mkfifo "$work/commands" "$work/answers"
    "$servers_program" --directory "$work/servers" --seed "$root/fixtures/seed/demo.txt" \
        <"$work/commands" >"$work/answers" 2>"$work/errors" 3>&- 4<&- &
    servers=$!
    exec 3>"$work/commands" 4<"$work/answers"
    while read -r line <&4; do
        case $line in
            READY=1) return ;;
            *=*) eval "$line" ;;
        esac
    done
    cat "$work/errors" >&2
    fail "the private servers did not start"
}

# order WORD...: tells the servers' program to do something, and waits for its answer.
order() {
    say "$*" >&3
    read -r answer <&4 || { cat "$work/errors" >&2; fail "the private servers have ended"; }
}

# ---- apply, and what may befall it ---------------------------------------------------------------

# interrupted_apply SIGNAL COUNT STATUS: an apply that gets SIGNAL when bob's INBOX has COUNT messages at its destination.
interrupted_apply() {
    show "mailferry apply &"
    mailferry apply --progress none 3>&- 4<&- &
    apply=$!
    order await bob INBOX "$2"
    signalled=no
    if kill -s "$1" "$apply" 2>/dev/null; then signalled=yes; fi
    status=0
    wait "$apply" 2>/dev/null || status=$?
    apply=''
    if [ "$status" = 0 ]; then
        say "(It had ended before the signal came: this machine is too quick to be interrupted.)"
        return
    fi
    [ "$signalled" = yes ] || fail "apply ended with exit status $status by itself"
    show "kill -s $1 \$!      # when bob's INBOX had $2 messages on the new server"
    expect_status "$3" "$status"
    say "(exit status $status)"
}

# ---- the demo ------------------------------------------------------------------------------------

say "Starting two private mail servers with three accounts on the old one ..."
start_servers
mkdir -m 700 "$work/migration"
cd "$work/migration"
cp "$CA_FILE" ca.pem
(umask 077 && say "$MASTER_PASSWORD" >master.password)
cat >mailferry.toml <<END
[source]
host = "localhost"
port = $SOURCE_TLS_PORT
ca_file = "ca.pem"
master_user = "$MASTER_USER"
master_style = "separator"         # logs in as alice*$MASTER_USER
password_file = "master.password"

[destination]
host = "localhost"
port = $DESTINATION_TLS_PORT
ca_file = "ca.pem"
master_user = "$MASTER_USER"
master_style = "authzid"           # logs in as $MASTER_USER, for alice
password_file = "master.password"

[accounts]
file = "accounts.csv"
END
cat >accounts.csv <<END
name,source_user,destination_user,tags
alice,alice,alice,first-wave
bob,bob,bob,office
carol,carol,carol,office
END

step "The settings: two servers, a master user on each side, and who is to be moved"
say "(mailferry init writes a commented file to start from.)"
show "cat mailferry.toml"
cat mailferry.toml
show "cat accounts.csv"
cat accounts.csv

step "Can we log in everywhere, and what will not work?"
ferry 0 check

step "Take a snapshot of both sides, and see what would be done"
say "Nothing is changed by either of these."
ferry 0 scan
ferry 0 plan

step "Do it: first a part, to see how it goes"
say "Exit status 9 says: this was the limit, run it again."
ferry 9 apply --max-messages 200

step "Go on, and stop it with Ctrl-C (SIGINT): it finishes the batch in hand"
interrupted_apply INT 1500 130

step "Go on, and kill it in the middle of its work: the same as a power cut"
interrupted_apply KILL 3000 137

step "Go on. What had arrived is recognised, and not copied again"
ferry 0 apply
ferry 0 verify

step "Meanwhile the old server is still in use: two messages arrive, one is read, one is flagged"
order deliver alice INBOX
order deliver bob Kunden/Müller
order flag alice INBOX 4 '\Seen'
order flag bob INBOX 6001 '\Flagged'
say "verify tells what is missing by now (exit status 8), and sync brings just that."
say "Until the cutover, run sync again and again, or: mailferry sync --watch 15m"
ferry 8 verify
ferry 0 sync

step "Lose all that mailferry knows. The servers hold the truth: nothing is copied twice"
show "rm -r mailferry.state"
rm -r mailferry.state
ferry 0 sync

step "The proof: every message of both sides is read, and compared byte for byte"
ferry 0 status
ferry 0 verify --deep
