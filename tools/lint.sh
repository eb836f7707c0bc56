#!/usr/bin/env bash
# tools/lint.sh [--format]: is the tree clean? Formatting, warnings of gcc and clang, clang-tidy, shellcheck, walls.
# --format rewrites the formatting instead of checking.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

mapfile -t sources < <(git ls-files -co --exclude-standard -- '*.c' '*.h' | while read -r f; do [ ! -e "$f" ] || echo "$f"; done)
mapfile -t scripts < <(git ls-files -co --exclude-standard | while read -r f; do
    [ ! -f "$f" ] || ! head -n 1 "$f" | grep -qaE '^#!.*\b(ba)?sh\b' || echo "$f"
done)

if [ "${1:-}" = --format ]; then
    clang-format -i "${sources[@]}"
    exit 0
fi

bad=0
step() { # step NAME COMMAND...: runs it; says whether it was clean
    local log
    log=$(mktemp)
    if "${@:2}" >"$log" 2>&1; then
        echo "lint: $1 clean"
    else
        tail -n "${LINT_LINES:-40}" "$log"
        echo "lint: $1 NOT clean"
        bad=1
    fi
    rm -f "$log"
}

# compiler DIR: a whole build from scratch in which every warning is an error.
compiler() {
    local dir=build-lint-$1
    [ -f "$dir/build.ninja" ] || CC=$1 meson setup "$dir" --werror || return 1
    ninja -C "$dir"
}

tidy() {
    # Only what is in the compilation database: generated and hand-compiled sources are not.
    mapfile -t tidied < <(sed -n 's/^ *"file": "\(.*\)",*$/\1/p' build-lint-clang/compile_commands.json |
                          sed 's|^\.\./||' | grep -E '\.c$' | grep -v -e '^tests/tracee/' -e '^/' -e '/meson-generated' | sort -u)
    local f list=()
    for f in "${tidied[@]}"; do [ ! -f "$f" ] || list+=("$f"); done
    local found
    found=$(printf '%s\0' "${list[@]}" | xargs -0 -n 4 -P "$(nproc)" clang-tidy --quiet -p build-lint-clang 2>/dev/null |
            grep -E '(error|warning): ' | sed "s|^$PWD/||; s|^build-lint-clang/\.\./||" | sort -u || true)
    echo "$found"
    [ -z "$found" ]
}

step format clang-format --dry-run --Werror "${sources[@]}"
step gcc compiler gcc
step clang compiler clang
step clang-tidy tidy
step shellcheck shellcheck -x "${scripts[@]}"
step walls tools/check_walls.sh .
[ $bad = 0 ] || exit 1
