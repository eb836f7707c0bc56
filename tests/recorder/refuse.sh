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

expect 1 "execve" "$odb" record -o "$dir/rec" -- /usr/bin/env "$hello"
says 'execve' "execve"
expect 1 "replay of a refusal" "$odb" replay --check "$dir/rec"
[ ! -s "$dir/out" ] || fail "replay of a refusal: output"
"$odb" dump "$dir/rec" | grep -q 'execve' || fail "the refusal is not in the recording"

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
