#!/usr/bin/env bash
# usage.sh ODB: wrong command lines end with one line on stderr, nothing on stdout, exit status 2; failures with 1.
set -uo pipefail
odb=$1
tmp=$(mktemp -d)
export ODB_DIR=$tmp/recordings
bad=0

# expect STATUS WORDS ARG...: `odb ARG...` must exit with STATUS and one stderr line that contains WORDS.
expect() {
    local status=$1 words=$2
    shift 2
    "$odb" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
    local got=$?
    if [ $got != "$status" ] || [ -s "$tmp/out" ] || [ "$(wc -l <"$tmp/err")" != 1 ] || ! grep -q "^odb: .*$words" "$tmp/err"; then
        echo "FAILED: odb $*: status $got (wanted $status), wanted '$words', stderr:"
        cat "$tmp/err"
        bad=1
    fi
}

expect 2 'no command' nosuch
expect 2 'needs a program' record
expect 2 'needs a program' record --
expect 2 'does not know' record --nosuch ls
expect 2 'needs a value' record -o
expect 2 'v3' record --cpu avx9 /bin/true
expect 2 'takes no value' replay --check=yes
expect 2 'one recording' replay a b
expect 2 'takes no' ls x
expect 2 'no command' help nosuch
expect 1 'no recording in' replay
expect 1 'no recording in' info
expect 1 'no recording in' dump
expect 1 'no recording in' index
expect 1 'is not a recording' replay nosuch
expect 1 'is not a recording' info /etc
expect 1 '/nonexistent' record /nonexistent/program
expect 1 'nosuchprogram' record nosuchprogram-odb
mkdir "$tmp/full"
touch "$tmp/full/file"
expect 1 'not empty' record -o "$tmp/full" /bin/true
expect 1 'no recording in' replay # what could not be started has left nothing behind

check() { "$@" || { echo "FAILED: $*"; bad=1; }; }
"$odb" >"$tmp/out" 2>"$tmp/err"
check [ $? = 2 ]
check grep -q '^usage:' "$tmp/err"
check [ ! -s "$tmp/out" ]
check grep -q '^odb [0-9]' <("$odb" --version)
check grep -q 'record' <("$odb" help)
check grep -q 'last-write' <("$odb" help query)
check [ -z "$("$odb" ls 2>&1)" ]

rm -rf "$tmp"
exit $bad
