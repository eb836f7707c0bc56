#!/usr/bin/env bash
# docs/syscalls.md must be what the generator prints from the table.
# usage: docs_current.sh GENERATOR PAGE
set -euo pipefail
diff <("$1") "$2" && exit 0
echo "out of date; run: $1 >docs/syscalls.md"
exit 1
