#!/usr/bin/env bash
# demo/run.sh BUILD: a crash from recording to answer. Builds the crashing program, records it, replays it, indexes it, asks;
# prints each command, checks each result, and ends with "demo: all N checks passed" or exit status 1.
set -uo pipefail
export LC_ALL=C
here=$(dirname "$(readlink -f "$0")")
build=$(readlink -f "$1")
work=$build/demo-work
rm -rf "$work"
mkdir -p "$work"
cd "$work" || exit 1
export ODB_DIR=$work/recordings
export PATH=$build:$PATH

passed=0 failed=0
bold='' plain=''
if [ -t 1 ]; then bold=$'\e[1m' plain=$'\e[0m'; fi

title() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
# check WHAT COMMAND...: counts whether the command succeeds.
check() {
    local what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
        echo "   ok: $what"
    else
        failed=$((failed + 1))
        echo "   NOT OK: $what"
    fi
}
is() { [ "$1" = "$2" ]; }
contains() { grep -qF -- "$2" <<<"$1"; }
quoted() {
    local a
    for a in "$@"; do
        case $a in
            *[!A-Za-z0-9_./,:=-]*) printf " '%s'" "$a" ;;
            *) printf ' %s' "$a" ;;
        esac
    done
}
# shown NAME COMMAND...: prints the command, runs it with stdout in NAME.out and stderr in NAME.err, prints both, keeps $status.
shown() {
    local name=$1
    shift
    printf '%s$%s%s\n' "$bold" "$(quoted "$@")" "$plain"
    "$@" >"$name.out" 2>"$name.err"
    status=$?
    cat "$name.out" "$name.err"
}
# where ADDRESS: function and source line
where() { addr2line -f -s -e deno-varnish "$1" | paste -sd' '; }

title 'The program: static, with debugging information, with an embedded JavaScript engine'
cp "$here/deno-varnish.c" "$here/main.js" .
shown compile gcc -static -g -O2 -o deno-varnish deno-varnish.c -lmujs -lm
check 'it compiles' is $status 0
{ shown native ./deno-varnish state request ./main.js; } 2>/dev/null
check 'natively it dies of SIGSEGV (139)' is $status 139
check 'it has run the script' is "$(cat native.out)" "Running file://$work/main.js...
Hello from deno_varnish"

title 'Record'
shown record odb record -- ./deno-varnish state request ./main.js
check 'the same output' cmp -s native.out record.out
check 'the same status, 139' is $status 139
check 'nothing of its own on stderr' is "$(cat record.err)" ''

title 'Replay'
shown replay odb replay --check
check 'the same output' cmp -s native.out replay.out
check 'the same status, 139' is $status 139
check 'nothing of its own on stderr' is "$(cat replay.err)" ''

title 'Index'
shown index odb index
check 'it is made' is $status 0
shown info odb info
check 'the recording tells how the program ended' contains "$(cat info.out)" SIGSEGV

title 'What was the last instruction?'
shown last odb query disasm rip 1 --at end
check 'out 0, eax' grep -qE 'out +0(x0)?, eax' last.out
rip=$(grep -oE '0x[0-9a-f]+' last.out | head -n 1)
echo "   $rip is $(where "$rip")"
check 'in set_backend_get' contains "$(where "$rip")" 'set_backend_get deno-varnish.c'

title 'The registers there'
shown regs odb query regs --at end
check 'rax holds the number of the guest call' grep -qE '^rax +0x10001' regs.out
check 'rip is the instruction' grep -qE "^rip +$rip" regs.out
pointer=$(awk '$1 == "rdi" { print $2 }' regs.out)

title 'The signal'
shown signal odb query 'SELECT t, name, code, addr, fatal, printf("0x%x", rip) AS rip FROM signals'
check 'SIGSEGV by the kernel (SI_KERNEL, 128), at that instruction' grep -qE "SIGSEGV +128 +0x0 +1 +$rip" signal.out

title "Who last wrote the pointer argument, rdi = $pointer?"
shown loaded odb query 'SELECT t, printf("0x%x", rip) AS rip, printf("0x%x", value) AS value FROM reg_writes WHERE reg = "rdi" ORDER BY t DESC LIMIT 1'
check 'the register was loaded with it' contains "$(cat loaded.out)" "$pointer"
rip=$(awk 'END { print $2 }' loaded.out)
echo "   $rip is $(where "$rip")"
check 'by the native binding' contains "$(where "$rip")" 'backend_set_get deno-varnish.c'
variable=0x$(nm deno-varnish | awk '$3 == "current_call" { print $1 }' | sed 's/^0*//')
shown variable odb query last-write "$variable,8" --before end
check "from the variable current_call, last written with $pointer" grep -qE -- "-> $pointer\$" variable.out
rip=$(sed -nE 's/.*rip (0x[0-9a-f]+).*/\1/p' variable.out)
echo "   $rip is $(where "$rip")"
check 'in main' contains "$(where "$rip")" 'main deno-varnish.c'
shown object odb query last-write "$pointer,56" --before end
rip=$(sed -nE 's/.*rip (0x[0-9a-f]+).*/\1/p' object.out)
echo "   $rip is $(where "$rip")"
check 'what it points to was last written while the call was made ready' contains "$(where "$rip")" 'deno-varnish.c'

title 'The same in two questions'
shown backtrace odb query backtrace --at end
check 'the native binding called it' grep -qE 'backend_set_get' backtrace.out
shown why odb query why rdi --at end
check 'the pointer: loaded by the native binding' grep -qE 'backend_set_get .*rdi <- ' why.out
check 'stored in main' grep -qE 'main \(deno-varnish.c:[0-9]+\)' why.out
check 'made by malloc' grep -qE '_int_malloc|malloc' why.out

title 'All openat and write calls'
shown openat odb query syscalls openat
check 'the script was opened' grep -qE "openat\(AT_FDCWD, \"$work/main.js\", O_RDONLY.*\) += [0-9]+" openat.out
shown write odb query syscalls write
check 'two writes' is "$(wc -l <write.out)" 2
check 'the first line' grep -qE 'write\(1, "Running file://' write.out
check 'the second line' grep -qF 'write(1, "Hello from deno_varnish\n", 24) = 24' write.out
shown output odb query 'SELECT count(*) AS lines, sum(length(text)) AS bytes FROM output'
check 'the output is in the database' grep -qE "^ *2 +$(stat -c %s native.out) *\$" output.out

title 'The same from the stock sqlite3, with the extension'
shown sqlite3 sqlite3 "$ODB_DIR/latest/index.db" ".load $build/db/odb_db" \
    "SELECT name, count(*) FROM syscalls GROUP BY name ORDER BY 2 DESC, 1 LIMIT 5"
check 'it answers' grep -qE '^[a-z_0-9]+\|[0-9]+$' sqlite3.out

echo
if [ $failed = 0 ]; then
    echo "demo: all $passed checks passed"
else
    echo "demo: $failed of $((passed + failed)) checks FAILED (files in $work)"
    exit 1
fi
