#!/bin/bash
# Records a program and compares our backtraces at random moments with gdb's, which looks at core files made of the same moments.
#     backtraces.sh ODB TOOL PROGRAM MOMENTS [SEED]
# PROGRAM: deep (C, stripped, separate debug file), shapes (C++), chain (Rust), routines (Go)
set -euo pipefail
odb=$1 tool=$2 program=$3 n=$4 seed=${5:-1}
here=$(dirname "$(readlink -f "$0")")
need() { command -v "$1" >/dev/null || { echo "no $1 here"; exit 77; }; }
need gdb
dir=$(mktemp -d "${ODB_TEST_KEEP:-${TMPDIR:-/tmp}}/backtraces.XXXXXX")
trap '[ $? = 0 ] && rm -rf "$dir" || echo "kept: $dir"' EXIT
export ODB_DIR=$dir/root
cd "$dir"

case $program in
deep)
    need objcopy
    gcc -O2 -g "$here/deep.c" -o deep
    objcopy --only-keep-debug deep deep.debug
    objcopy --strip-all --add-gnu-debuglink=deep.debug deep
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
# In portions, for the sake of the disk; each must be good enough by itself.
total=0
while [ "$total" -lt "$n" ]; do
    part=$((n - total < 100 ? n - total : 100))
    "$tool" "$dir/rec" "$part" $((seed + total)) out
    ODB_OUT=$dir/out ODB_PROGRAM=$dir/$program gdb -nx -batch -ex 'set auto-load off' -x "$here/compare.py" >log 2>&1 ||
        { tail -n 200 log; exit 1; }
    cat log >>logs
    rm -f out/core.*
    total=$((total + part))
done
awk '/ moments, / { m += $1; w += $3; e += $6; f += $8; u += substr($13, 2) }
    END { printf "%s: %d moments, %d wholly equal; %d of %d frames equal: %.2f %%; %d more without unwind information\n",
          "'"$program"'", m, w, e, f, 100 * e / f, u }' logs
grep -v ' moments, ' logs | grep -B1 -A30 '^at t' | head -n 100 || true
