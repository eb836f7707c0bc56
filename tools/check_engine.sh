#!/usr/bin/env bash
# What must hold for the built engine, whatever the compiler did:
#   no undefined symbol, no relocation left, nothing a loader would have to do, no thread-local storage;
#   `syscall` and friends only inside the stub that the seccomp guard lets through;
#   C code never touches vector or x87 registers (the program's are live there);
#   the vDSO and the preload loader export what is intended and nothing more.
# usage: check_engine.sh ENGINE_ELF OBJECT_DIR VDSO_SO [PRELOAD_SO]
set -euo pipefail
export LC_ALL=C

elf=$1 objects=$2 vdso=$3 preload=${4:-}

# Functions in C that hold vector registers on purpose, in inline assembly, and restore or own them:
# the engine's own registers under --cpu v3 (xmm16-31, k0-7) and saving or restoring the program's.
vector_functions=' '

vdso_exports='__vdso_clock_getres __vdso_clock_gettime __vdso_getcpu __vdso_gettimeofday __vdso_time clock_getres clock_gettime getcpu gettimeofday time'

bad=0
complain() { printf 'engine: %s\n' "$*"; bad=1; }
none() { # none TEXT WHAT: complains with the first lines of TEXT unless it is empty
    [ -z "$1" ] || complain "$2:
$(head -n 5 <<<"$1")"
}

none "$(nm -u "$elf")" 'undefined symbols'
none "$(readelf -rW "$elf" | grep -E '^[0-9a-f]{12,}' || true)" 'relocations'
none "$(readelf -lW "$elf" | grep -E '^ *(TLS|INTERP|DYNAMIC) ' || true)" 'segments that need a loader'
none "$(readelf -SW "$elf" | grep -E '\.(tdata|tbss|init_array|fini_array|ctors|dtors|preinit_array)' || true)" 'sections'
none "$(readelf -SW "$elf" | grep -E ' (WAX|AXW|WXA)[a-z]* ' || true)" 'writable and executable sections'

# The stub: the image header's last two numbers.
symbol() { nm "$elf" | awk -v name="$1" '$3 == name { print $1 }'; }
start=$(symbol stub_start) end=$(symbol stub_end)
if [ -z "$start" ] || [ -z "$end" ]; then complain "no symbols stub_start and stub_end"; fi

disassembly=$(mktemp)
trap 'rm -f "$disassembly"' EXIT
objdump -d --no-show-raw-insn "$elf" >"$disassembly"

count=$(awk -v lo="$start" -v hi="$end" '
    function pad(h) { while (length(h) < 16) h = "0" h; return h }
    $1 ~ /:$/ && ($2 == "syscall" || $2 == "sysenter" || $2 == "int") {
        at = pad(substr($1, 1, length($1) - 1))
        if (at < pad(lo) || at >= pad(hi)) print "outside " $0
        else inside++
    }
    END { print "inside " inside + 0 }' "$disassembly")
none "$(grep '^outside' <<<"$count" || true)" 'system calls outside the stub'
[ "$(grep -c '^inside 1$' <<<"$count")" = 1 ] || complain "the stub has not exactly one syscall instruction: $count"

# Vector and x87 in what the compiler made. Hand-written assembly (*.S) is not looked at.
# xsave-like instructions name no such register and are welcome.
shopt -s nullglob
found=no
for object in "$objects"/*.c.o; do
    found=yes
    none "$(objdump -d --no-show-raw-insn "$object" | awk -v allowed="$vector_functions" -v object="${object##*/}" '
        /^[0-9a-f]+ <.*>:$/ { name = $2; gsub(/[<>:]/, "", name); next }
        /%[xyz]?mm[0-9]|%st|%k[0-7]|\tf[a-z]+/ && !/\tf?x(save|rstor)|fxsave|fxrstor/ {
            if (!index(allowed, " " name " ")) print object " " name ": " $0
        }')" 'vector or x87 instructions in C code'
done
[ $found = yes ] || complain "no objects in $objects"

exports() { nm -D --defined-only "$1" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort | tr '\n' ' ' | sed 's/ $//'; }
[ "$(exports "$vdso")" = "$vdso_exports" ] || complain "vDSO exports: $(exports "$vdso")"
none "$(nm -D -u "$vdso")" 'the vDSO wants symbols'
if [ -n "$preload" ]; then
    [ -z "$(exports "$preload")" ] || complain "preload loader exports: $(exports "$preload")"
    none "$(readelf -lW "$preload" | grep -E '^ *TLS ' || true)" 'the preload loader has thread-local storage'
fi

[ $bad = 0 ] || exit 1
echo "engine: clean"
