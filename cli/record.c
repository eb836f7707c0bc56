/* odb record: runs a program and records it. Its exit status is the program's; it prints nothing of its own,
 * but for one closing line where stderr is a terminal.
 *
 * Options that the manual page does not have are for the project's own tests and benchmarks. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>

#include "cli/cli.h"
#include "common/cleanup.h"
#include "recorder/record.h"

#define CHAOS_SLICE_US 300

static struct odb_err *parse_choice(const char *option, const char *value, const char *const *names,
                                    uint32_t n, uint32_t *ret)
{
    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(value, names[i]) == 0) {
            *ret = i;
            return NULL;
        }
    }
    return cli_usage("%s is %s, %s%s%s, not '%s'", option, names[0], names[1], n > 2 ? " or " : "",
                     n > 2 ? names[2] : "", value);
}

/* A decimal number in units of 1/scale, such as 1.5 seconds in ms. */
static struct odb_err *parse_decimal(const char *option, const char *value, uint64_t scale, uint64_t max,
                                     uint64_t *ret)
{
    char *end = NULL;
    double number = value && (*value == '.' || (*value >= '0' && *value <= '9')) ? strtod(value, &end) : -1;
    if (!end || *end || !(number >= 0) || number * (double)scale > (double)max)
        return cli_usage("%s takes a number, not '%s'", option, value);
    *ret = (uint64_t)(number * (double)scale);
    if (number > 0 && *ret == 0)
        *ret = 1;
    return NULL;
}

static struct odb_err *parse_whole(const char *option, const char *value, uint64_t max, uint64_t *ret)
{
    char *end = NULL;
    errno = 0;
    unsigned long long number = *value >= '0' && *value <= '9' ? strtoull(value, &end, 0) : 0;
    if (!end || *end || errno || number > max)
        return cli_usage("%s takes a number, not '%s'", option, value);
    *ret = number;
    return NULL;
}

static struct odb_err *check_env(const struct cli_record_args *args)
{
    for (size_t i = 0; i < args->set_env.n; i++)
        if (!strchr(args->set_env.items[i], '=') || args->set_env.items[i][0] == '=')
            return cli_usage("-e takes NAME=VALUE, not '%s'", args->set_env.items[i]);
    for (size_t i = 0; i < args->unset_env.n; i++)
        if (!*args->unset_env.items[i] || strchr(args->unset_env.items[i], '='))
            return cli_usage("--unset-env takes a variable's name, not '%s'", args->unset_env.items[i]);
    return NULL;
}

/* Values of options as text; NULL: not given. */
struct record_texts {
    const char *cpu, *preload, *seed, *tries, *timeout, *slice, *core;
};

static struct odb_err *parse_texts(const struct record_texts *t, struct cli_record_args *args)
{
    static const char *const policies[] = {"v3", "host"}, *const starts[] = {"auto", "never", "always"};
    uint32_t policy = 0;
    uint64_t slice_us = 0, core = 0;
    ODB_TRY(parse_choice("--cpu", t->cpu, policies, 2, &policy));
    ODB_TRY(parse_choice("--preload", t->preload, starts, 3, &args->preload));
    args->policy = policy ? ODB_CPU_HOST : ODB_CPU_V3;
    if (t->seed)
        ODB_TRY(parse_whole("--seed", t->seed, UINT64_MAX, &args->seed));
    args->has_seed = t->seed != NULL;
    args->chaos |= args->has_seed;
    if (t->tries)
        ODB_TRY(parse_whole("--tries", t->tries, UINT32_MAX, &args->tries));
    if (args->tries && !args->keep_on_failure)
        return cli_usage("--tries belongs to --keep-on-failure");
    if (t->timeout)
        ODB_TRY(parse_decimal("--timeout", t->timeout, 1000, UINT32_MAX, &args->timeout_ms));
    if (t->slice)
        ODB_TRY(parse_decimal("--slice", t->slice, 1000, 60000000, &slice_us));
    args->slice_us = (uint32_t)slice_us;
    if (t->core)
        ODB_TRY(parse_whole("--cpu-core", t->core, 1023, &core));
    args->cpu_core = t->core ? (int)core : -1;
    return NULL;
}

struct odb_err *cli_parse_record(int argc, char **argv, struct cli_record_args *ret)
{
    struct cli_record_args args = {.policy = ODB_CPU_V3};
    struct record_texts texts = {.cpu = "v3", .preload = "auto"};
    const struct cli_option options[] = {
        {.name = "output", .letter = 'o', .value = &args.dir},
        {.name = "cpu", .value = &texts.cpu},
        {.name = "cpu-core", .value = &texts.core},
        {.name = "preload", .value = &texts.preload},
        {.name = "env", .letter = 'e', .list = &args.set_env},
        {.name = "unset-env", .list = &args.unset_env},
        {.name = "clear-env", .flag = &args.clear_env},
        {.name = "chaos", .flag = &args.chaos},
        {.name = "seed", .value = &texts.seed},
        {.name = "slice", .value = &texts.slice},
        {.name = "timeout", .value = &texts.timeout},
        {.name = "keep-on-failure", .flag = &args.keep_on_failure},
        {.name = "tries", .value = &texts.tries},
        {.name = "check", .flag = &args.check},
        {.name = "bare", .flag = &args.bare},
        {.name = "stats", .flag = &args.stats},
        {.name = "no-vector-ticks", .flag = &args.no_vector_ticks},
        {.name = "no-superblocks", .flag = &args.no_superblocks},
    };
    ODB_TRY(cli_parse_options(options, sizeof(options) / sizeof(options[0]), CLI_OPTIONS_FIRST, &argc, argv));
    ODB_TRY(parse_texts(&texts, &args));
    ODB_TRY(check_env(&args));
    if (args.dir && !*args.dir)
        return cli_usage("-o needs a folder's name");
    if (argc < 2 || !*argv[1])
        return cli_usage("record needs a program to run");
    args.program = argv + 1;
    *ret = args;
    return NULL;
}

