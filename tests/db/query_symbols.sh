#!/bin/bash
# odb query in words of the source: locals, print, history, line, calls, source, and their SQL, on recordings of words.c,
# built at -O0 (DWARF 5 and 4) and -O2. Answers are compared to the letter, but for numbers that differ from run to run: t is N,
# addresses are ADDR. Then thousands of wild expressions: each has a value or none, nothing breaks.
#     query_symbols.sh ODB WORDS.C WORDS_REG.C WORDS_TREE.C WORDS_LIST.C
set -euo pipefail
odb=$1 source=$2 reg_source=$3 tree_source=$4 list_source=$5
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export ODB_DIR="$dir/root"
command -v cc >/dev/null || { echo "skipped: no C compiler"; exit 77; }
fail() { echo "query_symbols.sh: $*" >&2; exit 1; }

build() { # NAME SOURCE OUTPUT FLAGS...
    local name=$1 from=$2 want=$3; shift 3
    cc "$@" -pthread -o "$dir/$name" "$from"
    "$odb" record -o "$dir/$name.rec" "$dir/$name" >"$dir/out"
    [ "$(cat "$dir/out")" = "$want" ] || fail "$name: $(cat "$dir/out")"
}
q() { "$odb" query "$rec" "$@"; }
mask() { sed -E 's/ at t [0-9]+/ at t N/; s/^t ([0-9]{4,}|0) +([0-9]{4,} +)?/t N /; s/\[[0-9]+\/[0-9]+\] +//; s/0x[0-9a-f]{5,}/ADDR/g; s/<([a-z_]+)\+[0-9]+>/<\1+N>/g'; }
# is ARGS... <expected: the answer, masked
is() { q "$@" >"$dir/out" 2>&1 || true; mask <"$dir/out" >"$dir/got"; cat >"$dir/want"
       diff -u "$dir/want" "$dir/got" >&2 || fail "$rec: $*"; }
json() { q "$@" --json >"$dir/out" || fail "$*"; python3 -m json.tool <"$dir/out" >/dev/null || fail "$*: not JSON"; }
line=$(grep -n 'LINE \*/' "$source" | cut -d: -f1)
# field NUMBER KEY ARGS...: of the answer in JSON
field() { local i=$1 key=$2; shift 2; q "$@" --json | python3 -c "import json,sys; print(json.load(sys.stdin)[$i]['$key'])"; }

build w5 "$source" "2 outer other 2.25" -g -O0 -gdwarf-5
build w4 "$source" "2 outer other 2.25" -g -O0 -gdwarf-4
build w2 "$source" "2 outer other 2.25" -g -O2
build reg "$reg_source" 88 -g -O2
build tree "$tree_source" "" -g -O1
build list "$list_source" "10 30" -g -O0
build list1 "$list_source" "10 30" -g -O1
for name in w5 w4; do
    rec=$dir/$name.rec
    # everything is answered out of the recording's own copy
    mv "$dir/$name" "$dir/$name.gone"
    is calls fib <<'EOT'
t N fib(n=2) = 1  from work (words.c:64)
t N fib(n=1) = 1  from fib (words.c:27)
t N fib(n=0) = 0  from fib (words.c:27)
t N fib(n=3) = 2  from main (words.c:82)
t N fib(n=2) = 1  from fib (words.c:27)
t N fib(n=1) = 1  from fib (words.c:27)
t N fib(n=0) = 0  from fib (words.c:27)
t N fib(n=1) = 1  from fib (words.c:27)
EOT
    is calls scale <<<'t N scale(factor=0.5, small=0.25, p={x = 4, y = 3}) = 2.25  from main (words.c:80)'
    is calls mirror <<<'t N mirror(p={x = 3, y = 4}) = {x = 4, y = 3}  from main (words.c:79)'
    is calls name_of <<'EOT'
t N name_of(s=ADDR, first=111 'o') = ADDR "outer"  from main (words.c:81)
t N name_of(s=ADDR, first=120 'x') = ADDR "other"  from main (words.c:81)
EOT
    is calls deep <<'EOT'
t N left        deep(n=2)  from main (words.c:76)
t N left        deep(n=1)  from deep (words.c:50)
t N left        deep(n=0)  from deep (words.c:50)
EOT
    q calls work | grep -qF 'work(arg=0x0) = 0x0  from' || fail "calls work: $(q calls work)"
    is calls nowhere <<<"odb: no function 'nowhere' in any program of the recording that has symbols"
    is line "words.c:$line" <<EOT
