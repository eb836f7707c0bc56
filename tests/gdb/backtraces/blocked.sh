#!/bin/bash
# The stack of a thread that waits until the program ends, by number and in JSON; and what `odb query backtrace` refuses.
#     blocked.sh ODB
set -euo pipefail
odb=$(readlink -f "$1")
here=$(dirname "$(readlink -f "$0")")
dir=$(mktemp -d "${ODB_TEST_KEEP:-${TMPDIR:-/tmp}}/blocked.XXXXXX")
trap '[ $? = 0 ] && rm -rf "$dir" || echo "kept: $dir"' EXIT
export ODB_DIR=$dir/root
fail() { echo "blocked.sh: $*" >&2; exit 1; }

gcc -g -O1 "$here/blocked.c" -o "$dir/blocked" -pthread
"$odb" record -o "$dir/rec" -- "$dir/blocked"
"$odb" index "$dir/rec"
tid=$("$odb" query "$dir/rec" 'SELECT max(tid) FROM threads WHERE tid<>pid' | tail -1 | tr -d ' ')
bt() { "$odb" query "$dir/rec" backtrace "$@"; }
bt --at end --tid "$tid" >"$dir/stack"
grep -qE '^#0  .*lock_wait|^#0  .*futex|^#0  .*syscall' "$dir/stack" || fail "no system call innermost: $(cat "$dir/stack")"
grep -qE '^#[0-9]+ +(0x[0-9a-f]+ in )?.*pthread_mutex_lock' "$dir/stack" || fail "no pthread_mutex_lock: $(cat "$dir/stack")"
grep -qE '^#[0-9]+ +0x[0-9a-f]+ in waits \(argument=(0x0|<optimized out>)\) at .*blocked\.c:12$' "$dir/stack" || fail "no waits: $(cat "$dir/stack")"
grep -q 'stopped' "$dir/stack" && fail "an end of the stack that is not known: $(cat "$dir/stack")"
bt --at end --tid "$tid" --json >"$dir/json"
python3 -m json.tool "$dir/json" "$dir/pretty"
grep -q '"function": "waits"' "$dir/pretty" || fail 'JSON'
[ "$(bt --at end --tid "$tid" --max 2 | grep -c '^#')" = 2 ] || fail '--max 2'
bt --at end >"$dir/main"
grep -qE '_exit' "$dir/main" || fail 'main at the end'
bt --at start >"$dir/start"
grep -qE '^#0  0x[0-9a-f]+ in _start \(\)' "$dir/start" || fail 'the first instruction'
bt --max 0 >/dev/null 2>&1 && fail '--max 0 was taken'
bt --at 5 --tid "$tid" 2>"$dir/error" && fail 'a thread before it lives has a stack'
grep -q 'does not live' "$dir/error" || fail "$(cat "$dir/error")"
echo 'blocked: its stack is known'
