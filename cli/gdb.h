/* The command lines of `odb gdb` and `odb gdbserver`; the commands are declared in cli.h. */
#ifndef ODB_CLI_GDB_H
#define ODB_CLI_GDB_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

/* Borrowed from argv. */
struct cli_gdb_args {
    const char *dir; /* NULL: the latest */
    const char *at;  /* NULL: the start */
    uint32_t pid;    /* 0: not given */
    bool no_index;
    const char *listen; /* gdbserver only */
    bool once;          /* gdbserver only */
    char **rest;        /* gdb only: what goes to gdb, NULL-terminated */
};
/* odb gdb [--at T] [--pid N] [DIR] [GDB-ARG...]: the first argument that is none of these, and all behind it, are gdb's. */
struct odb_err *cli_parse_gdb(int argc, char **argv, struct cli_gdb_args *ret) ODB_MUST_CHECK;
struct odb_err *cli_parse_gdbserver(int argc, char **argv, struct cli_gdb_args *ret) ODB_MUST_CHECK;

#endif
