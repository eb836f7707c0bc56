/* What the commands share: option parsing, finding recordings, progress.
 *
 * Recordings live side by side in one folder, cli_root(), as NAME-N; the symbolic link `latest` there names
 * the newest, also when `record -o` put it elsewhere. The link is replaced by rename, so that two
 * recorders starting at once leave one of the two, never none. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/fs.h"
#include "trace/trace.h"

/* ---- options ---- */

static bool was_usage;

struct odb_err *cli_usage(const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    was_usage = true;
    return odb_err("%s (see 'odb help')", text);
}

bool cli_was_usage(void) { return was_usage; }

static const struct cli_option *option_find(const struct cli_option *options, size_t n_options,
                                            const char *arg, const char **ret_value)
{
    *ret_value = NULL;
    for (size_t i = 0; i < n_options; i++) {
        const struct cli_option *o = &options[i];
        if (arg[1] == '-') {
            size_t len = strlen(o->name);
            if (strncmp(arg + 2, o->name, len) != 0 || (arg[2 + len] != '\0' && arg[2 + len] != '='))
                continue;
            if (arg[2 + len] == '=')
                *ret_value = arg + 3 + len;
            return o;
        }
        if (o->letter && arg[1] == o->letter) {
            if (arg[2] != '\0')
                *ret_value = arg + 2;
            return o;
        }
    }
    return NULL;
}

struct odb_err *cli_parse_options(const struct cli_option *options, size_t n_options, enum cli_order order,
                                  int *argc, char **argv)
{
    int n_kept = 1;
    int i = 1;
    for (; i < *argc; i++) {
        char *arg = argv[i];
        if (strcmp(arg, "--") == 0) {
            i++;
            break;
        }
        if (arg[0] != '-' || arg[1] == '\0') {
            if (order == CLI_OPTIONS_FIRST)
                break;
            argv[n_kept++] = arg;
            continue;
        }
        const char *value = NULL;
        const struct cli_option *o = option_find(options, n_options, arg, &value);
        if (!o)
            return cli_usage("%s does not know the option %s", argv[0], arg);
        if (o->flag) {
            if (value)
                return cli_usage("%s: the option --%s takes no value", argv[0], o->name);
            *o->flag = true;
            continue;
        }
        if (!value && i + 1 >= *argc)
            return cli_usage("%s: the option --%s needs a value", argv[0], o->name);
        if (!value)
            value = argv[++i];
        if (o->value)
            *o->value = value;
        else if (o->list->n < CLI_LIST_MAX)
            o->list->items[o->list->n++] = value;
        else
            return cli_usage("%s: the option --%s is given too often", argv[0], o->name);
    }
    while (i < *argc)
        argv[n_kept++] = argv[i++];
    argv[n_kept] = NULL;
    *argc = n_kept;
    return NULL;
}

struct odb_err *cli_parse_dir(int argc, char **argv, const char *flag_name, bool *ret_flag,
                              const char **ret_dir)
{
    bool flag = false;
    struct cli_option option = {.name = flag_name, .flag = &flag};
    ODB_TRY(cli_parse_options(&option, flag_name ? 1 : 0, CLI_OPTIONS_ANYWHERE, &argc, argv));
    if (argc > 2)
        return cli_usage("%s takes one recording, not also '%s'", argv[0], argv[2]);
    if (ret_flag)
        *ret_flag = flag;
    *ret_dir = argc == 2 ? argv[1] : NULL;
    return NULL;
}

/* ---- recordings ---- */

struct odb_err *cli_root(char **ret)
{
    const char *dir = getenv("ODB_DIR");
    if (dir && *dir) {
        if (dir[0] != '/') {
            _cleanup_free_ char *cwd = getcwd(NULL, 0);
            if (!cwd)
                return odb_err_errno(errno, "cannot tell the current directory");
            return fs_join(cwd, dir, ret);
        }
        *ret = strdup(dir);
        return *ret ? NULL : odb_err("out of memory");
    }
    const char *home = getenv("HOME");
    if (!home || home[0] != '/') {
        const struct passwd *pw = getpwuid(getuid());
        home = pw ? pw->pw_dir : NULL;
    }
    if (!home || home[0] != '/')
        return odb_err("no home directory to keep recordings in: set ODB_DIR to a folder");
    return fs_join(home, ".local/share/odb", ret);
}

static bool holds_recording(const char *dir)
{
    _cleanup_free_ char *events = NULL;
    struct stat st;
    _cleanup_err_ struct odb_err *e = fs_join(dir, "events", &events);
    return !e && stat(events, &st) == 0 && S_ISREG(st.st_mode);
}

static struct odb_err *absolute(const char *path, char **ret)
{
    *ret = realpath(path, NULL);
    return *ret ? NULL : odb_err_errno(errno, "%s", path);
}

struct odb_err *cli_find_recording(const char *arg, char **ret)
{
    if (arg && holds_recording(arg))
        return absolute(arg, ret);
    _cleanup_free_ char *root = NULL, *path = NULL;
    ODB_TRY(cli_root(&root));
    if (!arg) {
        ODB_TRY(fs_join(root, "latest", &path));
        if (holds_recording(path))
            return absolute(path, ret);
        return odb_err(
            "no recording in %s yet: make one with 'odb record PROGRAM', or name a recording's folder", root);
    }
    if (!strchr(arg, '/')) {
        ODB_TRY(fs_join(root, arg, &path));
        if (holds_recording(path))
            return absolute(path, ret);
    }
    return odb_err("%s is not a recording (neither a folder with one nor a name shown by 'odb ls')", arg);
}

