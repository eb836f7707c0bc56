/* odb gdb: gdb on a recording. odb gdbserver: the same for any client of the gdb remote protocol.
 *
 * `odb gdb` becomes gdb. What gdb is told first is gdb/odb.gdb, which is part of this program (gdb_script.S) and is handed over as a
 * file in memory; it starts `odb gdbserver` on a socket of its own. Names travel in the environment, so that nothing has to be
 * quoted. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cli/cli.h"
#include "cli/gdb.h"
#include "common/cleanup.h"
#include "common/fs.h"
#include "gdb/server.h"

extern const char cli_gdb_script[], cli_gdb_script_end[]; /* gdb_script.S */

/* ---- the command lines ---- */

/* --name VALUE or --name=VALUE at argv[*i]. */
static bool takes_value(const char *name, char **argv, int argc, int *i, const char **ret)
{
    size_t len = strlen(name);
    if (strncmp(argv[*i], name, len) != 0)
        return false;
    if (argv[*i][len] == '=') {
        *ret = argv[*i] + len + 1;
        return true;
    }
    if (argv[*i][len] || *i + 1 >= argc)
        return false;
    *ret = argv[++*i];
    return true;
}

static struct odb_err *parse_pid(const char *text, uint32_t *ret)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    if (end == text || *end || n == 0 || n > INT_MAX)
        return cli_usage("--pid takes a process id, not '%s'", text);
    *ret = (uint32_t)n;
    return NULL;
}

struct odb_err *cli_parse_gdb(int argc, char **argv, struct cli_gdb_args *ret)
{
    const char *pid = NULL;
    int i = 1;
    *ret = (struct cli_gdb_args){0};
    for (; i < argc; i++) {
        if (takes_value("--at", argv, argc, &i, &ret->at) || takes_value("--pid", argv, argc, &i, &pid))
            continue;
        if (strcmp(argv[i], "--no-index") == 0)
            ret->no_index = true;
        else if (argv[i][0] != '-' && !ret->dir)
            ret->dir = argv[i];
        else
            break;
    }
    if (i < argc && strcmp(argv[i], "--") == 0)
        i++;
    ret->rest = argv + i;
    if (pid)
        ODB_TRY(parse_pid(pid, &ret->pid));
    return NULL;
}

struct odb_err *cli_parse_gdbserver(int argc, char **argv, struct cli_gdb_args *ret)
{
    const char *pid = NULL;
    *ret = (struct cli_gdb_args){0};
    const struct cli_option options[] = {
        {.name = "listen", .value = &ret->listen},
        {.name = "at", .value = &ret->at},
        {.name = "pid", .value = &pid},
        {.name = "no-index", .flag = &ret->no_index},
        {.name = "once", .flag = &ret->once},
    };
    ODB_TRY(
        cli_parse_options(options, sizeof(options) / sizeof(*options), CLI_OPTIONS_ANYWHERE, &argc, argv));
    if (argc > 2)
        return cli_usage("%s takes one recording, not also '%s'", argv[0], argv[2]);
    if (!ret->listen)
        return cli_usage("%s: --listen HOST:PORT, --listen UNIX-PATH or --listen - is missing", argv[0]);
    ret->dir = argc == 2 ? argv[1] : NULL;
    if (pid)
        ODB_TRY(parse_pid(pid, &ret->pid));
    return NULL;
}

/* ---- odb gdbserver ---- */

static void say_ready(const char *where)
{
    printf("listening at %s\n", where);
    fflush(stdout);
}

static void say_note(const char *line) { fprintf(stderr, "odb: %s\n", line); }

struct odb_err *cli_gdbserver(int argc, char **argv, int *ret_status)
{
    struct cli_gdb_args a;
    _cleanup_free_ char *dir = NULL;
    (void)ret_status;
    ODB_TRY(cli_parse_gdbserver(argc, argv, &a));
    ODB_TRY(cli_find_recording(a.dir, &dir));
    const struct server_options o = {
        .dir = dir,
        .target = {.at = a.at, .pid = a.pid, .no_index = a.no_index},
        .listen = a.listen,
        .once = a.once,
        .ready = say_ready,
        .note = say_note,
    };
    return server_run(&o);
}

/* ---- odb gdb ---- */

/* The script as a file that gdb inherits; its path. */
static struct odb_err *script_file(char path[32])
{
    int fd = memfd_create("odb.gdb", 0); /* stays open over exec */
    if (fd < 0)
        return odb_err_errno(errno, "cannot make a file in memory");
    ODB_TRY(fs_write_all(fd, cli_gdb_script, (size_t)(cli_gdb_script_end - cli_gdb_script)));
    snprintf(path, 32, "/proc/self/fd/%d", fd);
    return NULL;
}

static struct odb_err *set_environment(const struct cli_gdb_args *a, const char *dir)
{
    char self[PATH_MAX], options[256], pid[32] = "";
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n < 0)
        return odb_err_errno(errno, "cannot find the odb program");
    self[n] = 0;
    if (a->at && strspn(a->at, "abcdefghijklmnopqrstuvwxyz0123456789:%.") != strlen(a->at))
        return cli_usage("--at takes T, event:N, N%%, start or end, not '%s'", a->at);
    if (a->at && strlen(a->at) > 100)
        return cli_usage("--at '%s' is too long", a->at);
    if (a->pid)
        snprintf(pid, sizeof(pid), " --pid %u", a->pid);
    snprintf(options, sizeof(options), "%s%s%s%s", a->at ? "--at " : "", a->at ? a->at : "", pid,
             a->no_index ? " --no-index" : "");
    if (setenv("ODB_PROGRAM", self, 1) || setenv("ODB_RECORDING", dir, 1) ||
        setenv("ODB_SERVER_OPTIONS", options, 1))
        return odb_err("out of memory");
    return NULL;
}

struct odb_err *cli_gdb(int argc, char **argv, int *ret_status)
{
    struct cli_gdb_args a;
    _cleanup_free_ char *dir = NULL;
    char script[32];
    size_t n_rest = 0, n = 0;
    (void)ret_status;
    ODB_TRY(cli_parse_gdb(argc, argv, &a));
    ODB_TRY(cli_find_recording(a.dir, &dir));
    ODB_TRY(set_environment(&a, dir));
    ODB_TRY(script_file(script));
    while (a.rest[n_rest])
        n_rest++;
    static const char *const first[] = {
        "gdb", "-q", "-iex", "set auto-connect-native-target off", "-iex", "set debuginfod enabled off",
        "-x"};
    enum { N_FIRST = sizeof(first) / sizeof(first[0]) };
    _cleanup_free_ const char **args = calloc(N_FIRST + 2 + n_rest, sizeof(*args));
    if (!args)
        return odb_err("out of memory");
    for (; n < N_FIRST; n++)
        args[n] = first[n];
    args[n++] = script;
    memcpy(args + n, a.rest, n_rest * sizeof(*args));
    union { /* exec does not change them */
        const char **in;
        char **out;
    } u = {.in = args};
    execvp("gdb", u.out);
    return odb_err_errno(errno, "cannot start gdb: is it installed?");
}
