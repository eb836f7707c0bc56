#!/usr/bin/env bash
# tree.sh ODB TEST_STATES STORES SHARED PIPE [build FILES]: recordings of process trees, indexed, and held against what the
# programs themselves know: how many stores each process made, which process wrote each byte of a shared page and of a
# pipe; and against a replay: memory and registers of every process at random points.
# `build FILES`: a make -j2 of that many C files instead.
set -euo pipefail
odb=$(realpath "$1") states=$(realpath "$2") stores=$3 shared=$4 pipe=$5
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export ODB_DIR=$tmp/root

fail() { echo "tree.sh: $*" >&2; exit 1; }
record() { # NAME COMMAND...
    local name=$1
    shift
    "$odb" record -o "$tmp/$name" -- "$@" >"$tmp/$name.out" || fail "$name: record"
    "$odb" index "$tmp/$name" || fail "$name: index"
    [ "$("$odb" query "$tmp/$name" "SELECT value FROM odb_meta WHERE key='shadow_mismatches'" --json)" = '[{"value":0}]' ] ||
        fail "$name: the index does not know all writes"
}
sql() { "$odb" query "$tmp/$1" "$2" --json | sed 's/"[^"]*"://g; s/[][{}"]//g'; } # one value

if [ "${6-}" = build ]; then
    mkdir "$tmp/src"
    for i in $(seq "$7"); do
        echo "int f$i(int x) { int s = 0; while (x--) s += $i * x; return s; }" >"$tmp/src/f$i.c"
        echo "int f$i(int);" >>"$tmp/src/all.h"
    done
    { cat "$tmp/src/all.h"; echo 'int main(void) { return 0'; seq -f '+ f%g(0)' "$7"; echo '; }'; } >"$tmp/src/main.c"
    # what was compiled by which process, by the compiler's own account
    printf '#!/bin/sh\necho $$ "$@" >>%s\nexec cc "$@"\n' "$tmp/src/log" >"$tmp/src/compile"
    chmod +x "$tmp/src/compile"
    # shellcheck disable=SC2016 # for make, not for this shell
    printf 'OBJS = main.o %s\nprog: $(OBJS)\n\t./compile -o $@ $(OBJS)\n%%.o: %%.c\n\t./compile -c -O0 -o $@ $<\n' \
        "$(seq -s ' ' -f 'f%g.o' "$7")" >"$tmp/src/Makefile"
    cd "$tmp/src"
    record build make -j2
    ./prog || fail "build: the program"
    while read -r pid args; do
        [ "$(sql build "SELECT args FROM processes WHERE pid=$pid")" = "cc $args" ] || fail "build: process $pid: cc $args"
        [ "$(sql build "SELECT count(*)>1000 FROM mem_writes WHERE pid=$pid")" = 1 ] || fail "build: writes of process $pid"
    done <log
    "$states" "$tmp/build" 6
    exit
fi

record stores "$stores"
while read -r _ pid && read -r _ n; do
    got=$(sql stores "SELECT count(*) FROM mem_writes WHERE pid=$((16#$pid))")
    [ "$got" = $((16#$n)) ] || fail "stores: process $((16#$pid)) made $((16#$n)), the index has $got"
done <"$tmp/stores.out"
[ "$(sql stores 'SELECT count(*) FROM (SELECT pid, count(*) FROM mem_writes GROUP BY pid)')" = 7 ] || fail "stores: processes"

for kind in file anonymous; do
    record "$kind" "$shared" $kind
    n=0
    while read -r _ a b pid value; do
        for addr in "$a" "$b"; do
            answer=$("$odb" query "$tmp/$kind" last-write "$addr" --json)
            grep -q "\"pid\":$pid," <<<"$answer" || fail "$kind: byte $addr was written by $pid: $answer"
        done
        [ "$(sql $kind "SELECT hex(memory(value, $a, 1)) FROM odb_meta WHERE key='end'")" = "$(printf %02X "$value")" ] ||
            fail "$kind: byte $a"
        n=$((n + 1))
    done < <(grep '^byte' "$tmp/$kind.out" | shuf -n 40 --random-source=<(yes))
    [ $n -gt 30 ] || fail "$kind: only $n bytes were written"
    # through the object: what all processes wrote
    [ "$(sql $kind 'SELECT count(DISTINCT pid) FROM mem_writes WHERE object=(SELECT max(id) FROM objects WHERE
        id IN (SELECT object FROM mem_writes(0, 1 << 47) WHERE object > 0))')" -ge 4 ] || fail "$kind: writers of the object"
done

record pipe "$pipe"
n=0
while read -r addr len; do
    n=$((n + 1))
    for i in $(seq 0 131 $((len - 1))) $((len - 1)); do
        # the record that the byte is in names its writer
        want=$(awk -v n=$n -v i="$i" '/^data/ { k++; at = 0; next } k == n { if (i < at + 16) { print int($0); exit } at += 16 }' "$tmp/pipe.out")
        answer=$("$odb" query "$tmp/pipe" last-write $((addr + i)) --json)
        grep -q "\"source\":{\"t\":[0-9]*,\"pid\":$want," <<<"$answer" || fail "pipe $n: byte $i is of $want: $answer"
    done
done < <(sed -n 's/^data //p' "$tmp/pipe.out")
[ $n = 2 ] || fail "pipe: $n channels"

for name in stores file anonymous pipe; do
    "$states" "$tmp/$name" 6
done
