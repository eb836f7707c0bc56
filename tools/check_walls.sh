#!/usr/bin/env bash
# The walls between folders: which folder may include which. docs/ARCHITECTURE.md "Walls" says why.
# usage: check_walls.sh ROOT
set -euo pipefail
cd "${1:-.}"

# folder -> folders whose headers it may include, besides its own
declare -A allowed=(
    [common]=""
    [model]="common"
    [trace]="common model preload"
    [preload]="common trace model"
    [recorder]="common trace model preload"
    [replayer]="common trace model preload"
    [indexer]="common trace model preload replayer db"
    [db]="common trace model"
    [symbols]="common db"
    [gdb]="common trace model replayer db symbols"
)
# What freestanding code of preload/ may take from outside: headers that say they are freestanding-safe.
# The interfaces of preload/ that hosted code may see.
preload_public="preload/control.h preload/preload_env.h preload/shared.h preload/world.h"
# The encoding of the index, which db/ shares with indexer/.
encoding_headers="indexer/chunk.h indexer/schema.h indexer/source_lines.h"
# Files of preload/ that run on the build machine, hosted.
preload_hosted='preload/(gen|tools)[^:]*'

bad=0
complain() { printf '%s\n' "$*"; bad=1; }

for folder in "${!allowed[@]}"; do
    [ -d "$folder" ] || continue
    while IFS=: read -r file line text; do
        header=$(sed -E 's/^[^"]*"([^"]+)".*/\1/' <<<"$text")
        to=${header%%/*}
        if [ "$to" = "$header" ]; then
            # Generated headers are included by bare name; a source header never is.
            [ ! -e "$(dirname "$file")/$header" ] || complain "$file:$line: includes \"$header\" without its folder"
            continue
        fi
        [ "$to" != "$folder" ] || continue
        if [ "$folder" = db ] && [[ " $encoding_headers " == *" $header "* ]]; then
            continue
        fi
        case " ${allowed[$folder]} " in
            *" $to "*) ;;
            *) complain "$file:$line: $folder must not include $header (allowed: ${allowed[$folder]:-nothing})"; continue ;;
        esac
        if [ "$to" = preload ]; then
            case " $preload_public " in
                *" $header "*) ;;
                *) complain "$file:$line: $header is inside the engine; only $preload_public is for others" ;;
            esac
        fi
        if [ "$folder" = preload ] && ! [[ $file =~ $preload_hosted ]] && [ -e "$header" ] &&
           ! grep -qi 'freestanding-safe' "$header"; then
            complain "$file:$line: $header does not say that it is freestanding-safe"
        fi
    done < <(grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' --include='*.[chS]' "$folder" || true)
done

# The engine has no libc: only what a freestanding compiler brings, and the kernel's headers; elf.h holds only types.
while IFS=: read -r file line text; do
    [[ $file =~ $preload_hosted ]] && continue
    header=$(sed -E 's/^[^<]*<([^>]+)>.*/\1/' <<<"$text")
    case $header in
        stdint.h | stddef.h | stdbool.h | stdatomic.h | stdarg.h | limits.h | elf.h | linux/* | asm/* | asm-generic/*) ;;
        *) complain "$file:$line: <$header> is not for freestanding code" ;;
    esac
done < <(grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*<' --include='*.[chS]' preload 2>/dev/null || true)

# Only the command and the recorder's main loop talk to people.
while IFS=: read -r file line _; do
    complain "$file:$line: prints; only cli/ and the recorder's main loop do (return a struct odb_err *)"
done < <(grep -rnE '(^|[^a-z_n])(printf|puts|perror)\(|fprintf\(stderr' --include='*.c' common model trace replayer db symbols gdb 2>/dev/null |
         grep -vE '^common/err\.c:|^[a-z]+/(gen|tools)[^:]*:|:[[:space:]]*(\*|//|/\*)' || true)

[ "$bad" = 0 ] || { echo "walls: broken"; exit 1; }
echo "walls: intact"
