#!/bin/bash
# Records a program and compares our backtraces at random moments with gdb's, which looks at core files made of the same moments.
#     backtraces.sh ODB TOOL PROGRAM MOMENTS [SEED]
# PROGRAM: deep (C, stripped, separate debug file), shapes (C++), chain (Rust), routines (Go), odd (C, static), pointers and plain (C without unwind information, with and without frame pointers)
set -euo pipefail
odb=$(readlink -f "$1") tool=$(readlink -f "$2") program=$3 n=$4 seed=${5:-1}
here=$(dirname "$(readlink -f "$0")")
need() { command -v "$1" >/dev/null || { echo "no $1 here"; exit 77; }; }
need gdb
dir=$(mktemp -d "${ODB_TEST_KEEP:-${TMPDIR:-/tmp}}/backtraces.XXXXXX")
trap '[ $? = 0 ] && rm -rf "$dir" || echo "kept: $dir"' EXIT
export ODB_DIR=$dir/root
cd "$dir"

shown=$program # to gdb
case $program in
deep)
    need objcopy
    gcc -O2 -g "$here/deep.c" -o deep
    objcopy --only-keep-debug deep deep.debug
    objcopy --strip-all --add-gnu-debuglink=deep.debug deep
    ;;
odd)
    gcc -O2 -g -static "$here/odd.c" -o odd
    ;;
pointers | plain)
    # No unwind information: gdb gets the program as it was before it lost it. Guesses may be wrong now and then.
    gcc -O2 -g -no-pie "$([ "$program" = plain ] && echo -fomit-frame-pointer || echo -fno-omit-frame-pointer)" "$here/deep.c" -o full
    objcopy --remove-section .eh_frame --remove-section .eh_frame_hdr --strip-debug full "$program"
    shown=full
    export ODB_GUESSES=1 ODB_INLINED=0 ODB_LEAST=90
    ;;
shapes)
    need g++
    g++ -std=c++17 -O2 -g "$here/shapes.cc" -o shapes -pthread
    ;;
chain)
    rustc=/usr/bin/rustc # Debian's
    [ -x $rustc ] || rustc=rustc
    need $rustc
    $rustc -O -g "$here/chain.rs" -o chain
    ;;
routines)
    need go
    CGO_ENABLED=0 GO111MODULE=off GOCACHE=$dir/cache go build -o routines "$here/routines.go"
    rm -rf cache
    ;;
esac
"$odb" record -o "$dir/rec" -- "./$program" >output
"$odb" index "$dir/rec"
mkdir out

# The lines of a backtrace as they are comparable: gdb shows values at entry where it has them too, and files by other names.
lines() { sed -E 's/([A-Za-z_0-9]+)=\1@entry=/\1=/g; s/, [A-Za-z_0-9]+@entry=[^,)]*//g; s/ from [^ ]*$//; s/ at [^ ]*\// at /'; }
# What `odb query backtrace` prints, against gdb's bt, at some of the moments.
texts() {
    local i t equal=0 all=0
    for i in 0 1 2 3 4 5; do
        t=$(awk -v i=$i '$1 == "=" && $2 == i { print $3 }' out/frames)
        "$odb" query "$dir/rec" backtrace --at "$t" --max 1000 | lines >ours
        gdb -nx -batch -ex 'set auto-load off' -ex 'set width 0' -ex 'set backtrace past-main on' -ex 'set debuginfod enabled off' \
            -ex "file $dir/$program" -ex "core-file out/core.$i" -ex 'echo here\n' -ex bt 2>/dev/null | sed '1,/^here/d' | grep '^#' | lines >theirs
        grep -q ' main (' theirs || continue # gdb does not know the loader yet
        all=$((all + $(wc -l <theirs)))
        equal=$((equal + $({ diff --unchanged-line-format='x
' --old-line-format= --new-line-format= ours theirs || true; } | wc -l)))
        diff ours theirs >>differences || true
        "$odb" query "$dir/rec" backtrace --at "$t" --json | python3 -m json.tool >/dev/null
    done
    echo "$program: $equal of $all lines of text are equal"
    [ $((equal * 100)) -ge $((all * 90)) ] || { cat differences; exit 1; }
}
# In portions, for the sake of the disk; each must be good enough by itself.
total=0
while [ "$total" -lt "$n" ]; do
    part=$((n - total < 100 ? n - total : 100))
    "$tool" "$dir/rec" "$part" $((seed + total)) out
    ODB_OUT=$dir/out ODB_PROGRAM=$dir/$shown gdb -nx -batch -ex 'set auto-load off' -x "$here/compare.py" >log 2>&1 ||
        { tail -n 200 log; exit 1; }
    [ "$program" != deep ] || [ "$total" != 0 ] || texts
    cat log >>logs
    rm -f out/core.*
    total=$((total + part))
done
awk '/ moments, / { m += $1; w += $3; e += $6; f += $8; u += substr($13, 2) }
    END { printf "%s: %d moments, %d wholly equal; %d of %d frames equal: %.2f %%; %d more without unwind information\n",
          "'"$program"'", m, w, e, f, 100 * e / f, u }' logs
grep -v ' moments, ' logs | grep -B1 -A30 '^at t' | head -n 100 || true
