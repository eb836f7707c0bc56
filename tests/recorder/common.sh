# shellcheck shell=bash disable=SC2034,SC2015
# Shared by the scripts of tests/recorder: $odb, $dir (temporary, kept when something failed), fail, finish.
odb=$1
shift
dir=$(mktemp -d "${TMPDIR:-/tmp}/odb-recorder-XXXXXX")
failed=0
trap '[ $failed = 1 ] && echo "kept: $dir" || rm -rf "$dir"' EXIT
export ODB_DIR=$dir/odb

fail() { echo "FAILED: $*"; failed=1; }
skip() { echo "skipped: $*"; exit 77; }
finish() { [ $failed = 0 ] && echo EXIT-SUCCESS; exit $failed; }

# expect STATUS WHAT COMMAND...: output in $dir/out and $dir/err
expect() {
    local status=$1 what=$2
    shift 2
    timeout 60 "$@" > "$dir/out" 2> "$dir/err" < /dev/null
    local got=$?
    [ $got = "$status" ] || fail "$what: exit status $got, expected $status: $(head -c 300 "$dir/err")"
}

# says TEXT WHAT: one line on stderr, with this text
says() {
    grep -q -e "$1" "$dir/err" && [ "$(wc -l < "$dir/err")" = 1 ] || fail "$2: expected one line with '$1', got '$(head -c 300 "$dir/err")'"
}
