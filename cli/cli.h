/* The `odb` command: what its commands share.
 *
 * Each command is a row of the table in main.c and a function of its own file. Only this folder prints
 * for people. A command prints its result to stdout and returns errors, which main.c prints as one line
 * "odb: what, and what to do" with exit status 1, or 2 where the command line itself is wrong.
 *
 * To add a command:
 *   1. cli/NAME.c with `struct odb_err *cli_NAME(int argc, char **argv, int *ret_status)`, declared below;
 *      parsing in a function of its own (the fuzz target tests/fuzz/fuzz_cli.c calls it without running anything)
 *   2. its row in cli/main.c, the file in cli/meson.build
 *   3. man/odb.1, README.md, and the rule: what is there is stable from now on
 *   4. a test in tests/cli */
#ifndef ODB_CLI_CLI_H
#define ODB_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "trace/format.h"

enum { CLI_OK = 0, CLI_FAILURE = 1, CLI_USAGE = 2 };

struct cli_command {
    const char *name;
    const char *args; /* as the usage line shows them */
    const char *summary;
    /* argv[0] is the command's name, argv[argc] NULL. *ret_status is 0 on entry, the exit status of the
     * command on success; with an error it becomes CLI_FAILURE unless cli_usage() made the error. */
    struct odb_err *(*run)(int argc, char **argv, int *ret_status);
};

struct odb_err *cli_record(int argc, char **argv, int *ret_status) ODB_MUST_CHECK;
struct odb_err *cli_replay(int argc, char **argv, int *ret_status) ODB_MUST_CHECK;
struct odb_err *cli_index(int argc, char **argv, int *ret_status) ODB_MUST_CHECK;
struct odb_err *cli_dump(int argc, char **argv, int *ret_status) ODB_MUST_CHECK;
struct odb_err *cli_ls(int argc, char **argv, int *ret_status) ODB_MUST_CHECK;
struct odb_err *cli_info(int argc, char **argv, int *ret_status) ODB_MUST_CHECK;
struct odb_err *cli_query(int argc, char **argv, int *ret_status) ODB_MUST_CHECK; /* query.c */
struct odb_err *cli_gdb(int argc, char **argv, int *ret_status) ODB_MUST_CHECK;
struct odb_err *cli_gdbserver(int argc, char **argv, int *ret_status) ODB_MUST_CHECK; /* gdb.c */

/* ---- the command line ---- */

/* An error about the command line: exit status 2. */
struct odb_err *cli_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2), returns_nonnull))
ODB_MUST_CHECK;
/* Was there such an error? */
bool cli_was_usage(void);

/* Values of an option that may be given many times; borrowed from argv. */
#define CLI_LIST_MAX 256
struct cli_list {
    const char *items[CLI_LIST_MAX];
    size_t n;
};

/* One option: --name, or -letter (0: none). Exactly one of flag, value and list is set; value and list take an
 * argument, as `--name X`, `--name=X` or `-l X`, and borrow it from argv. */
struct cli_option {
    const char *name;
    char letter;
    bool *flag;
    const char **value;
    struct cli_list *list;
};

enum cli_order {
    CLI_OPTIONS_FIRST,    /* options end at the first other argument: record [OPTIONS] PROGRAM [ARG...] */
    CLI_OPTIONS_ANYWHERE, /* options may stand between other arguments: query regs --at 5 */
};

/* Takes the options out of argv (argv[0] is skipped) and moves what is left to its front: *argc and argv
 * then hold argv[0] and the other arguments. "--" ends the options and is taken out. */
struct odb_err *cli_parse_options(const struct cli_option *options, size_t n_options, enum cli_order order,
                                  int *argc, char **argv) ODB_MUST_CHECK;

/* `record`'s command line. */
struct cli_record_args {
    const char *dir;                                          /* borrowed from argv; NULL: default */
    uint32_t policy;                                          /* enum odb_cpu_policy */
    uint32_t preload;                                         /* enum odb_preload_start */
    bool check, bare, stats, no_vector_ticks, no_superblocks; /* as in recorder/record.h */
    struct cli_list set_env, unset_env;                       /* NAME=VALUE; NAME */
    bool clear_env;
    bool chaos, has_seed, keep_on_failure;
    uint64_t seed, tries; /* tries 0: no limit */
    uint64_t timeout_ms;  /* 0: none */
    uint32_t slice_us;    /* 0: default */
    int cpu_core;         /* -1: odb chooses */
    char **program;       /* PROGRAM [ARG...], NULL-terminated, borrowed */
};
struct odb_err *cli_parse_record(int argc, char **argv, struct cli_record_args *ret) ODB_MUST_CHECK;

/* What a shell shows for a status of waitpid: the exit code, or 128 + signal. */
int cli_exit_status(int wait_status);

/* The commands of the form NAME [--flag] [DIR]; flag_name NULL: none. */
struct odb_err *cli_parse_dir(int argc, char **argv, const char *flag_name, bool *ret_flag,
                              const char **ret_dir) ODB_MUST_CHECK;

/* ---- recordings ---- */

/* Where recordings are kept: $ODB_DIR, else ~/.local/share/odb. *ret owned by the caller. */
struct odb_err *cli_root(char **ret) ODB_MUST_CHECK;

/* The folder of a recording. arg is a folder, or the name of a recording in cli_root(); NULL means the
 * latest. *ret is absolute and owned by the caller. */
struct odb_err *cli_find_recording(const char *arg, char **ret) ODB_MUST_CHECK;

/* Does arg name a recording (so that `query DIR regs` and `query regs` can be told apart)? */
bool cli_is_recording(const char *arg);

/* A recording about to be made. All owned; _deinit frees. */
struct cli_recording {
    char *dir;      /* absolute */
    char *root;     /* cli_root(), NULL: there is none */
    char *previous; /* what `latest` pointed to before, NULL: nothing */
};

/* Makes the folder of a new recording: arg, or NAME-N in cli_root(), and points `latest` to it. */
struct odb_err *cli_new_recording(const char *arg, const char *program, struct cli_recording *ret)
    ODB_MUST_CHECK;
void cli_recording_deinit(struct cli_recording *r);
/* Takes it back where nothing was recorded: removes the folder, `latest` is as before. */
void cli_discard_recording(const struct cli_recording *r);
/* Takes it back whatever is in it. */
void cli_remove_recording(const struct cli_recording *r);

/* dir has an index when this returns NULL: made now, with progress on a terminal, if there was none. */
struct odb_err *cli_ensure_index(const char *dir) ODB_MUST_CHECK;

/* ---- output ---- */

/* Progress of long work, on stderr where that is a terminal. total 0: unknown. Cheap to call often. */
void cli_progress(const char *what, uint64_t done, uint64_t total);
void cli_progress_end(void);

#endif
