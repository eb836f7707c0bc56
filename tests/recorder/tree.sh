#!/usr/bin/env bash
# shellcheck disable=SC1091,SC2154,SC2015,SC2016
# tree.sh ODB: recordings of trees of processes: when they end, with which status, what is told of them.
set -uo pipefail
. "$(dirname "$0")/common.sh"

# both STATUS WHAT OUTPUT COMMAND...: recorded and replayed, with this status and output
both() {
    local status=$1 what=$2 output=$3
    shift 3
    rm -rf "$dir/rec"
    expect "$status" "$what, record" "$odb" record -o "$dir/rec" "$@"
    [ "$(cat "$dir/out")" = "$output" ] || fail "$what, record: output '$(head -c 300 "$dir/out")'"
    [ ! -s "$dir/err" ] || fail "$what, record: $(head -c 300 "$dir/err")"
    [ ! -e "$dir/rec/ring" ] || fail "$what: ring was left"
    [ "$status" != 124 ] || status=$((128 + 15)) # the program's own end is a signal
    expect "$status" "$what, replay" "$odb" replay --check "$dir/rec"
    [ "$(cat "$dir/out")" = "$output" ] || fail "$what, replay: output '$(head -c 300 "$dir/out")'"
    [ ! -s "$dir/err" ] || fail "$what, replay: $(head -c 300 "$dir/err")"
}

both 3 "status of the first process" "a" -- /bin/sh -c '(exit 5); echo a; exit 3'
both 4 "a daemon" $'first\ndaemon' -- /bin/sh -c '(setsid sh -c "sleep 0.3; echo daemon" &) ; echo first; exit 4'
both 0 "a killed child" "137" -- /bin/sh -c 'exec 2> /dev/null; sleep 60 & kill -9 $!; wait $!; echo $?'
both 0 "a child that kills itself" "137" -- /bin/sh -c 'sh -c "kill -9 \$\$" 2> /dev/null; echo $?'
both 0 "a child ended by a signal" "143" -- /bin/sh -c 'exec 2> /dev/null; sleep 60 & sleep 0.1; kill $!; wait $!; echo $?'
both 137 "the first is killed" "a" -- /bin/sh -c 'echo a; kill -9 $$; echo b'
both 0 "orphans" "done" -- /bin/sh -c 'for i in 1 2 3; do (sh -c "sleep 0.1; exit 1" &); done; echo done'
both 124 "timeout" "begun" --timeout 0.5 -- /bin/sh -c 'echo begun; exec sleep 60'
both 0 "timeout that is not reached" "a" --timeout 20 -- /bin/sh -c 'echo a'
both 0 "environment" $'A=1\nB=' --clear-env -e A=1 --env B= -- /usr/bin/env
OLD=x both 0 "environment less one" "[]" --unset-env OLD -- /bin/sh -c 'echo "[$OLD]"'
both 0 "chaos with a seed" "60" --seed 5 -- /bin/sh -c 'for i in 1 2 3; do (echo $((i * 10))) & done | { s=0; while read x; do s=$((s + x)); done; echo $s; }'
both 0 "slice" "ab" --slice 0.5 -- /bin/sh -c '(printf a; printf b) | cat; echo'

# children that odb was born with are not of the program
rm -rf "$dir/rec"
begun=$SECONDS
expect 0 "a foreign child" /bin/sh -c "sleep 20 > /dev/null 2>&1 & exec $odb record -o $dir/rec -- /bin/sh -c '(sleep 0.2; echo late) & echo early'"
[ "$(cat "$dir/out")" = $'early\nlate' ] || fail "a foreign child: output"
[ $((SECONDS - begun)) -lt 15 ] || fail "a foreign child: odb waited for it"
pgrep -f '^sleep 20$' > /dev/null || fail "a foreign child was killed"

# a process that ignores SIGTERM
rm -rf "$dir/rec"
expect 124 "timeout by SIGKILL" "$odb" record -o "$dir/rec" --timeout 0.3 -- /bin/sh -c 'trap "" TERM; while :; do sleep 0.1; done'
expect 137 "timeout by SIGKILL, replay" "$odb" replay --check "$dir/rec"

# SIGKILL from outside, to one of the tree
rm -rf "$dir/rec"
"$odb" record -o "$dir/rec" -- /bin/sh -c 'sleep 60 & echo $!; wait $!; echo $?' > "$dir/recorded" 2> /dev/null &
job=$!
for _ in $(seq 500); do [ -s "$dir/recorded" ] && break; sleep 0.01; done
kill -9 "$(head -n 1 "$dir/recorded")"
wait $job || fail "killed from outside: status $?"
[ "$(sed -n 2p "$dir/recorded")" = 137 ] || fail "killed from outside: output"
expect 0 "killed from outside, replay" "$odb" replay --check "$dir/rec"
cmp -s "$dir/out" "$dir/recorded" || fail "killed from outside, replay: output"
"$odb" info "$dir/rec" > "$dir/info"
grep -q '^processes	2, 2 threads' "$dir/info" && grep -q 'sleep, SIGKILL' "$dir/info" || fail "info: $(cat "$dir/info")"
"$odb" dump "$dir/rec" > "$dir/dump"
grep -q 'without a word of its own: killed by SIGKILL' "$dir/dump" || fail "the kill is not in the dump"

# SIGTERM to odb goes to the first process; what it leaves behind is ended by another
rm -rf "$dir/rec"
"$odb" record -o "$dir/rec" -- /bin/sh -c 'trap "echo term; exit 6" TERM; setsid sleep 60 & echo up; wait; wait' > "$dir/recorded" 2> /dev/null &
job=$!
for _ in $(seq 500); do [ -s "$dir/recorded" ] && break; sleep 0.01; done
kill -TERM $job
for _ in $(seq 200); do grep -q term "$dir/recorded" && break; sleep 0.01; done
sleep 0.2
kill -0 $job || fail "odb did not wait for what was left behind"
kill -TERM $job
wait $job
got=$?
[ $got = 6 ] || fail "SIGTERM to odb: status $got"
expect 6 "SIGTERM to odb, replay" "$odb" replay --check "$dir/rec"

# until it fails
cat > "$dir/third" << 'END'
n=$(cat "$1" 2> /dev/null || echo 0)
echo $((n + 1)) > "$1"
[ "$n" -lt 2 ]
END
rm -rf "$dir/rec"
expect 1 "keep on failure" "$odb" record -o "$dir/rec" --keep-on-failure --tries 9 -- /bin/sh "$dir/third" "$dir/count"
says 'try 3 ended with status 1, recorded in' "keep on failure"
expect 1 "keep on failure, replay" "$odb" replay --check "$dir/rec"
expect 0 "no failure" "$odb" record --keep-on-failure --tries 3 -- /bin/true
says '3 tries, none failed' "no failure"
[ ! -e "$ODB_DIR/true-0" ] || fail "a recording of a success was kept"
expect 0 "chaos" "$odb" record -o "$dir/chaos" --chaos -- /bin/true
says 'chaos, --seed [0-9]' "chaos"
finish
