#!/usr/bin/env bash
# symbols/ against gdb over programs that several compilers made: usage run.sh SYM_CHECK [all]
# Each row: name, what makes $out from $src, source, expressions, function to stop at, stops, instructions between them.
# LIMIT: the part of the answers that may differ; what those are is told in docs/symbols.md.
set -euo pipefail
sym_check=$1 which=${2:-some}
here=$(dirname "$(readlink -f "$0")")
work=$(mktemp -d "${TMPDIR:-/tmp}/odb-symbols-XXXXXX")
failed=0

command -v gdb >/dev/null || { echo "no gdb"; exit 77; }

row() { # NAME STOPS STRIDE AT EXPRESSIONS SOURCE COMMAND...
    local name=$1 stops=$2 stride=$3 at=$4 expr=$5 src=$here/programs/$6 out=$work/$1
    shift 6
    command -v "$1" >/dev/null || { echo "$name: skipped: no $1"; return; }
    "$@" "$src" -o "$out" -lm 2>"$work/log" || { cat "$work/log"; failed=1; return; }
    case $name in
        *debuglink*)
            objcopy --only-keep-debug "$out" "$out.debug"
            strip "$out"
            objcopy --add-gnu-debuglink="$out.debug" "$out" ;;
        *dwz*)
            command -v dwz >/dev/null || { echo "$name: skipped: no dwz"; return; }
            cp "$out" "$out.2"
            dwz -m "$out.alt" "$out" "$out.2" ;;
    esac
    EXPRESSIONS=${expr:+$here/programs/$expr} AT=$at LIMIT=${LIMIT:-0.01} VERBOSE=${VERBOSE:-6} \
        python3 "$here/compare.py" "$sym_check" "$out" "$stops" "$stride" || { echo "FAILED: $name"; failed=1; }
}

row c-O0 2 300 records types.expr types.c gcc -g -O0
row c-O2-dwarf4-debuglink 4 1500 main "" types.c gcc -g -O2 -gdwarf-4
row enums 1 1 main enums.expr enums.c gcc -g -O1
LIMIT=0.02 row cxx-O2 2 300 use cxx.expr cxx.cc g++ -g -O2 -std=c++17
if [ "$which" = all ]; then
    row c-O2 30 900 main types.expr types.c gcc -g -O2
    row c-O3-far 40 5000 main "" types.c gcc -g -O3
    row c-clang-O0-dwarf4 3 300 records types.expr types.c clang -g -O0 -gdwarf-4
    LIMIT=0.03 row c-clang-O2 12 1000 main "" types.c clang -g -O2
    row c-static-O1 3 300 records types.expr types.c gcc -g -O1 -static
    row c-static-pie-O2 3 1500 main types.expr types.c gcc -g -O2 -static-pie
    row c-dwz 3 1500 main types.expr types.c gcc -g -O2
    row c-compressed-type-units 2 300 records types.expr types.c gcc -g -O0 -no-pie -gz -fdebug-types-section
    row cxx-O0 6 300 use cxx.expr cxx.cc g++ -g -O0 -std=c++17
    LIMIT=0.03 row cxx-clang-O1 6 500 use cxx.expr cxx.cc clang++ -g -O1 -std=c++17
fi
# gdb misreads results that are vectors or __int128: 2 differ.
ALLOW=2 python3 "$here/abi.py" "$sym_check" "$here/programs/abi.c" || failed=1
if [ "$failed" = 0 ]; then rm -rf "$work"; else echo "kept: $work"; fi
exit "$failed"