t N rip ADDR  count (words.c:$line)
t N rip ADDR  count (words.c:$line)
t N rip ADDR  count (words.c:$line)
EOT
    is line words.c:10000 <<'EOT'
odb: no code for words.c:10000: no program of the recording has line information that names it (built with -g? is its -dbg package installed?)
EOT
    t=$(field 1 t line "words.c:$line")
    is locals --at "$t" <<'EOT'
s = ADDR
  i = 1
EOT
    # (what is not initialised yet may be anything)
    q locals --at "$t" --frame 1 | mask >"$dir/got"
    [ "$(cut -d' ' -f1 "$dir/got" | xargs)" = "inner shape thread p d a b" ] || fail "locals of main: $(cat "$dir/got")"
    head -2 "$dir/got" | diff - <(cat <<'EOT'
inner = {name = ADDR "inner", at = {x = 1, y = 2}, area = 1.5, color = GREEN, layer = 1, filled = 1, next = 0x0}
shape = {name = ADDR "outer", at = {x = 1, y = 4}, area = 2.25, color = RED, layer = 0, filled = 0, next = ADDR}
EOT
) || fail "locals of main"
    while IFS='|' read -r expr want; do
        is print "$expr" --at "$t" <<<"$want"
    done <<'EOT'
*s|*s = {name = ADDR "outer", at = {x = 1, y = 4}, area = 2.25, color = RED, layer = 0, filled = 0, next = ADDR}
s->at|s->at = {x = 1, y = 4}
s->next->name|s->next->name = ADDR "inner"
s->next->color|s->next->color = GREEN
s->next->layer|s->next->layer = 1
(struct shape *)s|(struct shape *)s = (struct shape *) ADDR
s->name[1]|s->name[1] = 117 'u'
*s->name@3|*s->name@3 = "out"
i * 2.5|i * 2.5 = 2.5
sizeof(*s)|sizeof(*s) = 40
&counter|&counter = (int *) ADDR <counter>
counter == 1|counter == 1 = 1
(unsigned char)321|(unsigned char)321 = 65 'A'
text|text = "\000\000\000\000\000\000\000"
main|main = {int (void)} ADDR <main>
$rip|$rip = (void (*)()) ADDR <count+N>
fib(2)|odb: 'fib(2)' at t N, in count: functions cannot be called in a recording: use print in `odb gdb`, which runs them in a branch
i = 5|odb: 'i = 5' at t N, in count: a recording cannot be changed: no assignments (compare with ==)
s->nosuch|odb: 's->nosuch' at t N, in count: There is no member named nosuch.
no_such_variable|odb: 'no_such_variable' at t N, in count: No symbol "no_such_variable" in current context.
EOT
    is print inner.at.y --at "$t" --frame 1 <<<'inner.at.y = 2'
    is history counter --at "$t" <<'EOT'
t N 0  (before)
t N 1  count (words.c:56)
t N 3  count (words.c:56)
EOT
    is history text <<'EOT'
t N "\000\000\000\000\000\000\000"  (before)
t N "abc\000\000\000\000"  main (words.c:74)
EOT
    # lives as long as the frame of main, that of count
    q history shape.at.x --at "$t" --frame 1 --to "$t" | mask | grep -v before | diff - <(cat <<'EOT'
t N 3  main (words.c:71)
t N 0  count (words.c:57)
t N 1  count (words.c:57)
EOT
) || fail "history shape.at.x"
    q history i --at "$t" | mask | grep -v before | diff - <(printf 't N %s  count (words.c:55)\n' 1 2 3) || fail "history i"
    [ "$(q history 's->layer' --at "$t" --max 1 | tail -1)" = "the first 1: more with --max" ] || fail "history --max"
    q source --at "$t" >"$dir/out"
    grep -qE "^-> +$line  .*s->layer = i" "$dir/out" || fail "source: $(cat "$dir/out")"
    [ "$(q backtrace --at "$t" | mask | sed 's/ (s=ADDR)//' | head -2 | grep -c 'words.c')" = 2 ] || fail backtrace
    mv "$dir/$name.gone" "$dir/$name"

    # SQL
    calls=$(q "SELECT count(*) FROM functions f JOIN executions e ON e.rip=f.start AND e.pid=f.pid WHERE f.name='fib'" | tail -1)
    [ "$calls" -eq 8 ] || fail "functions: $calls calls of fib"
    [ "$(q "SELECT count(*) > 0 FROM functions WHERE name IN ('printf', '_IO_printf') AND module LIKE '%libc.so%'" | tail -1 | tr -d ' ')" = 1 ] ||
        fail "functions: no printf"
    q "SELECT sum(n) FROM (SELECT count(*) AS n FROM lines l JOIN executions e ON e.rip=l.start WHERE l.source LIKE '%/words.c' AND l.line=$line AND l.is_stmt)" >"$dir/out"
    [ "$(tail -1 "$dir/out")" -eq 3 ] || fail "lines: $(cat "$dir/out")"
    is "SELECT typed('i', $t) AS i, typed('s->at', $t) AS at, typed('nosuch', $t) AS none, symbol(rip) LIKE 'count+0x%' AS here FROM registers($t)" <<'EOT'