bool cli_is_recording(const char *arg)
{
    _cleanup_free_ char *dir = NULL;
    _cleanup_err_ struct odb_err *e = cli_find_recording(arg, &dir);
    return e == NULL;
}

/* Points root/latest to dir. */
static struct odb_err *set_latest(const char *root, const char *dir)
{
    _cleanup_free_ char *link_path = NULL, *temporary = NULL;
    ODB_TRY(fs_join(root, "latest", &link_path));
    if (asprintf(&temporary, "%s/.latest-%d", root, (int)getpid()) < 0) {
        temporary = NULL;
        return odb_err("out of memory");
    }
    size_t len = strlen(root);
    /* Relative inside the root, so that the root can be moved. */
    const char *target = strncmp(dir, root, len) == 0 && dir[len] == '/' ? dir + len + 1 : dir;
    if (symlink(target, temporary) != 0)
        return odb_err_errno(errno, "cannot make %s", temporary);
    if (rename(temporary, link_path) != 0) {
        int err = errno;
        (void)unlink(temporary);
        return odb_err_errno(err, "cannot replace %s", link_path);
    }
    return NULL;
}

/* What root/latest points to now; NULL: nothing. */
static char *latest_target(const char *root)
{
    _cleanup_free_ char *link_path = NULL;
    _cleanup_err_ struct odb_err *e = fs_join(root, "latest", &link_path);
    char target[PATH_MAX];
    ssize_t len = e ? -1 : readlink(link_path, target, sizeof(target) - 1);
    if (len < 0)
        return NULL;
    target[len] = 0;
    return strdup(target);
}

static struct odb_err *make_named(const char *dir)
{
    if (mkdir(dir, 0755) == 0)
        return NULL;
    if (errno != EEXIST)
        return odb_err_errno(errno, "cannot make the recording's folder %s", dir);
    if (rmdir(dir) == 0 && mkdir(dir, 0755) == 0) /* an empty folder will do */
        return NULL;
    return odb_err("%s is there already and not empty: give another folder with -o, or remove it first", dir);
}

struct odb_err *cli_new_recording(const char *arg, const char *program, struct cli_recording *ret)
{
    _cleanup_free_ char *root = NULL, *dir = NULL;
    struct odb_err *root_error = cli_root(&root);
    if (!root_error)
        root_error = fs_mkdir_p(root);
    if (arg) {
        odb_err_free(root_error); /* without a root there is only no `latest` */
        ODB_TRY(make_named(arg));
        ODB_TRY(absolute(arg, &dir));
    } else {
        ODB_TRY(root_error);
        const char *slash = strrchr(program, '/');
        const char *name = slash && slash[1] ? slash + 1 : program;
        ODB_TRY(fs_unique_dir(root, name, &dir));
    }
    if (root) {
        _cleanup_free_ char *previous = latest_target(root);
        struct odb_err *e = set_latest(root, dir);
        if (e && !arg)
            return e;
        odb_err_free(e);
        ret->previous = take_ptr(previous);
    }
    ret->root = take_ptr(root);
    ret->dir = take_ptr(dir);
    return NULL;
}

void cli_recording_deinit(struct cli_recording *r)
{
    free(r->dir);
    free(r->root);
    free(r->previous);
    *r = (struct cli_recording){0};
}

/* Did the program get as far as its first instruction? */
static bool program_began(const char *dir)
{
    struct trace_reader *r = NULL;
    _cleanup_err_ struct odb_err *e = trace_reader_open(dir, &r);
    bool began = false;
    while (!e && !began) {
        const struct odb_event *ev = NULL;
        uint64_t offset;
        e = trace_reader_next(r, &ev, &offset);
        if (e || !ev)
            break;
        began = ev->type == ODB_EV_EXEC;
    }
    trace_reader_close(r);
    return began;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

void cli_remove_recording(const struct cli_recording *r)
{
    if (nftw(r->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0 || !r->root)
        return;
    if (r->previous) {
        odb_err_free(set_latest(r->root, r->previous));
        return;
    }
    _cleanup_free_ char *link_path = NULL;
    _cleanup_err_ struct odb_err *e = fs_join(r->root, "latest", &link_path);
    if (!e)
        (void)unlink(link_path);
}

void cli_discard_recording(const struct cli_recording *r)
{
    if (!program_began(r->dir))
        cli_remove_recording(r);
}

/* ---- progress ---- */

static struct {
    bool shown;
    uint64_t last_ns;
} progress;

void cli_progress(const char *what, uint64_t done, uint64_t total)
{
    static int tty = -1;
    if (tty < 0)
        tty = isatty(STDERR_FILENO);
    if (!tty)
        return;
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t now_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    if (now_ns - progress.last_ns < 100000000)
        return;
    progress.last_ns = now_ns;
    progress.shown = true;
    if (total)
        fprintf(stderr, "\r\033[K%s: %u %%", what, (unsigned)(done * 100.0 / total));
    else
        fprintf(stderr, "\r\033[K%s: %llu", what, (unsigned long long)done);
    fflush(stderr);
}

void cli_progress_end(void)
{
    if (progress.shown)
        fputs("\r\033[K", stderr);
    progress.shown = false;
}
