#!/usr/bin/env bash
# bench/run.sh BUILD [record] [NAME...]: CPU time (user + system, whole tree) of programs run natively, recorded and
# replayed, interleaved, median of ROUNDS (default 3) rounds (record-mt: bench/mt.sh; gdb: bench/gdb.sh). Inputs are made once in $ODB_BENCH_DIR (/tmp/odb-bench).
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$(readlink -f "$0")")/.."

build=$PWD/$1
shift
[ "${1:-}" != record-mt ] || exec bench/mt.sh "$build" "${@:2}"
[ "${1:-}" != gdb ] || exec bench/gdb.sh "$build" "${@:2}"
[ "${1:-record}" != record ] || shift || true
only=("$@")
rounds=${ROUNDS:-3}
dir=${ODB_BENCH_DIR:-/tmp/odb-bench}
odb=$build/odb
mkdir -p "$dir"

# Makes a file once: make FILE COMMAND...
make() {
    [ -s "$dir/$1" ] || { "${@:2}" >"$dir/$1.new" && mv "$dir/$1.new" "$dir/$1"; }
}
gen=$build/bench/bench_gen
make text "$gen" text 40000000
make text-bz "$gen" text 24000000
make text-xz "$gen" text 4500000
make big.c "$gen" c 260

cat >"$dir/loop.py" <<'END'
import json, re, hashlib
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
total = fib(30)
d = {}
for i in range(6500000):
    d[i % 5003] = d.get(i % 5003, 0) + i * i % 7
words = ("lorem ipsum dolor sit amet %d " * 400) % tuple(range(400))
for i in range(300):
    total += len(re.findall(r"[a-z]+ \d+", words))
    total += len(json.loads(json.dumps({"k%d" % j: [j, str(j)] for j in range(400)})))
    total += hashlib.sha256(words.encode()).digest()[0]
class P:
    __slots__ = ("x", "y")
    def __init__(self, x, y): self.x, self.y = x, y
    def dot(self, o): return self.x * o.x + self.y * o.y
ps = [P(i, i + 1) for i in range(1000)]
for r in range(2200):
    total += sum(p.dot(q) for p, q in zip(ps, ps[1:]))
print(total, sum(d.values()))
END
cat >"$dir/rows.sql" <<'END'
create table t(a integer, b text, c real);
with recursive n(i) as (select 1 union all select i+1 from n where i<1500000)
  insert into t select (i*7919)%3000017, 'name'||(i%1777), i*0.5 from n;
