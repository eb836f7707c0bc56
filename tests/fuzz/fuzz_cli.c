/* The command line's parsers, on arguments separated by newlines. The first byte chooses the parser. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/gdb.h"
#include "cli/query.h"
#include "common/cleanup.h"
#include "tests/fuzz/fuzz.h"

enum { MAX_ARGS = 64 };

static void parse(uint8_t which, int argc, char **argv)
{
    struct cli_record_args record;
    struct query_args query;
    bool flag;
    const char *dir;
    struct cli_gdb_args gdb;
    struct odb_err *e = NULL;
    switch (which % 6) {
    case 0:
        e = cli_parse_record(argc, argv, &record);
        if (!e && (!record.program || !record.program[0]))
            abort();
        break;
    case 1: e = cli_parse_dir(argc, argv, "check", &flag, &dir); break;
    case 2:
        e = query_parse(argc, argv, &query);
        if (!e && (!query.question || query.n_args > QUERY_MAX_ARGS))
            abort();
        break;
    case 3:
        e = cli_parse_gdb(argc, argv, &gdb);
        if (!e && !gdb.rest)
            abort();
        break;
    case 4: e = cli_parse_gdbserver(argc, argv, &gdb); break;
    default: e = cli_parse_dir(argc, argv, NULL, NULL, &dir); break;
    }
    odb_err_free(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    if (n_bytes < 1 || n_bytes > 4096)
        return 0;
    _cleanup_free_ char *text = malloc(n_bytes);
    if (!text)
        return 0;
    memcpy(text, data + 1, n_bytes - 1);
    text[n_bytes - 1] = '\0';
    char *argv[MAX_ARGS + 1] = {text};
    int argc = 1;
    for (char *p = text; argc < MAX_ARGS && (p = strchr(p, '\n'));) {
        *p++ = '\0';
        argv[argc++] = p;
    }
    argv[argc] = NULL;
    parse(data[0], argc, argv);
    return 0;
}
