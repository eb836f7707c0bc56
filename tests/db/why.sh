#!/bin/bash
# odb query why: the origin of values in two programs is found, through all that moved them; the crash of the demo is
# explained; random chains hold (test_origin.c).
#     why.sh ODB TEST_ORIGIN SOURCE_DIR
# shellcheck disable=SC2016,SC2086
set -euo pipefail
odb=$(readlink -f "$1") origin=$(readlink -f "$2") src=$3
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export ODB_DIR="$dir/root"
cd "$dir"
rec=
fail() { echo "why.sh: $*" >&2; exit 1; }
# why EXPR [OPTION...] -- PATTERN...: the answer has lines that match, in this order
why() {
    local args=() at=0 n
    while [ "$1" != -- ]; do args+=("$1"); shift; done
    shift
    "$odb" query $rec why "${args[@]}" >out 2>err || fail "${args[*]}: $(cat err)"
    for p in "$@"; do
        n=$(tail -n "+$((at + 1))" out | grep -nE -m1 -- "$p" | cut -d: -f1) || true
        [ -n "$n" ] || fail "${args[*]}: no $p behind line $at of: $(cat out)"
        at=$((at + n))
    done
    "$odb" query $rec why "${args[@]}" --json | python3 -m json.tool >json || fail "${args[*]}: not JSON"
}
refuses() { local want=$1 p=$2 got=0; shift 2; "$odb" query "$@" >out 2>err || got=$?
            [ "$got" = "$want" ] || fail "$*: status $got, not $want"
            grep -qE -- "$p" err || fail "$*: $(cat err)"; }

# ---- a file, memcpy, a struct, registers ----
gcc -g -O1 -no-pie -fno-builtin -o why_file "$src/tests/db/why_file.c"
printf 'headerXX\007\001\0\0\011\0\0\0\0\357\276\255\336\0\0\0tail' >input
"$odb" record -o rec-file ./why_file ./input argument-text >/dev/null 2>&1 && fail "it does not crash"
rec='rec-file'
addr() { printf '0x%s' "$(nm "$1" | awk -v n="$2" '$3 == n {print $1}')"; }
why from_file -- '^why .*,8\] = 0xdeadbeef00 at t' 'main.*<-' 'memcpy|memmove' 'read\(3, ' '^origin: from the kernel: \./input, offset 16$'
why "$(addr why_file from_file)" -- '^origin: from the kernel: \./input, offset 16$'
why from_arithmetic -- 'main' '^origin: made by this instruction$' 'of .* = 0xdeadbeef00 .*why .* --at' 'of 0x8$'
why from_arithmetic --depth 2 -- '^origin: from the kernel: \./input, offset 16$'
why "$(addr why_file from_bytes),1" --depth 3 -- 'input, offset 8$'
why "$(addr why_file from_bytes)+1,1" --depth 3 -- 'input, offset 9$'
why from_argument -- '"argument"' 'str[n]*cpy|memcpy|main' 'argv\[2\] of .*, byte 0' '^origin: never written'
why "$(addr why_file text)+9,4" -- '"text"' 'argv\[2\] of .*, byte 9'
why 'repeated[5]' -- 'rep stosq' '^origin: from the kernel: \./input, offset 16$'
why from_zeros -- 'zeros, never written|contents of a file' '^origin: never written'
why from_image -- 'contents of a file, mapped' '^origin: never written: .*why_file, offset [0-9]+$'
why from_constant -- 'mov .*0x2a' '^origin: a constant$'
why '$rip' -- 'call .*rbx.*rip <- rbx' '^origin: from the kernel: \./input, offset 16$'
why rbx -- '^why rbx = 0xdeadbeef00' 'offset 16$'
why xmm0 -- '^why xmm0 = '
why rsp --max 3 -- '^why rsp'
why rflags -- '^origin: made'
why 'from_file' --at start -- 'never written'
refuses 1 'No symbol "nowhere"|nowhere' rec-file why nowhere
refuses 1 'nothing is mapped' rec-file why 0x10
refuses 2 'at most 64 bytes' rec-file why 0x404000,65
refuses 2 '' rec-file why
refuses 2 '--max' rec-file why rax --max 0
refuses 1 'no place' rec-file why 'from_file + 1'
# hostile questions: an answer or one line, never more
for e in '' '$' '$$' '(' 'from_file[' '*(char*)0' '((((((' '1e9' '0x' '-1' "$(printf '%0200d' 7)" '$nosuch' 'rax+' 'rax,0' 'text[99999999]' '&&x' '{int}0' '%s%n'; do
    got=0
    "$odb" query rec-file why "$e" >out 2>err || got=$?
    [ "$got" -le 2 ] || fail "'$e': status $got"
    [ "$got" = 0 ] || [ "$(wc -l <err)" = 1 ] || fail "'$e': $(cat err)"
done

# ---- processes, threads, signals, files ----
gcc -g -O1 -no-pie -fno-builtin -pthread -o why_tree "$src/tests/db/why_tree.c"
"$odb" record -o rec-tree ./why_tree 1122334455667788 ./through >/dev/null
rec='rec-tree'
t=$("$odb" query rec-tree "SELECT t FROM syscalls WHERE name='execve' AND t>0" | tail -1)
tail='strto'
v=1122334455667788
at() { local n=$1; shift; why "$(addr why_tree "$n")" --at "$t" "$@"; }
at from_pipe -- "0x$v" 'read\(.* took it from write\(.* of process [0-9]+ at t' 'fork' "$tail" '^origin: made'
at from_shared -- "0x$v" 'fork' "$tail" '^origin: made'
at from_moved -- "0x$v" 'took it from write' "$tail"
at from_thread -- "0x$v" 'thread .*from_thread|thread \(' 'pthread_create' 'took it from write' "$tail"
at from_signal -- "0x$v" 'handler' 'saved in the frame of SIGUSR1' 'thread' "$tail"
at from_vector -- "0x$v" 'unpckh' 'saved in the frame of SIGUSR1' "$tail"
at from_file -- "0x$v" 'pread64\(.*offset 4; written there by write\(' 'took it from write' "$tail"
why "$(addr why_tree from_exec)" -- '"argument"' 'argv\[2\] of .*, byte 0' 'main' '^origin: '
why "$(addr why_tree from_env)" -- '"environm"' 'environment WHY_ENV of .*, byte 8' '^origin: never written: .*why_tree, offset'

# ---- random chains ----
"$origin" rec-file 300 1
"$origin" rec-tree 300 2
"$odb" record -o rec-sort /bin/sh -c '/bin/ls -l /etc | /usr/bin/sort -k5n | /usr/bin/md5sum' >/dev/null
"$odb" index rec-sort >/dev/null
"$origin" rec-sort 300 3

# ---- the crash of the demo ----
if [ -e /usr/include/mujs.h ] && gcc -static -g -O2 -o deno-varnish "$src/demo/deno-varnish.c" -lmujs -lm 2>/dev/null; then
    cp "$src/demo/main.js" .
    "$odb" record -o rec-demo ./deno-varnish state request ./main.js >/dev/null 2>&1 || true
    rec='rec-demo'
    why '$rdi' -- 'backend_set_get .*current_call|backend_set_get' 'main \(deno-varnish.c:82\)' 'malloc' '^origin: made'
    why 'call->state' -- 'main \(deno-varnish.c:8[5-7]\)' 'argv\[1\], the pointer'
    why '*(char (*)[16])call->handler' -- '"__backend_get"' 'fill_call' '^origin: a constant'
fi
echo "why: all answered"
