# shellcheck shell=bash disable=SC2034,SC2154
# The table of real programs, read by run.sh. One function each: prepares files in the current, empty folder and sets
#   cmd=(...)    the command to record
#   opts=(...)   options of odb record
# It returns 77 after printing why, when something is not installed.
# Names in `quick` run in every `./dev test`, the rest with --all.
quick=(asm hello_static hello_static_pie hello_dynamic hello_native lua perl gzip openssl_dgst x87 avx2 wasm sqlite_small python_small)
slow=(ls_usr_share python sqlite bzip2 xz cc1 fortran gzip_big perl_long openssl_ciphers)

# Those that are indexed as well (short ones).
indexed=" asm hello_static hello_static_pie hello_dynamic hello_native lua perl avx2 wasm "

need() {
    local p
    for p in "$@"; do command -v "$p" >/dev/null || { echo "not installed: $p"; return 77; }; done
}

hello_source() {
    cat >hello.c <<'END'
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv)
{
    char text[100] = "hello, world";
    for (int i = 0; i < argc; i++)
        strncat(text, strrchr(argv[i], '/') ? strrchr(argv[i], '/') : argv[i], 20);
    puts(text);
    return 7;
}
END
}

numbers() { seq 1 "$1" | awk '{ printf "%d %x line of text number %d, %s\n", $1, $1 * 7919 % 65521, $1 % 977, ($1 % 7) ? "again" : "once more" }'; }

setup_asm() { cp "$tracee_dir/tracee_asm_only" . 2>/dev/null || return 77; cmd=(./tracee_asm_only); }
setup_hello_static() { hello_source && gcc -O2 -static -no-pie hello.c -o hello && cmd=(./hello a b); }
setup_hello_static_pie() { hello_source && gcc -O2 -static-pie -fPIE hello.c -o hello && cmd=(./hello a b); }
setup_hello_dynamic() { hello_source && gcc -O2 hello.c -o hello && cmd=(./hello a b); }
setup_hello_native() { hello_source && gcc -O3 -march=native hello.c -o hello && cmd=(./hello a b) opts=(--cpu host); }
setup_ls_usr_share() { cmd=(ls -lR /usr/share); }

python_script() {
    cat >script.py <<'END'
import hashlib, json, re, sqlite3, sys, zlib
n = int(sys.argv[1])
rows = [{"id": i, "name": f"item {i}", "tags": [str(j) for j in range(i % 5)], "value": i * 1.5} for i in range(n)]
text = json.dumps(rows)
back = json.loads(text)
assert back == rows
words = re.findall(r'"name": "(item \d*[13579])"', text)
print(len(text), len(words), hashlib.sha256(text.encode()).hexdigest(), hashlib.md5(text.encode()).hexdigest())
db = sqlite3.connect(":memory:")
db.execute("create table t (id integer primary key, name text, value real)")
db.executemany("insert into t values (:id, :name, :value)", rows)
db.execute("create index i on t (name)")
print(db.execute("select count(*), sum(value), max(name) from t where name like 'item 1%'").fetchone())
print(zlib.crc32(zlib.compress(text.encode())), {k: hash(k) for k in (1, 2.5, None)}[1])
print(sorted({w[-3:] for w in words})[:20], "%.17g" % sum(x ** 0.5 for x in range(n)))
END
}
setup_python_small() { need /usr/bin/python3 || return 77; python_script; cmd=(/usr/bin/python3 script.py 200); }
setup_python() { need /usr/bin/python3 || return 77; python_script; cmd=(/usr/bin/python3 script.py 20000); }

perl_script() {
    cat >script.pl <<'END'
use strict; use warnings;
my ($n) = @ARGV; my %h; my $t = '';
for my $i (1 .. $n) { my $k = ($i * 7919) % 1009; $h{"key$k"} .= chr(97 + $i % 26); $t .= "$k,"; }
my $s = 0; $s += length for values %h;
my $m = () = $t =~ /(\d*7),(?=1)/g;
print join(' ', $s, $m, (sort { length $h{$b} <=> length $h{$a} || $a cmp $b } keys %h)[0 .. 4]), "\n";
printf "%.15g %s\n", sqrt($n) * exp(1), join '', map { sprintf '%02x', ord } split //, pack('NnC', $n, 99, 7);
END
}
setup_perl() { need perl || return 77; perl_script; cmd=(perl script.pl 5000); }
setup_perl_long() { need perl || return 77; perl_script; cmd=(perl script.pl 500000); }

setup_lua() {
    need lua || return 77
    cat >script.lua <<'END'
local function fib(n) return n < 2 and n or fib(n - 1) + fib(n - 2) end
local t, s = {}, 0
for i = 1, 20000 do t[i] = (i * 7919) % 10007 end
table.sort(t)
for w in string.gmatch(string.rep("alpha beta gamma ", 500), "%a+") do s = s + #w end
local co = coroutine.wrap(function() for i = 1, 100 do coroutine.yield(i * i) end end)
for i = 1, 100 do s = s + co() end
print(fib(22), t[1], t[10000], s, string.format("%.14g", math.sin(1) * 1e6), pcall(error, "x"))
END
    cmd=(lua script.lua)
}

setup_sqlite_small() { need sqlite3 || return 77; sqlite_script 3000; }
setup_sqlite() { need sqlite3 || return 77; sqlite_script 300000; }
sqlite_script() {
    cat >script.sql <<END
create table t (id integer primary key, a int, b text, c real);
with recursive n(i) as (select 1 union all select i + 1 from n where i < $1)
    insert into t select i, (i * 7919) % 65521, printf('row %d %x', i, i * 31), i / 7.0 from n;
create index ta on t (a); create index tb on t (b);
select count(*), sum(a), avg(c), min(b), max(b) from t;
select a % 10, count(*), round(sum(c), 3) from t where b like 'row 1%' group by 1 order by 2 desc;
select x.id, y.id from t x join t y on x.a = y.a and x.id < y.id order by 1, 2 limit 5;
update t set c = c + 1 where a < 1000; delete from t where a > 60000; select count(*), total(c) from t;
END
    cmd=(sqlite3 -batch -init /dev/null test.db '.read script.sql')
}