int cli_exit_status(int wait_status)
{
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

static char **program_environment; /* owned; the strings are odb's own, or of its arguments */

/* Swaps odb's own environment with the program's. */
static void swap_environment(void)
{
    char **own = environ;
    environ = program_environment;
    program_environment = own;
}

/* Do both begin with the same name and '='? */
static bool is_same_variable(const char *a, const char *b)
{
    size_t n = strcspn(a, "=");
    return n == strcspn(b, "=") && memcmp(a, b, n) == 0;
}

static bool is_replaced(const char *variable, const struct cli_list *by, size_t from)
{
    for (size_t i = from; i < by->n; i++)
        if (is_same_variable(variable, by->items[i]))
            return true;
    return false;
}

static struct odb_err *make_environment(const struct cli_record_args *args)
{
    size_t n = 0, n_own = 0;
    while (environ && !args->clear_env && environ[n_own])
        n_own++;
    program_environment = calloc(n_own + args->set_env.n + 1, sizeof(*program_environment));
    if (!program_environment)
        return odb_err("out of memory");
    for (size_t i = 0; i < n_own; i++)
        if (!is_replaced(environ[i], &args->unset_env, 0) && !is_replaced(environ[i], &args->set_env, 0))
            program_environment[n++] = environ[i];
    for (size_t i = 0; i < args->set_env.n; i++)
        if (!is_replaced(args->set_env.items[i], &args->set_env, i + 1))
            program_environment[n++] = (char *)(uintptr_t)args->set_env.items[i];
    return NULL;
}

/* Not zero, and different for seeds that differ little (splitmix64). */
static uint64_t mix_seed(uint64_t seed)
{
    uint64_t x = seed + 0x9e3779b97f4a7c15;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    x ^= x >> 31;
    return x ? x : 1;
}

static void choose_seed(struct cli_record_args *args)
{
    uint32_t seed = 0;
    if (!args->chaos || args->has_seed)
        return;
    if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
        seed = (uint32_t)getpid();
    args->seed = seed;
    if (!args->keep_on_failure)
        fprintf(stderr, "odb: chaos, --seed %" PRIu64 "\n", args->seed);
}

/* One recording; rec is the caller's to free, also with an error. */
static struct odb_err *record_once(const struct cli_record_args *args, uint64_t seed,
                                   struct cli_recording *rec, int *ret_status)
{
    if (!args->bare)
        ODB_TRY(cli_new_recording(args->dir, args->program[0], rec));
    const struct odb_record_options opt = {
        .argv = args->program,
        .dir = rec->dir,
        .cpu_policy = args->policy,
        .preload = (enum odb_preload_start)args->preload,
        .slice_us = args->slice_us ? args->slice_us
                    : args->chaos  ? CHAOS_SLICE_US
                                   : 0,
        .chaos_seed = args->chaos ? mix_seed(seed) : 0,
        .timeout_ms = args->timeout_ms,
        .cpu_core = args->cpu_core,
        .check = args->check,
        .bare = args->bare,
        .no_vector_ticks = args->no_vector_ticks,
        .no_superblocks = args->no_superblocks,
        .stats = args->stats,
    };
    int wait_status = 0;
    swap_environment();
    struct odb_err *e = odb_record(&opt, &wait_status);
    swap_environment();
    if (e && rec->dir)
        cli_discard_recording(rec);
    *ret_status = cli_exit_status(wait_status);
    return e;
}

/* Again and again, until it fails: that recording is kept. */
static struct odb_err *record_until_failure(const struct cli_record_args *args, int *ret_status)
{
    for (uint64_t try = 1; !args->tries || try <= args->tries; try++) {
        uint64_t seed = args->seed + try - 1;
        struct cli_recording rec = {0};
        struct odb_err *e = record_once(args, seed, &rec, ret_status);
        bool failed = !e && *ret_status != 0;
        if (failed) {
            fprintf(stderr, "odb: try %" PRIu64 " ended with status %d, recorded in %s", try, *ret_status,
                    rec.dir ? rec.dir : "nothing");
            if (args->chaos)
                fprintf(stderr, " (--seed %" PRIu64 ")", seed);
            fputc('\n', stderr);
        } else if (!e && rec.dir) {
            cli_remove_recording(&rec);
        }
        cli_recording_deinit(&rec);
        if (e || failed)
            return e;
        cli_progress("tries without a failure", try, 0);
    }
    cli_progress_end();
    fprintf(stderr, "odb: %" PRIu64 " tries, none failed, nothing is kept\n", args->tries);
    return NULL;
}

struct odb_err *cli_record(int argc, char **argv, int *ret_status)
{
    struct cli_record_args args = {0};
    ODB_TRY(cli_parse_record(argc, argv, &args));
    odb_assert(args.program);
    ODB_TRY(make_environment(&args));
    choose_seed(&args);
    if (args.keep_on_failure)
        return record_until_failure(&args, ret_status);
    struct cli_recording rec = {0};
    struct odb_err *e = record_once(&args, args.seed, &rec, ret_status);
    if (!e && rec.dir && isatty(STDERR_FILENO))
        fprintf(stderr, "odb: recorded in %s\n", rec.dir);
    cli_recording_deinit(&rec);
    return e;
}
