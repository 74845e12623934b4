#!/bin/sh
# Shards over machines that answer to ssh: ferry.sh m1 m2 m3. Each has mailferry and the directory FERRY_DIR, on a disk that all
# of them share: a machine that dies leaves its shards to the others. What is left after a limit is done by the same again.
set -eu
[ $# -gt 0 ] || { echo "usage: $0 MACHINE..." >&2; exit 2; }
shards=${SHARDS:-$((4 * $#))}
machines=$(IFS=,; echo "$*")
seq 0 $((shards - 1)) | parallel ${SSH:+--ssh "$SSH"} -S "$machines" --workdir "${FERRY_DIR:?}" -j 1 --retries 4 \
    --joblog "${JOBLOG:-ferry.joblog}" --resume-failed --termseq INT,120000,TERM,10000,KILL,25 \
    "${MAILFERRY:-mailferry} sync --shard {}/$shards --at-once $# --progress none --quiet"