setup_gzip() { need gzip || return 77; numbers 20000 >data; cmd=(gzip -c -9 -n data); }
setup_gzip_big() { need gzip || return 77; numbers 400000 >data; cmd=(gzip -c -6 -n data); }
setup_bzip2() { need bzip2 || return 77; numbers 150000 >data; cmd=(bzip2 -c data); }
setup_xz() { need xz || return 77; numbers 100000 >data; cmd=(xz -c -T1 data); }

setup_cc1() {
    local cc1 i
    cc1=$(gcc -print-prog-name=cc1)
    [ -x "$cc1" ] || return 77
    {
        echo 'typedef unsigned long u64; struct node { struct node *next; u64 key, value; };'
        for ((i = 0; i < 700; i++)); do
            echo "u64 f$i(struct node *n, u64 x) {"
            echo "    u64 sum = x * ${i}ul + 1;"
            echo "    for (; n; n = n->next) {"
            echo "        switch ((n->key + $i) % 5) { case 0: sum += n->value; break; case 1: sum ^= n->value << 3; break;"
            echo "        case 2: sum *= 31; break; case 3: sum = sum >> 1 | sum << 63; break; default: sum -= x; }"
            echo "        n->value = sum;"
            [ "$i" = 0 ] || echo "        if (sum % 97 == $((i % 97))) sum += f$((i - 1))(n->next, sum);"
            echo "    }"
            echo "    return sum;"
            echo "}"
        done
    } >big.c
    cmd=("$cc1" -quiet -O2 big.c -o -)
}

setup_openssl_dgst() { need openssl || return 77; numbers 20000 >data; cmd=(openssl dgst -sha256 data); }
setup_openssl_ciphers() { need openssl || return 77; numbers 200000 >data; cmd=(openssl enc -aes-256-ctr -K "$(printf '%064d' 7)" -iv "$(printf '%032d' 9)" -in data); }

setup_avx2() {
    cat >avx2.c <<'END'
#include <immintrin.h>
#include <stdio.h>
int main(void)
{
    static float a[4096], b[4096];
    for (int i = 0; i < 4096; i++)
        a[i] = (float)i / 7, b[i] = (float)(4096 - i) / 3;
    __m256 s = _mm256_setzero_ps();
    __m256i h = _mm256_set1_epi32(1);
    for (int r = 0; r < 300; r++)
        for (int i = 0; i < 4096; i += 8) {
            __m256 x = _mm256_loadu_ps(a + i), y = _mm256_loadu_ps(b + i);
            s = _mm256_fmadd_ps(x, y, _mm256_mul_ps(s, _mm256_set1_ps(0.5f)));
            h = _mm256_add_epi32(_mm256_mullo_epi32(h, _mm256_set1_epi32(31)), _mm256_castps_si256(s));
        }
    unsigned out[8];
    _mm256_storeu_si256((__m256i *)out, h);
    for (int i = 0; i < 8; i++)
        printf("%08x\n", out[i]);
    return 0;
}
END
    gcc -O2 -mavx2 -mfma avx2.c -o avx2 && cmd=(./avx2)
}

setup_x87() {
    cat >x87.c <<'END'
#include <math.h>
#include <stdio.h>
int main(void)
{
    long double x = 0.1L, sum = 0;
    for (int i = 1; i < 20000; i++) {
        x = 3.9L * x * (1 - x);
        sum += sinl(x) * logl(i) + powl(x, 1.25L) / sqrtl(i) - atan2l(x, i) + fmodl(sum, 3.7L) * 1e-3L;
    }
    printf("%.21Lg %.21Lg\n", x, sum);
    return 0;
}
END
    gcc -O2 -mfpmath=387 x87.c -o x87 -lm && cmd=(./x87)
}

setup_fortran() {
    need gfortran || return 77
    cat >f.f90 <<'END'
program f
  implicit none
  integer, parameter :: k = selected_real_kind(18)
  real(k) :: a(60, 60), b(60, 60), c(60, 60)
  integer :: i, j, r
  do i = 1, 60
    do j = 1, 60
      a(i, j) = sin(real(i * j, k)); b(i, j) = cos(real(i + j, k))
    end do
  end do
  do r = 1, 5
    c = matmul(a, b); a = c / maxval(abs(c)) + transpose(b)
  end do
  print *, sum(a), maxval(c), dot_product(a(1, :), b(:, 2))
end program
END
    gfortran -O2 f.f90 -o f && cmd=(./f)
}

setup_wasm() {
    need wat2wasm wasm-interp || return 77
    cat >fib.wat <<'END'
(module
  (memory 1)
  (func $fib (param i32) (result i32)
    (if (result i32) (i32.lt_s (local.get 0) (i32.const 2)) (then (local.get 0))
      (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1))) (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
  (func (export "run") (result i32) (i32.store (i32.const 8) (call $fib (i32.const 15))) (i32.load (i32.const 8)))
  (func (export "float") (result f64) (f64.div (f64.sqrt (f64.const 2)) (f64.const 3)))
  (func (export "trap") (result i32) (i32.div_s (i32.const 1) (i32.const 0))))
END
    wat2wasm fib.wat -o fib.wasm && cmd=(wasm-interp fib.wasm --run-all-exports)
}
