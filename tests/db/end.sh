#!/bin/bash
# Real programs: recorded, indexed, and the index compared with a plain replay at the end.
#     end.sh ODB TEST_DB_END
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export ODB_DIR="$dir"
"$1" record -o "$dir/echo" /bin/echo hello >/dev/null
"$2" "$dir/echo"
"$1" record -o "$dir/sort" /usr/bin/sort -n "$0" >/dev/null
"$2" "$dir/sort"
[ "$("$1" query "$dir/echo" 'SELECT text FROM output' --json)" = '[{"text":"hello\n"}]' ]
[ "$("$1" query "$dir/echo" "SELECT value FROM odb_meta WHERE key='shadow_mismatches'" --json)" = '[{"value":0}]' ]
