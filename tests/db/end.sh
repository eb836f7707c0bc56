#!/bin/bash
# Real programs: recorded, indexed, and the index compared with a plain replay at the end.
# And the positions in it, by which a replay finds a state.
#     end.sh ODB TEST_DB_END TEST_DB_POSITIONS TRACEE_DIR
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export ODB_DIR="$dir"
"$1" record -o "$dir/echo" /bin/echo hello >/dev/null
"$2" "$dir/echo"
"$1" record -o "$dir/sort" /usr/bin/sort -n "$0" >/dev/null
"$2" "$dir/sort"
"$3" "$dir/echo"
"$3" "$dir/sort"
for name in thr_race thr_queue sig_storm proc_exec_chain proc_fork_tree; do
    "$1" record -o "$dir/$name" "$4/tracee_$name" >/dev/null
    "$3" "$dir/$name" 60
done
[ "$("$1" query "$dir/echo" 'SELECT text FROM output' --json)" = '[{"text":"hello\n"}]' ]
[ "$("$1" query "$dir/echo" "SELECT value FROM odb_meta WHERE key='shadow_mismatches'" --json)" = '[{"value":0}]' ]
