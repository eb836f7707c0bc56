/* odb ls: the recordings in cli_root(), oldest first. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/info.h"
#include "common/cleanup.h"
#include "common/fs.h"
#include "trace/trace.h"

struct ls_entry {
    char *name; /* owned */
    struct trace_summary summary;
    struct odb_err *error; /* owned; why there is no summary */
};

struct ls_list {
    struct ls_entry *entries; /* owned */
    size_t n, n_allocated;
};

static void list_deinit(struct ls_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->entries[i].name);
        odb_err_free(l->entries[i].error);
        trace_summary_deinit(&l->entries[i].summary);
    }
    free(l->entries);
}

static struct odb_err *list_add(struct ls_list *l, const char *root, const char *name)
{
    _cleanup_free_ char *dir = NULL, *events = NULL;
    ODB_TRY(fs_join(root, name, &dir));
    ODB_TRY(fs_join(dir, "events", &events));
    if (access(events, F_OK) != 0)
        return NULL;
    if (l->n == l->n_allocated) {
        size_t n = l->n_allocated ? l->n_allocated * 2 : 16;
        struct ls_entry *grown = reallocarray(l->entries, n, sizeof(*grown));
        if (!grown)
            return odb_err("out of memory");
        l->entries = grown;
        l->n_allocated = n;
    }
    struct ls_entry *e = &l->entries[l->n];
    *e = (struct ls_entry){.name = strdup(name)};
    if (!e->name)
        return odb_err("out of memory");
    l->n++;
    e->error = trace_summarize(dir, &e->summary);
    return NULL;
}

static int by_time(const void *a, const void *b)
{
    const struct ls_entry *x = a, *y = b;
    if (x->summary.time_ns != y->summary.time_ns)
        return x->summary.time_ns < y->summary.time_ns ? -1 : 1;
    return strcmp(x->name, y->name);
}

static void print_entry(const struct ls_entry *e, const char *latest)
{
    const char *mark = strcmp(e->name, latest) == 0 ? "*" : " ";
    if (e->error) {
        printf("%s %-24s %s\n", mark, e->name, odb_err_text(e->error));
        return;
    }
    char status[64], when[64], size[32];
    info_status(&e->summary, status, sizeof(status));
    info_time(e->summary.time_ns, when, sizeof(when));
    info_bytes(e->summary.disk_bytes, size, sizeof(size));
    printf("%s %-24s %-19s %-10s %10s ", mark, e->name, when, status, size);
    for (uint32_t i = 0; i < e->summary.n_argv; i++) {
        putchar(' ');
        info_print_text(stdout, e->summary.argv[i]);
    }
    if (e->summary.n_processes > 1)
        printf("  (%u processes)", e->summary.n_processes);
    else if (e->summary.n_threads > 1)
        printf("  (%llu threads)", (unsigned long long)e->summary.n_threads);
    putchar('\n');
}

struct odb_err *cli_ls(int argc, char **argv, int *ret_status)
{
    (void)ret_status;
    ODB_TRY(cli_parse_options(NULL, 0, CLI_OPTIONS_ANYWHERE, &argc, argv));
    if (argc > 1)
        return cli_usage("ls takes no '%s'", argv[1]);
    _cleanup_free_ char *root = NULL, *link_path = NULL;
    ODB_TRY(cli_root(&root));
    _cleanup_closedir_ DIR *d = opendir(root);
    if (!d && errno == ENOENT)
        return NULL;
    if (!d)
        return odb_err_errno(errno, "cannot list %s", root);
    ODB_TRY(fs_join(root, "latest", &link_path));
    char latest[4096] = "";
    ssize_t len = readlink(link_path, latest, sizeof(latest) - 1);
    latest[len > 0 ? len : 0] = '\0';

    struct ls_list list = {0};
    struct odb_err *e = NULL;
    for (struct dirent *ent; !e && (ent = readdir(d));) {
        if (ent->d_name[0] != '.' && strcmp(ent->d_name, "latest") != 0)
            e = list_add(&list, root, ent->d_name);
    }
    if (list.n)
        qsort(list.entries, list.n, sizeof(list.entries[0]), by_time);
    for (size_t i = 0; !e && i < list.n; i++)
        print_entry(&list.entries[i], latest);
    list_deinit(&list);
    return e;
}
