#!/usr/bin/env bash
# recordings.sh ODB: where recordings go, `latest`, names, exit status, and that record and replay print nothing of their own.
set -uo pipefail
odb=$1
tmp=$(mktemp -d)
export ODB_DIR=$tmp/recordings
bad=0
fail() { echo "FAILED: $*"; bad=1; }

"$odb" record -- /bin/sh -c 'echo out; echo err >&2; exit 7' >"$tmp/out" 2>"$tmp/err"
[ $? = 7 ] || fail "record: exit status"
[ "$(cat "$tmp/out")" = out ] || fail "record: stdout $(cat "$tmp/out")"
[ "$(cat "$tmp/err")" = err ] || fail "record: stderr $(cat "$tmp/err")"
[ -f "$ODB_DIR/sh-0/events" ] || fail "no recording sh-0: $(ls "$ODB_DIR")"
[ "$(readlink "$ODB_DIR/latest")" = sh-0 ] || fail "latest: $(readlink "$ODB_DIR/latest")"
[ ! -e "$ODB_DIR/sh-0/ring" ] || fail "the ring is left behind"

"$odb" replay >"$tmp/out" 2>"$tmp/err"
[ $? = 7 ] || fail "replay: exit status"
[ "$(cat "$tmp/out")" = out ] || fail "replay: stdout $(cat "$tmp/out")"
[ "$(cat "$tmp/err")" = err ] || fail "replay: stderr $(cat "$tmp/err")"

# -o, a signal's status, and options that belong to the program
"$odb" record -o "$tmp/elsewhere" /bin/sh -c 'kill -TERM $$' >"$tmp/out" 2>"$tmp/err"
[ $? = 143 ] || fail "record: status of a signal"
"$odb" replay >"$tmp/out" 2>"$tmp/err"
[ $? = 143 ] || fail "replay of latest: status of a signal"
[ -z "$(cat "$tmp/out" "$tmp/err")" ] || fail "replay prints: $(cat "$tmp/out" "$tmp/err")"
"$odb" record /bin/echo -o --check >"$tmp/out" 2>"$tmp/err"
[ "$(cat "$tmp/out")" = '-o --check' ] || fail "the program's options: $(cat "$tmp/out")"
[ -f "$ODB_DIR/echo-0/events" ] || fail "no recording echo-0"
"$odb" record /bin/echo >/dev/null 2>&1
[ -f "$ODB_DIR/echo-1/events" ] || fail "no recording echo-1"
[ "$("$odb" replay echo-0)" = '-o --check' ] || fail "replay by name"
[ "$("$odb" ls | wc -l)" = 3 ] || fail "ls: $("$odb" ls)"
"$odb" ls | grep -q '^\* echo-1 .*exit 0' || fail "ls marks the latest: $("$odb" ls)"
"$odb" info sh-0 | grep -q 'exit 7' || fail "info: $("$odb" info sh-0)"
"$odb" info "$tmp/elsewhere" | grep -q 'SIGTERM' || fail "info: $("$odb" info "$tmp/elsewhere")"
"$odb" dump echo-0 | grep -q 'write' || fail "dump shows no write"
printf in | "$odb" record /bin/cat >"$tmp/out" 2>"$tmp/err"
[ "$(cat "$tmp/out")" = in ] || fail "stdin of the program"
[ "$("$odb" replay </dev/null)" = in ] || fail "replay needs no stdin"

[ $bad = 0 ] && rm -rf "$tmp"
exit $bad
