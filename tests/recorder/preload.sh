#!/usr/bin/env bash
# shellcheck disable=SC1091,SC2154,SC2015,SC2016
# preload.sh ODB NO_PTRACE DYNAMIC STATIC: where ptrace is forbidden, dynamic programs are recorded from the LD_PRELOAD
# constructor on, with an unchanged environment; static ones are refused by name.
set -uo pipefail
. "$(dirname "$0")/common.sh"
no_ptrace=$1 dynamic=$2 static=$3

# both WHAT COMMAND...: natively, recorded without ptrace, replayed: the same
both() {
    local what=$1
    shift
    "$@" > "$dir/native" 2> /dev/null < /dev/null
    local status=$?
    rm -rf "$dir/rec"
    expect $status "$what, record" "$no_ptrace" "$odb" record -o "$dir/rec" -- "$@"
    cmp -s "$dir/out" "$dir/native" || fail "$what: other output while recording"
    expect $status "$what, replay" "$odb" replay --check "$dir/rec"
    cmp -s "$dir/out" "$dir/native" || fail "$what: other output on replay"
    [ ! -s "$dir/err" ] || fail "$what: $(head -n 1 "$dir/err")"
}

both "small program" "$dynamic"
both "ls" /bin/ls -l /usr/lib
both "environment" /usr/bin/printenv LD_PRELOAD GLIBC_TUNABLES ODB_PRELOAD_FDS
LD_PRELOAD=libm.so.6 GLIBC_TUNABLES=glibc.malloc.perturb=1 both "environment with own preload" /usr/bin/printenv LD_PRELOAD GLIBC_TUNABLES
[ -x /usr/bin/perl ] && both "perl" /usr/bin/perl -e 'my %h = map { $_ => $_ * $_ } 1 .. 1000; print join(",", map { $h{$_} } sort { $a <=> $b } keys %h), "\n"; exit 5'
[ -x /usr/bin/openssl ] && both "openssl" /usr/bin/openssl dgst -sha512 /bin/sh

rm -rf "$dir/rec"
expect 1 "static program" "$no_ptrace" "$odb" record -o "$dir/rec" -- "$static"
says "$static is a static program" "static program"
finish
