#!/usr/bin/env bash
# shellcheck disable=SC1091,SC2154,SC2015,SC2016
# refuse.sh ODB HELLO: what odb does not record is refused in one line that names it, and what was recorded is kept.
set -uo pipefail
. "$(dirname "$0")/common.sh"
hello=$1

if printf '.globl _start\n_start: mov $1, %%eax\nxor %%ebx, %%ebx\nint $0x80\n' | as --32 -o "$dir/p32.o" - 2> /dev/null &&
    ld -m elf_i386 -o "$dir/p32" "$dir/p32.o" 2> /dev/null; then
    expect 1 "32-bit program" "$odb" record -o "$dir/rec32" -- "$dir/p32"
    says "$dir/p32 is a 32-bit program" "32-bit program"
fi

# Inside a tree such a program is killed, and the others go on.
if [ -e "$dir/p32" ]; then
    expect 0 "32-bit program in a tree" "$odb" record -o "$dir/rec" -- /bin/sh -c "$dir/p32; echo \$?"
    [ "$(cat "$dir/out")" = 137 ] || fail "32-bit program in a tree: output"
    grep -q "$dir/p32 is a 32-bit program" "$dir/err" || fail "32-bit program in a tree: not named"
    expect 0 "32-bit program in a tree, replay" "$odb" replay --check "$dir/rec"
    [ "$(cat "$dir/out")" = 137 ] || fail "32-bit program in a tree, replay: output"
    "$odb" dump "$dir/rec" > "$dir/dump"
    grep -q "refused: $dir/p32 is a 32-bit program" "$dir/dump" || fail "the refusal is not in the recording"
fi
expect 0 "execve" "$odb" record -o "$dir/rec-exec" -- /usr/bin/env "$hello"

expect 1 "no such program" "$odb" record -o "$dir/none" -- "$dir/no-such-program"
says 'no-such-program' "no such program"
expect 1 "no such command" "$odb" record -o "$dir/none" -- no-such-command-at-all
says 'no-such-command-at-all: command not found' "no such command"
printf 'x' > "$dir/data"
expect 1 "not executable" "$odb" record -o "$dir/none" -- "$dir/data"
says 'Permission denied' "not executable"
[ ! -e "$dir/none" ] || fail "a recording of nothing was left"
printf 'echo script; exit 4\n' > "$dir/script"
chmod +x "$dir/script"
expect 4 "script without #!" "$odb" record -o "$dir/script-rec" -- "$dir/script"
finish
