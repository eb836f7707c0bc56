#!/bin/bash
# odb query on the index of a made-up run (tests/db/synth.c): every question answers, in text and in JSON, and what
# cannot be answered is one line on stderr with exit status 1, or 2 where the command line is wrong.
#     query.sh ODB TEST_DB
set -euo pipefail
odb=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export ODB_DIR="$dir/root"
mkdir "$dir/rec"
"$2" "$dir/rec" 7 5000 200 >/dev/null
touch "$dir/rec/events" # what makes a folder a recording, as far as query looks
rec=$dir/rec

fail() { echo "query.sh: $*" >&2; exit 1; }
# has PATTERN ARGS...: the answer has a line that matches
has() { local p=$1; shift; "$odb" query "$rec" "$@" >"$dir/out" 2>"$dir/err" || fail "$*: $(cat "$dir/err")"
        grep -qE -- "$p" "$dir/out" || fail "$*: no $p in: $(head -c 600 "$dir/out")"; [ ! -s "$dir/err" ] || fail "$*: $(cat "$dir/err")"; }
# json ARGS...: the answer is JSON
json() { "$odb" query "$rec" "$@" --json >"$dir/out" || fail "$*"; python3 -m json.tool <"$dir/out" >/dev/null || fail "$*: not JSON"; }
# refuses STATUS PATTERN ARGS...
refuses() { local want=$1 p=$2 got=0; shift 2; "$odb" query "$@" >"$dir/out" 2>"$dir/err" || got=$?
            [ "$got" = "$want" ] || fail "$*: status $got, not $want"
            [ "$(wc -l <"$dir/err")" = 1 ] || fail "$*: $(cat "$dir/err")"
            grep -qE -- "$p" "$dir/err" || fail "$*: $(cat "$dir/err")"; }

has '^rip +0x1234' regs
has '^rax +0x' regs --at 50%
has '^t 0 of 5000' regs --at start
has '^0x000010002ff0 ( ..){8} ' mem 0x10002ff0 64 --at 1000
has '->' last-write 0x10003000,8 --before end
has '->' writes 0x10003000,200 --from 10 --to 3000
has 'no writes' writes 0x10
has '^ +[0-9]+  \[100/10[01]\] read\(' syscalls
has '^ +[0-9]+  \[100/10[01]\] read\(' syscalls read
has 'no call of write' syscalls write
has 'no system calls' syscalls --pid 99
has 'thread 101 \(does not run\)' regs --tid 101 --at "$("$odb" query "$rec" 'SELECT min(t) FROM executions WHERE tid=100 AND t>1000' | tail -1 | tr -d ' ')"
has 'process 100, thread 10' regs --pid 100 --at 2000
has '->' next-write 0x10003000,8 --from 100
has 'not written' next-write 0x10003000,8 --from end
has '^ +0 +5000 +100  \(2 threads\)' processes
has '->' writes 0x10003000,20 --pid 100
has 'stdout  "hello\\n"' output
has '^0x000010000000-0x' maps --at end
has '0x10002ff0' disasm 0x10002ff0 5 --at 1000
has '^ *[0-9]+ +0x4' 'SELECT t, rip FROM executions WHERE t=77'
has '5000' 'select count(*) from executions'
for q in regs 'mem 0x10002ff0 64 --at 1000' 'last-write 0x10003000' 'writes 0x10003000,20' 'writes 0x10' syscalls output maps processes 'regs --tid 101 --at 4000' 'next-write 0x10003000' 'disasm 0x10002ff0 --at 1000'; do
    # shellcheck disable=SC2086
    json $q
done
json 'SELECT * FROM mem_writes LIMIT 50'
json 'SELECT 1.5, NULL, x, memory(5, 0x10000000, 9) FROM (SELECT char(34, 7, 233) AS x)'
json 'SELECT * FROM mem_writes WHERE t < 0'

refuses 2 'question' "$rec"
refuses 2 'no question' "$rec" nonsense
refuses 2 '--at' "$rec" syscalls --at 5
refuses 2 'percentage' "$rec" regs --at '101%'
refuses 1 "'nowhere' at t" "$rec" mem nowhere 8
refuses 2 'a number' "$rec" regs --pid x
refuses 2 'SQL takes no' "$rec" 'SELECT 1' --pid 100
refuses 1 'process 99' "$rec" regs --pid 99
refuses 1 'process 99 does not live' "$rec" mem 0x10002ff0 8 --at 5 --pid 99
refuses 1 'thread 99' "$rec" regs --tid 99
refuses 2 'LEN' "$rec" mem 0x10 0
refuses 2 'regs --at T' "$rec" regs 5
refuses 1 'behind the end' "$rec" regs --at 5001
refuses 1 'nothing is mapped' "$rec" mem 0x10 8
refuses 1 'no such table' "$rec" 'SELECT * FROM nowhere'
refuses 1 'not mapped' "$rec" 'SELECT memory(1, 16, 4)'
refuses 1 'needs a t' "$rec" 'SELECT * FROM registers'
refuses 1 'can only be read' "$rec" 'WITH x AS (SELECT 1) DELETE FROM files'
refuses 1 'no recording' regs
: >"$rec/index.db"
refuses 1 'index' "$rec" regs
head -c 100000 /dev/urandom >"$rec/index.db"
refuses 1 'not a database|corrupt' "$rec" regs
echo "query: all answered"