create index t_a on t(a);
select count(*), sum(a), avg(c) from t;
select b, count(*), sum(c) from t group by b order by 3 desc limit 3;
select count(*) from t x join t y on x.a = y.a + 1;
END
cat >"$dir/work.lua" <<'END'
local function fib(n) if n < 2 then return n end return fib(n-1) + fib(n-2) end
local total = fib(33)
local t = {}
for i = 1, 14000000 do t[i % 4999 + 1] = (t[i % 4999 + 1] or 0) + i % 13 end
local s = {}
for i = 1, 500000 do s[#s+1] = string.format("%d:%s", i, tostring(i * 3)) end
local joined = table.concat(s, ",")
for w in joined:gmatch("%d+:%d+") do total = total + #w end
table.sort(s)
print(total, #joined, s[1], t[1])
END

cc1=$(gcc -print-prog-name=cc1)
lua=$(command -v lua5.4 || command -v lua)
python=/usr/bin/python3

# name -> command; those of $core count for the mean.
core="gzip bzip2 xz python3 sqlite3 cc1 lua"
declare -A command_of=(
    [gzip]="gzip -c $dir/text"
    [bzip2]="bzip2 -c $dir/text-bz"
    [xz]="xz -T1 -c $dir/text-xz"
    [python3]="$python $dir/loop.py"
    [sqlite3]="sqlite3 -batch :memory: -init $dir/rows.sql .quit"
    [cc1]="$cc1 -quiet -imultiarch x86_64-linux-gnu -O2 $dir/big.c -o -"
    [lua]="$lua $dir/work.lua"
    [dd]="dd if=/dev/zero of=/dev/null bs=1 count=500000 status=none"
    [python3-pass]="$python -c pass"
    [true]="/bin/true"
)

cpu_of() { awk '{ print $1 }' "$1"; }
wall_of() { awk '{ print $2 }' "$1"; }
status_of() { awk '{ print $3 }' "$1"; }
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# measure KIND NAME COMMAND...: appends CPU and wall seconds to $tmp/NAME.KIND.{cpu,wall}; output to $tmp/NAME.KIND.out
measure() {
    local kind=$1 name=$2
    shift 2
    "$build/bench/bench_cputime" "$tmp/result" "$tmp/$name.$kind.out" "$@" 2>"$tmp/$name.$kind.err"
    cpu_of "$tmp/result" >>"$tmp/$name.$kind.cpu"
    wall_of "$tmp/result" >>"$tmp/$name.$kind.wall"
    status_of "$tmp/result" >"$tmp/$name.$kind.status"
}

tmp=$(mktemp -d "$dir/run-XXXXXX")
trap 'rm -rf "$tmp"' EXIT
export ODB_DIR=$tmp/recordings

printf '%-13s %9s %9s %9s %8s %8s %10s %10s\n' '' 'native s' 'record s' 'replay s' 'rec/nat' 'rep/rec' 'record ms' 'size KiB'
failed=0
for name in $core dd python3-pass true; do
    [ ${#only[@]} = 0 ] || [[ " ${only[*]} " == *" $name "* ]] || continue
    read -ra command <<<"${command_of[$name]}"
    for ((round = 0; round < rounds; round++)); do
        rm -rf "$tmp/rec"
        measure native "$name" "${command[@]}"
        measure record "$name" "$odb" record -o "$tmp/rec" -- "${command[@]}"
        measure replay "$name" "$odb" replay "$tmp/rec"
        for kind in record replay; do
            if ! cmp -s "$tmp/$name.native.out" "$tmp/$name.$kind.out" ||
               [ "$(cat "$tmp/$name.native.status")" != "$(cat "$tmp/$name.$kind.status")" ]; then
                echo "$name: $kind differs from native (status $(cat "$tmp/$name.$kind.status")): $(head -n 1 "$tmp/$name.$kind.err")"
                failed=1
            fi
        done
    done
    size=$(du -sk "$tmp/rec" 2>/dev/null | cut -f1 || echo 0)
    awk -v name="$name" -v size="$size" -v core=" $core " -v sums="$tmp/sums" \
        -v n="$(median <"$tmp/$name.native.cpu")" -v rec="$(median <"$tmp/$name.record.cpu")" \
        -v rep="$(median <"$tmp/$name.replay.cpu")" -v wall="$(median <"$tmp/$name.record.wall")" 'BEGIN {
            if (n < 0.0001) n = 0.0001
            if (rec < 0.0001) rec = 0.0001
            limit = index(core, " " name " ") ? 2.2 : name == "dd" ? 2.5 : name == "python3-pass" ? 6 : 0
            over = limit && rec / n > limit || name == "true" && wall > 0.04
            slow = limit && rep / rec > 1.1
            printf "%-13s %9.3f %9.3f %9.3f %7.2f%s %7.2f%s %10.1f %10d\n", name, n, rec, rep, rec / n, over ? "!" : " ",
                rep / rec, slow ? "!" : " ", wall * 1000, size
            if (index(core, " " name " ")) print rec / n, rep / rec >> sums
        }'
done
if [ -s "$tmp/sums" ]; then
    awk '{ a += log($1); b += log($2); if ($1 > worst) worst = $1; n++ }
         END { printf "geometric mean of %d: record/native %.2f (worst %.2f), replay/record %.2f\n", n, exp(a / n), worst, exp(b / n) }' "$tmp/sums"
fi
echo 'limits: record/native 1.5 in the mean and 2.2 for each, dd 2.5, python3 -c pass 6, true 40 ms; replay/record 1.1; "!" is over'
exit $failed