i  at              none  here
1  {x = 1, y = 4}           1
EOT
    is "SELECT frame, function, line FROM backtrace($t) WHERE source LIKE '%words.c'" <<EOT
frame  function  line
    0  count       $line
    1  main        73
EOT
done

rec=$dir/w2.rec
is calls mirror <<<'t N mirror(p={x = 3, y = 4}) = {x = 4, y = 3}  from main (words.c:79)'
is calls scale <<<'t N scale(factor=0.5, small=0.25, p={x = 4, y = 3}) = 2.25  from main (words.c:80)'
[ "$(q calls fib | grep -c 'fib(n=')" -ge 3 ] || fail "-O2: calls fib: $(q calls fib)"
t=$(field 0 t_enter calls name_of)
is locals --at "$t" <<'EOT'
s = ADDR
first = 111 'o'
EOT
is print 's->at' --at "$t" <<<'s->at = {x = 3, y = 4}'
q history counter --at "$t" | mask | tail -1 | grep -q '^t N 3  count (words.c:5[56])' || fail "-O2: history counter"
[ "$(q locals --at 0 2>&1 | grep -cE '^odb: no debug information for|^no locals in|=')" -ge 1 ] || fail "locals at 0"
for question in "calls fib" "line words.c:$line" "locals --at $t" "print s->at --at $t" "history counter" "source --at $t" "backtrace --at $t" "history s --at $t"; do
    # shellcheck disable=SC2086
    json $question
done

rec=$dir/reg.rec
t=$(field 2 t_exit calls step)
is locals --at "$t" <<'EOT'
n = 6
seed = 23
  i = 2
sum = 44
EOT
values() { mask | grep -v before | sed -E 's/^t N ([^ ]*) .*/\1/' | xargs; }
for at in "$t" "$(field 2 t_enter calls step) --frame 1"; do
    # shellcheck disable=SC2086
    {
        [ "$(q history sum --at $at | values)" = "21 44 50 61 76 88" ] || fail "history sum: $(q history sum --at $at)"
        [ "$(q history seed --at $at | values)" = "21 23 6 11 15 12" ] || fail "history seed: $(q history seed --at $at)"
        [ "$(q history n --at $at | values)" = "" ] || fail "history n: $(q history n --at $at)"
    }
done

rec=$dir/tree.rec
is calls f <<'EOT'
t N f(n=1) = 4  from main (words_tree.c:56)
t N f(n=100) = 204  from on_usr1 (words_tree.c:24)
t N f(n=2) = 208  from main (words_tree.c:61)
t N f(n=7) = 16  from main (words_tree.c:53)
t N f(n=10) = 224  from main (words_tree.c:72)
t N f(n=11) = 246  from main (words_tree.c:72)
t N f(n=12) = 270  from main (words_tree.c:72)
t N f(n=20) = 310  from tail (words_tree.c:42)
EOT
is calls co <<'EOT'
t N co(n=1) = 2  from body (words_tree.c:35)
t N co(n=2) = 3  from body (words_tree.c:36)
EOT
is calls finish <<<'t N ...         finish(status=0)  from main (words_tree.c:75)'
is history sum <<'EOT'
t N 1  (before)
t N 2  f (words_tree.c:17)
t N 102  f (words_tree.c:17)
t N 112  f (words_tree.c:17)
t N 123  f (words_tree.c:17)
t N 135  f (words_tree.c:17)
t N 155  f (words_tree.c:17)
EOT

# pointers that change; every call
mark() { grep -n "$1 \*/" "$list_source" | cut -d: -f1; }
for name in list list1; do
    rec=$dir/$name.rec
    t=$(field 0 t line "words_list.c:$(mark END)")
    is history 'head->value' --follow --at "$t" <<'EOT'
