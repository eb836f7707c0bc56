/* odb: record a program once, replay it exactly, ask what happened. This file is the table of commands. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

#ifndef ODB_VERSION
#define ODB_VERSION "unknown"
#endif

static struct odb_err *cli_help(int argc, char **argv, int *ret_status);

#ifdef CLI_PARTS_MISSING /* while query.c is being written; meson.build decides */
#pragma weak cli_query
#endif

/* To add a row: see the check-list in cli/cli.h. */
static const struct cli_command commands[] = {
    {"record", "[OPTION...] [--] PROGRAM [ARG...]", "record one run of a program", cli_record},
    {"replay", "[--check] [DIR]", "run a recording again, exactly", cli_replay},
    {"index", "[DIR]", "make the database of everything that happened", cli_index},
    {"query", "[DIR] QUESTION... [--json]", "ask the database (odb help query)", cli_query},
    {"gdb", "[--at T] [--pid N] [DIR] [GDB-ARG...]", "debug it with gdb, forwards and backwards", cli_gdb},
    {"gdbserver", "[--at T] [--pid N] [DIR] --listen WHERE", "the same for any client of gdb's protocol",
     cli_gdbserver},
    {"dump", "[DIR]", "print a recording's events", cli_dump},
    {"ls", "", "list the recordings", cli_ls},
    {"info", "[DIR]", "tell about one recording", cli_info},
    {"help", "[COMMAND]", "this text, or one command's", cli_help},
};
enum { N_COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static const char query_help[] =
    "questions:\n"
    "  regs --at T                             registers of the thread at T\n"
    "  mem ADDR LEN --at T                     memory as it was at T\n"
    "  last-write ADDR[,LEN] --before T        who wrote it last\n"
    "  next-write ADDR[,LEN] --from T          who writes it next\n"
    "  writes ADDR[,LEN] [--from T --to T]     every write to it\n"
    "  syscalls [NAME]                         system calls, decoded\n"
    "  output                                  what the program wrote to stdout and stderr\n"
    "  maps --at T                             the memory map at T\n"
    "  processes                               the tree of processes\n"
    "  disasm ADDR [N] --at T                  N instructions\n"
    "  backtrace --at T [--max N]              the stack at T, as gdb prints it\n"
    "  locals --at T [--frame N]               parameters and local variables\n"
    "  print EXPR --at T [--frame N]           a C expression over variables, members, $registers\n"
    "  history EXPR --at T [--from T --to T]   every value that it had; --at: where EXPR is understood\n"
    "  source --at T [--frame N]               the lines of source around T\n"
    "  line FILE:LINE [--from T --to T]        every time that a line was executed\n"
    "  calls FUNC [--from T --to T] [--max N]  every call, with arguments and result\n"
    "  why EXPR --at T [--depth N] [--max N]   where this value came from, step by step\n"
    "  'SELECT ...'                            SQL over the tables of docs/schema.md\n"
    "T is an instruction's number, `start`, `end`, or `N%`. The index is made first where there is none.\n"
    "ADDR is a number, a register's name at T, or a C expression (mem, disasm: its value; else the memory "
    "that\n"
    "it names, with its size). --pid N and --tid N name the process and thread that\n"
    "are meant; without them, those that run at T.\n";

static const struct cli_command *command_find(const char *name)
{
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

static void print_overview(FILE *to)
{
    fputs("usage: odb COMMAND ...\n", to);
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(to, "  %-9s %-47s %s\n", commands[i].name, commands[i].args, commands[i].summary);
    fputs("DIR is a recording's folder or its name in `odb ls`; without it, the latest recording.\n", to);
}

static struct odb_err *cli_help(int argc, char **argv, int *ret_status)
{
    (void)ret_status;
    if (argc > 2)
        return cli_usage("help takes one command");
    if (argc < 2) {
        print_overview(stdout);
        return NULL;
    }
    const struct cli_command *c = command_find(argv[1]);
    if (!c)
        return cli_usage("there is no command '%s'", argv[1]);
    printf("usage: odb %s %s\n  %s\n", c->name, c->args, c->summary);
    if (c->run == cli_query)
        fputs(query_help, stdout);
    return NULL;
}

static struct odb_err *dispatch(int argc, char **argv, int *ret_status)
{
    if (argc < 2) {
        print_overview(stderr);
        *ret_status = CLI_USAGE;
        return NULL;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        puts("odb " ODB_VERSION);
        return NULL;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_overview(stdout);
        return NULL;
    }
    const struct cli_command *c = command_find(argv[1]);
    if (!c)
        return cli_usage("there is no command '%s'", argv[1]);
    if (!c->run)
        return odb_err("this build has no %s yet", c->name);
    return c->run(argc - 1, argv + 1, ret_status);
}

int main(int argc, char **argv)
{
    int status = CLI_OK;
    struct odb_err *e = dispatch(argc, argv, &status);
    cli_progress_end();
    if (e) {
        fprintf(stderr, "odb: %s\n", odb_err_text(e));
        status = cli_was_usage() ? CLI_USAGE : CLI_FAILURE;
        odb_err_free(e);
    }
    if (fflush(stdout) != 0 && status == CLI_OK) {
        perror("odb: cannot write the output");
        status = CLI_FAILURE;
    }
    return status;
}
