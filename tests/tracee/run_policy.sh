#!/usr/bin/env bash
# run_policy.sh ODB CPUID_PROGRAM: under the default policy the program must not see AVX-512.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
"$1" record -o "$tmp/rec" -- "$2" --expect-v3 | grep -q EXIT-SUCCESS
"$1" replay --check "$tmp/rec" | grep -q EXIT-SUCCESS
"$1" record --cpu host -o "$tmp/host" -- "$2" | grep -q EXIT-SUCCESS
"$1" replay --check "$tmp/host" | grep -q EXIT-SUCCESS
