/* odb index: makes the database of a recording; and cli_ensure_index() for commands that need one. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/index_symbols.h"
#include "common/cleanup.h"
#include "common/fs.h"
#include "indexer/index.h"

static void show_progress(void *ctx, uint64_t done, uint64_t total)
{
    (void)ctx;
    cli_progress("odb: indexing", done, total);
}

static struct odb_err *make_index(const char *dir, struct odb_index_result *ret)
{
    _cleanup_free_ char *folder = strdup(dir);
    if (!folder)
        return odb_err("out of memory");
    const struct odb_index_options opt = {.progress = show_progress,
                                          .guest = {.add = index_symbols, .ctx = folder}};
    struct odb_err *e = odb_index(dir, &opt, ret);
    cli_progress_end();
    return e;
}

struct odb_err *cli_index(int argc, char **argv, int *ret_status)
{
    (void)ret_status;
    const char *arg = NULL;
    _cleanup_free_ char *dir = NULL;
    ODB_TRY(cli_parse_dir(argc, argv, NULL, NULL, &arg));
    ODB_TRY(cli_find_recording(arg, &dir));
    __attribute__((cleanup(odb_index_result_deinit))) struct odb_index_result result = {0};
    ODB_TRY(make_index(dir, &result));
    if (result.damage)
        return odb_err("the index covers the first %" PRIu64 " instructions only: %s", result.insns,
                       result.damage);
    return NULL;
}

struct odb_err *cli_ensure_index(const char *dir)
{
    _cleanup_free_ char *path = NULL;
    ODB_TRY(fs_join(dir, "index.db", &path));
    struct stat st;
    if (stat(path, &st) == 0)
        return NULL;
    if (errno != ENOENT)
        return odb_err_errno(errno, "%s", path);
    __attribute__((cleanup(odb_index_result_deinit))) struct odb_index_result result = {0};
    ODB_TRY(make_index(dir, &result));
    if (result.damage)
        fprintf(stderr, "odb: the index covers the first %" PRIu64 " instructions only: %s\n", result.insns,
                result.damage);
    return NULL;
}