t N <error: Cannot access memory at address 0x0>  (before)
t N 10  push (words_list.c:17)
t N 20  push (words_list.c:17)
t N 21  main (words_list.c:41)
t N 11  pop (words_list.c:23)
t N 12  main (words_list.c:43)
t N <error: Cannot access memory at address 0x0>  pop (words_list.c:23)
t N 30  push (words_list.c:17)
EOT
    q history 'head->next->value' --follow --at "$t" | mask | grep -v error | diff - <(cat <<'EOT'
t N 10  push (words_list.c:17)
t N 11  main (words_list.c:40)
EOT
) || fail "history --follow, where it has no value at --at"
    is history 'head->value' --follow --at "$t" --max 3 <<'EOT'
t N <error: Cannot access memory at address 0x0>  (before)
t N 10  push (words_list.c:17)
t N 20  push (words_list.c:17)
the first 3: more with --max
EOT
    is history 'nowhere->value' --follow --at "$t" <<<"odb: 'nowhere->value' at t N, in main: No symbol \"nowhere\" in current context."
    t=$(field 2 t line "words_list.c:$(mark SUM)")
    # (what was there before it is set may be anything) the last value in each call
    got=$(q history sum --calls --at "$t" | mask | awk '/call of sum_to/ { printf "%s ", last } { last = $3 } END { print last }' | xargs)
    [ "$got" = "1 1 3 1 3 6" ] || fail "history --calls: $got: $(q history sum --calls --at "$t")"
    is history head --calls --at "$t" <<<"odb: --calls: 'head' is not a variable of this function's frame"
    is locals --calls --at "$t" <<'EOT'
odb: query: locals takes no --calls (see 'odb help')
EOT
    json history sum --calls --at "$t"
    json history 'head->value' --follow --at "$t"
done

# wild expressions
rec=$dir/w2.rec
t=$(field 0 t_enter calls name_of)
python3 - >"$dir/wild.sql" <<PY
import random
random.seed(4)
words = ['s', 'first', 'counter', 'text', 'out', '->', '.', '*', '&', '(', ')', '[', ']', '+', '-', '/', '%', '<<', '>>', '==', '!', '~', '?',
         ':', ',', '0', '1', '-1', '0x7fffffffffffffff', '18446744073709551616', '1e308', '.5f', "'a'", '"str"', 'struct', 'shape', 'int', 'char',
         'unsigned', 'sizeof', '@', '{int}', '\$rax', '\$xmm0', '\$nope', 'name', 'next', 'at', 'x', 'main', '::', 'enum color', 'RED', '=', '++', '\\\\',
         '"', "'", '(struct shape *)', '(char)', '(double)', '&&', '||', '<', '/* ', '\$', '\x01', '\u00e9']
rows = ['(' * 5000, '*' * 5000 + 's', '-' * 5000 + '1', '1+' * 5000, '((char)' * 2000, 's' * 9000, '*s->name@1000000000', 's->name@0', '*s@-1',
        '1/0', '1%0', '(-9223372036854775807-1)/-1', '1<<64', '1<<-1', 's->next->next->next->name', '*(struct shape *)0', '*(int *)-1', 'sizeof(int[1000000000])']
size = sum(map(len, rows))
while size < 115000: # one argument has 128 KiB at most
    text = random.choice(['', ' ']).join(random.choice(words) for _ in range(random.randint(1, random.choice([3, 8, 40]))))
    rows.append(text)
    size += len(text.encode()) + text.count("'") + 5
quoted = ','.join("('" + r.replace("'", "''") + "')" for r in rows)
print("WITH w(x) AS (VALUES " + quoted + ") SELECT count(*) AS n, count(typed(x, $t)) AS known FROM w")
PY
q "$(cat "$dir/wild.sql")" >"$dir/out" 2>&1 || fail "wild expressions: $(head -c 500 "$dir/out")"
[ "$(tail -1 "$dir/out" | awk '{ print ($1 > 1000 && $2 > 50) }')" = 1 ] || fail "wild expressions: $(cat "$dir/out")"
wild=$(tail -1 "$dir/out" | awk '{ print $1 ", " $2 " of them with a value" }')
# and through the command line: a value, or one line
# shellcheck disable=SC2016
for expr in '' ' ' '((((' '1/0' '*(int *)0' 's->name@1000000000' "$(printf '%5000s' '' | tr ' ' '(')" $'\x01' '"' "'" '$nope' 'struct' 's.' '1e99999' '0xg'; do
    status=0
    "$odb" query "$rec" print "$expr" --at "$t" >"$dir/out" 2>"$dir/err" || status=$?
    ((status <= 2 && $(wc -l <"$dir/err") <= 1)) || fail "print '$expr': status $status, $(head -c 300 "$dir/err")"
done
echo "query_symbols: all answered; wild expressions: $wild"
