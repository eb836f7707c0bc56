/* odb info: one recording; and the words for how a run ended, which `odb ls` shares. */
#include "cli/info.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "cli/cli.h"
#include "common/cleanup.h"
#include "common/fs.h"
#include "model/describe.h"

void info_status(const struct trace_summary *s, char *buf, size_t n_bytes)
{
    char name[32];
    if (!s->complete && !s->ended)
        snprintf(buf, n_bytes, "cut off");
    else if (WIFSIGNALED(s->wait_status))
        snprintf(buf, n_bytes, "%s", describe_signal(WTERMSIG(s->wait_status), name, sizeof(name)));
    else
        snprintf(buf, n_bytes, "exit %d", WEXITSTATUS(s->wait_status));
}

void info_time(uint64_t time_ns, char *buf, size_t n_bytes)
{
    time_t seconds = (time_t)(time_ns / 1000000000);
    struct tm tm;
    if (!localtime_r(&seconds, &tm) || strftime(buf, n_bytes, "%Y-%m-%d %H:%M:%S", &tm) == 0)
        snprintf(buf, n_bytes, "?");
}

void info_bytes(uint64_t n, char *buf, size_t n_bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    double value = (double)n;
    while (value >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        value /= 1024;
        unit++;
    }
    snprintf(buf, n_bytes, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

void info_print_text(FILE *to, const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c < 0x20 || *c == 0x7f)
            fprintf(to, "\\x%02x", *c);
        else
            fputc(*c, to);
    }
}

static void print_command(const struct trace_summary *s)
{
    for (uint32_t i = 0; i < s->n_argv; i++) {
        putchar(i ? ' ' : '\t');
        const char *arg = s->argv[i];
        bool plain = *arg && strspn(arg, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                         "-_=+./,:@%^") == strlen(arg);
        if (!plain)
            putchar('\'');
        info_print_text(stdout, arg);
        if (!plain)
            putchar('\'');
    }
    putchar('\n');
}

static void print_index(const char *dir)
{
    _cleanup_free_ char *path = NULL;
    _cleanup_err_ struct odb_err *e = fs_join(dir, "index.db", &path);
    struct stat st;
    if (e || stat(path, &st) != 0) {
        puts("index\tnone yet (odb index)");
        return;
    }
    char size[32];
    info_bytes((uint64_t)st.st_size, size, sizeof(size));
    printf("index\t%s\n", size);
}

/* "exit 3", "SIGKILL"; "": nobody saw the end. */
static void process_status(const struct trace_process *p, char *buf, size_t n_bytes)
{
    char name[32];
    if (!p->ended)
        snprintf(buf, n_bytes, "cut off");
    else if (p->status < 0)
        snprintf(buf, n_bytes, "%s", describe_signal((int)-(int64_t)p->status, name, sizeof(name)));
    else
        snprintf(buf, n_bytes, "exit %" PRId32, p->status);
}

#define TREE_MAX_SHOWN 200

/* A process and, beneath it, those that it made. Children stand behind their parents in the array. */
static void print_process(const struct trace_summary *s, uint32_t i, unsigned depth, uint32_t *shown)
{
    const struct trace_process *p = &s->processes[i];
    char status[64];
    if ((*shown)++ >= TREE_MAX_SHOWN)
        return;
    process_status(p, status, sizeof(status));
    printf("%s\t%*s%" PRIu32 " ", i ? "" : "tree", (int)(depth < 20 ? depth : 20) * 2, "", p->pid);
    info_print_text(stdout, p->exe);
    if (p->n_threads > 1)
        printf(", %" PRIu32 " threads", p->n_threads);
    printf(", %s\n", status);
    for (uint32_t k = i + 1; k < s->n_processes; k++) {
        if (s->processes[k].pid == p->pid)
            return; /* the number is another's from here on */
        if (s->processes[k].parent_pid == p->pid)
            print_process(s, k, depth + 1, shown);
    }
}

static void print_tree(const struct trace_summary *s)
{
    uint32_t shown = 0;
    if (s->n_processes == 1 && s->n_threads == 1)
        return;
    printf("processes\t%" PRIu32 ", %" PRIu64 " threads, %" PRIu64 " switches\n", s->n_processes,
           s->n_threads, s->n_of_type[ODB_EV_SWITCH]);
    if (s->n_processes)
        print_process(s, 0, 0, &shown);
    if (shown > TREE_MAX_SHOWN)
        printf("\t... and %" PRIu32 " more\n", shown - TREE_MAX_SHOWN);
}

static void print_events(const struct trace_summary *s)
{
    printf("events\t%" PRIu64 " (%" PRIu64 " system calls, %" PRIu64 " faults, %" PRIu64 " signals, %" PRIu64
           " instruction values)\n",
           s->n_events, s->n_syscalls, s->n_faults, s->n_of_type[ODB_EV_SIGNAL], s->n_insn_values);
}

struct odb_err *cli_info(int argc, char **argv, int *ret_status)
{
    (void)ret_status;
    const char *arg = NULL;
    _cleanup_free_ char *dir = NULL;
    ODB_TRY(cli_parse_dir(argc, argv, NULL, NULL, &arg));
    ODB_TRY(cli_find_recording(arg, &dir));
    struct trace_summary s = {0};
    ODB_TRY(trace_summarize(dir, &s));

    char status[64], when[64], disk[32], stream[32];
    info_status(&s, status, sizeof(status));
    info_time(s.time_ns, when, sizeof(when));
    info_bytes(s.disk_bytes, disk, sizeof(disk));
    info_bytes(s.stream_bytes, stream, sizeof(stream));
    printf("folder\t%s\nprogram\t", dir);
    info_print_text(stdout, s.exe);
    fputs("\ncommand", stdout);
    print_command(&s);
    fputs("in\t", stdout);
    info_print_text(stdout, s.cwd);
    printf("\nwhen\t%s", when);
    if (s.duration_ns)
        printf(", %.3f s", (double)s.duration_ns / 1e9);
    printf("\nended\t%s\n", status);
    printf("cpu\t%s\n", s.cpu_policy == ODB_CPU_HOST ? "host" : "v3");
    print_events(&s);
    printf("ticks\t%" PRIu64 "\n", s.last_tick);
    printf("size\t%s on disk, %s of events\n", disk, stream);
    print_index(dir);
    print_tree(&s);
    if (s.damage[0])
        printf("damage\t%s\n", s.damage);
    trace_summary_deinit(&s);
    return NULL;
}
