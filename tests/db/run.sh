#!/bin/sh
# Random runs through indexer and database, compared with the oracle; then one of the files in the stock sqlite3
# shell and in a host of our own; then damaged copies of it; then without memory.
#     run.sh TEST_DB TEST_TASKS TEST_PIPES TEST_DB_CORRUPT TEST_DB_EXT ODB_DB.SO [TEST_DB_OOM]
set -eu
test_db=$1 tasks=$2 pipes=$3 corrupt=$4 host=$5 extension=$6 oom=${7-}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
while read -r seed insns turn; do
    mkdir "$dir/rec"
    "$test_db" "$dir/rec" "$seed" "$insns" "$turn"
    [ "$seed" != 1 ] || cp "$dir/rec/index.db" "$dir/keep.db"
    [ "$seed" != 4 ] || cp "$dir/rec/index.db" "$dir/small.db"
    rm -r "$dir/rec"
done <<'RUNS'
1 40000 100
2 20000 40
3 140000 1000000
4 6000 15
RUNS
for seed in 1 2; do # processes
    mkdir "$dir/rec"
    "$tasks" "$dir/rec" $seed 12000
    [ "$seed" != 1 ] || cp "$dir/rec/index.db" "$dir/tasks.db"
    rm -r "$dir/rec"
done
mkdir "$dir/pipes"
"$pipes" "$dir/pipes"
# the shell: everything loads, answers and closes without an error
# (in a sanitizer build the runtime has to come first)
runtime=$(ldd "$extension" | awk '/libasan/ { print $3 }')
LD_PRELOAD=$runtime ASAN_OPTIONS=detect_leaks=0 sqlite3 -bail -cmd ".load $extension" "$dir/keep.db" >"$dir/out" <<'SQL'
SELECT count(*) FROM executions;
SELECT count(*) = (SELECT count(*) FROM mem_writes ORDER BY t DESC) FROM mem_writes;
SELECT typeof(t), typeof(addr), typeof(value), typeof(rip) FROM mem_writes WHERE size = 8 LIMIT 1;
SELECT length(memory(t + 1, addr, size)) = size FROM mem_writes WHERE size > 8 AND syscall IS NULL ORDER BY t DESC LIMIT 1;
SELECT typeof(rax), length(ymm15) FROM registers(100);
SELECT odb_hex(255), odb_hex(-1), covers(10, 4, 13, 1), covers(10, 4, 14, 1);
SELECT count(*) > 0 FROM maps;
SQL
cat >"$dir/want" <<'EOT'
40000
1
integer|integer|integer|integer
1
integer|32
0xff|0xffffffffffffffff|1|0
1
EOT
diff "$dir/want" "$dir/out"
"$corrupt" "$dir/small.db" "$dir/scratch.db" 40
"$corrupt" "$dir/tasks.db" "$dir/scratch.db" 20
"$host" "$dir/keep.db" "$extension"
if [ -n "$oom" ]; then
    "$oom" "$dir/small.db" "$dir"
fi
