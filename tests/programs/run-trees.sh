#!/usr/bin/env bash
# run-trees.sh ODB NAME...|quick|slow|all: real programs made of many processes and threads (trees.sh is the table). Each is
# run natively, then recorded three times, and each recording is replayed with --check; output and exit status must be
# the native ones every time, and nothing may stay behind: no process, of the program or of odb. One line each, with
# seconds of wall time and the recording's size. A failed program's folder is kept in $ODB_TEST_KEEP (or /tmp).
# ROUNDS=N: so many recordings instead of 3. ODB_TREE_LIMIT: seconds that a run may
# take. ODB_TREE_OPTIONS: options of odb record, --chaos for instance.
set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
odb=$(readlink -f "$1")
shift
# shellcheck source=tests/programs/trees.sh
. "$here/trees.sh"
export LC_ALL=C.UTF-8 PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 SHELL=/bin/bash
unset MAKEFLAGS MAKELEVEL MFLAGS
keep_dir=${ODB_TEST_KEEP:-/tmp} rounds=${ROUNDS:-3}

names=()
for a in "$@"; do
    case $a in
        quick) names+=("${trees_quick[@]}") ;;
        slow) names+=("${trees_slow[@]}") ;;
        all) names+=("${trees_quick[@]}" "${trees_slow[@]}") ;;
        *) names+=("$a") ;;
    esac
done

# Processes that work in the test's folder, or carry its name in their environment.
left_behind() {
    local p pid
    for p in /proc/[0-9]*; do
        pid=${p#/proc/}
        # the test itself and the subshell that asks
        if [ "$pid" = $$ ] || [ "$pid" = "$BASHPID" ] || [ "$(awk '{ print $4 }' "$p/stat" 2>/dev/null)" = $$ ]; then continue; fi
        if [[ $(readlink "$p/cwd" 2>/dev/null) == "$tmp/work"* ]] || grep -qsaF "ODB_TREE_MARK=$tmp" "$p/environ"; then
            echo "$pid"
        fi
    done
}

# Ends what is left; says so when it is not only on its way out.
none_left() {
    local i pids
    for i in 1 2 3 4 5 6 7 8 9 10; do
        pids=$(left_behind)
        [ -n "$pids" ] || return 0
        sleep 0.1
    done
    for i in $pids; do
        printf '%s ' "$i" "$(tr '\0' ' ' <"/proc/$i/cmdline" 2>/dev/null | cut -c 1-100)" "$(cat "/proc/$i/wchan" 2>/dev/null);"
    done >"$tmp/why"
    echo >>"$tmp/why"
    # shellcheck disable=SC2086
    kill -9 $pids 2>/dev/null
    return 1
}

wrong() {
    echo "FAILED $name: $*"
    [ ! -s "$tmp/why" ] || head -n 8 "$tmp/why" | cut -c 1-400
    local keep=$keep_dir/tree-$name
    rm -rf "$keep"
    cp -r "$tmp" "$keep"
    echo "  folder: $keep; repeat: $here/run-trees.sh $odb $name${seed:+ ($seed)}"
    failed=$((failed + 1))
    return 1
}

# timed LABEL COMMAND...: runs it in a fresh copy of `in`; sets $got and $wall
timed() {
    local label=$1
    shift
    cd "$tmp" && rm -rf work && cp -r in work && chmod 755 work || exit 1
    [ -z "$owner" ] || chown -R "$owner" work
    cd work || exit 1
    TIMEFORMAT=%R
    { time ODB_TREE_MARK=$tmp HOME=$tmp/work TMPDIR=$tmp/work ODB_DIR=$tmp/odb timeout -k 5 "$limit" "$@" \
        </dev/null >"../out/$label.out" 2>"../out/$label.err"; } 2>../wall 3>&-
    got=$?
    wall=$(cat ../wall)
    cd "$tmp" || exit 1
    : >why
    none_left || wrong "$label: left processes behind (status $got)"
}

same() {
    [ "$got" = "$status" ] || { tail -n 3 "out/$1.err" >why; wrong "$1: status $got, natively $status"; return 1; }
    cmp -s out/native.out "out/$1.out" || { diff -a out/native.out "out/$1.out" >why; wrong "$1: other output"; return 1; }
    cmp -s out/native.err "out/$1.err" || { diff -a out/native.err "out/$1.err" >why; wrong "$1: other stderr"; return 1; }
}

one() {
    cmd=() seed='' limit=${ODB_TREE_LIMIT:-300} owner=
    local status
    cd in && "setup_$name" >"$tmp/why"
    status=$?
    cd "$tmp" || exit 1
    if [ $status != 0 ]; then
        echo "skipped $name: $(cat why)"
        skipped=$((skipped + 1))
        return
    fi
    timed native "${cmd[@]}" || return
    status=$got
    local native=$wall record=0 i
    if [ "$status" -ge 124 ] || { [ ! -s out/native.out ]; }; then
        tail -n 3 out/native.err >why
        wrong "native: status $status"
        return
    fi
    for ((i = 1; i <= rounds; i++)); do
        rm -rf rec
        # shellcheck disable=SC2086
        timed "record$i" "$odb" record ${ODB_TREE_OPTIONS:-} -o ../rec -- "${cmd[@]}" || return
        record=$wall
        seed=$(grep -ao '^odb: chaos, --seed [0-9]*' "out/record$i.err" || true) # what --chaos says without --seed
        [ -z "$seed" ] || sed -i '/^odb: chaos, --seed [0-9]*$/d' "out/record$i.err"
        same "record$i" || return
        timed "replay$i" "$odb" replay --check ../rec || return
        same "replay$i" || return
    done
    printf '%-16s status %-3s native %7s s  record %7s s  replay %7s s  %8s KB\n' "$name" "$status" "$native" "$record" "$wall" \
        "$(du -sk rec | cut -f1)"
    passed=$((passed + 1))
}

passed=0 failed=0 skipped=0
for name in "${names[@]}"; do
    declare -F "setup_$name" >/dev/null || { echo "no program named $name"; failed=$((failed + 1)); continue; }
    tmp=$(mktemp -d)
    cd "$tmp" && chmod 711 . && mkdir in out || exit 1
    one
    cd / && chmod -R u+w "$tmp" && rm -rf "$tmp"
done
echo "trees: $passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] || exit 1
[ "$passed" != 0 ] || exit 77
