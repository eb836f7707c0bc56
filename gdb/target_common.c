/* See target_common.h. */
#include "gdb/target_common.h"

#include <elf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/fs.h"
#include "trace/trace.h"

/* ---- files ---- */

void target_files_deinit(struct target_files *f)
{
    for (size_t i = 0; i < f->n; i++)
        free(f->v[i].path);
    free(f->v);
    *f = (struct target_files){0};
}

struct odb_err *target_files_add(struct target_files *f, const struct target_file *file)
{
    struct target_file one = *file, *v;
    if (!(f->n & (f->n + 1))) { /* 2^n - 1: full */
        v = reallocarray(f->v, 2 * (f->n + 1), sizeof(*v));
        if (!v)
            return odb_err("out of memory");
        f->v = v;
    }
    one.path = strdup(file->path);
    if (!one.path)
        return odb_err("out of memory");
    f->v[f->n++] = one;
    return NULL;
}

static struct odb_err *read_files(struct trace_reader *r, struct target_files *files)
{
    for (;;) {
        const struct odb_event *ev;
        uint64_t offset;
        ODB_TRY(trace_reader_next(r, &ev, &offset));
        if (!ev)
            return NULL;
        if (ev->type != ODB_EV_FILE)
            continue;
        const struct odb_ev_file *f = (const struct odb_ev_file *)ev;
        char path[4096];
        snprintf(path, sizeof(path), "%s", trace_file_path(f));
        ODB_TRY(target_files_add(files, &(struct target_file){.id = f->file_id,
                                                              .path = path,
                                                              .size = f->size_bytes,
                                                              .mtime_ns = f->mtime_ns,
                                                              .dev = f->dev,
                                                              .ino = f->ino}));
    }
}

struct odb_err *target_files_read(const char *dir, struct target_files *ret)
{
    struct trace_reader *r;
    struct target_files files = {0};
    ODB_TRY(trace_reader_open(dir, &r));
    struct odb_err *e = read_files(r, &files);
    trace_reader_close(r);
    if (e)
        target_files_deinit(&files);
    else
        *ret = files;
    return e;
}

/* How many of the last components of both are the same. */
static int common_tail(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    int components = 0;
    while (n && m && a[n - 1] == b[m - 1]) {
        n--;
        m--;
        components += a[n] == '/';
    }
    return components;
}

/* Without ".", ".." and double slashes. */
static void normalize(const char *path, char to[4096])
{
    size_t n = 0;
    while (*path) {
        path += strspn(path, "/");
        size_t len = strcspn(path, "/");
        if (len == 2 && path[0] == '.' && path[1] == '.') {
            while (n && to[--n] != '/')
                ;
        } else if (len && !(len == 1 && path[0] == '.') && n + 1 + len < 4095) {
            to[n++] = '/';
            memcpy(to + n, path, len);
            n += len;
        }
        path += len;
    }
    to[n] = 0;
}

const struct target_file *target_files_find(const struct target_files *f, const char *path)
{
    char plain[4096];
    struct stat st;
    const struct target_file *best = NULL;
    int best_tail = 0;
    bool several = false, have = !stat(path, &st);
    normalize(path, plain);
    for (size_t i = f->n; i--;)
        if (!strcmp(f->v[i].path, plain))
            return &f->v[i];
    for (size_t i = f->n; i-- && have;)
        if (f->v[i].ino == st.st_ino && f->v[i].dev == st.st_dev)
            return &f->v[i];
    for (size_t i = f->n; i--;) {
        int tail = common_tail(f->v[i].path, plain);
        if (tail > best_tail) {
            best = &f->v[i];
            best_tail = tail;
            several = false;
        } else if (tail && tail == best_tail) {
            several |= strcmp(best->path, f->v[i].path) != 0;
        }
    }
    return several || best_tail < 2 ? NULL : best; /* the name and its folder, at least */
}

static bool has_holes(int fd, const struct target_file *file)
{
    struct stat st;
    return fstat(fd, &st) < 0 || (uint64_t)st.st_blocks * 512 < file->size ||
           (uint64_t)st.st_size < file->size;
}

static bool is_unchanged(int fd, const struct target_file *file)
{
    struct stat st;
    return !fstat(fd, &st) && (uint64_t)st.st_size == file->size &&
           (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec == file->mtime_ns;
}

struct odb_err *target_files_open(const char *dir, const struct target_file *file, int *ret_fd)
{
    char name[32];
    _cleanup_free_ char *path = NULL;
    _cleanup_close_ int fd = -1, original = -1;
    uint64_t n_bytes;
    snprintf(name, sizeof(name), "files/%u", file->id);
    ODB_TRY(fs_join(dir, name, &path));
    ODB_TRY(fs_open_regular(path, &fd, &n_bytes));
    if (fd < 0 || has_holes(fd, file)) {
        _cleanup_err_ struct odb_err *e = fs_open_regular(file->path, &original, &n_bytes);
        if (!e && original >= 0 && is_unchanged(original, file)) {
            *ret_fd = take_fd(original);
            return NULL;
        }
    }
    *ret_fd = take_fd(fd);
    return NULL;
}

/* ---- what a program was started with ---- */

void target_image_deinit(struct target_image *im)
{
    free(im->auxv);
    free(im->execfn);
    *im = (struct target_image){0};
}

static struct odb_err *no_image(void) { return odb_err("the program's stack has no auxiliary vector"); }

struct odb_err *target_image_read_auxv(target_peek_fn peek, void *ctx, gaddr auxv, struct target_image *ret)
{
    enum { ENTRIES_MAX = 64 };
    uint64_t v[2 * ENTRIES_MAX];
    char name[4096];
    gaddr execfn = 0;
    size_t n = 0;
    struct target_image im = {0};
    for (;; n++) {
        if (n == ENTRIES_MAX || peek(ctx, auxv + 16 * n, &v[2 * n], 16) != 16)
            return no_image();
        if (v[2 * n] == AT_NULL)
            break;
        if (v[2 * n] == AT_PHDR)
            im.phdr = v[2 * n + 1];
        if (v[2 * n] == AT_EXECFN)
            execfn = v[2 * n + 1];
    }
    if (!im.phdr)
        return no_image();
    im.n_auxv = 16 * (n + 1);
    im.auxv = malloc(im.n_auxv);
    if (!im.auxv)
        return odb_err("out of memory");
    memcpy(im.auxv, v, im.n_auxv);
    size_t len = execfn ? peek(ctx, execfn, name, sizeof(name) - 1) : 0;
    name[len] = 0;
    im.execfn = *name ? strdup(name) : NULL;
    *ret = im;
    return NULL;
}

struct odb_err *target_image_read(target_peek_fn peek, void *ctx, gaddr rsp, struct target_image *ret)
{
    enum { WORDS_MAX = 1 << 17 };
    uint64_t argc = 0, word = 1;
    if (peek(ctx, rsp, &argc, 8) != 8 || argc > WORDS_MAX)
        return no_image();
    gaddr at = rsp + 8 * (argc + 1);
    if (peek(ctx, at, &word, 8) != 8 || word)
        return no_image();
    uint64_t page[64];
    for (int i = 0; i < WORDS_MAX;) { /* behind the environment's NULL */
        size_t n = peek(ctx, at + 8, page, sizeof(page)) / 8;
        if (!n)
            return no_image();
        for (size_t k = 0; k < n; k++, i++) {
            at += 8;
            if (!page[k])
                return target_image_read_auxv(peek, ctx, at + 8, ret);
        }
    }
    return no_image();
}

/* ---- signals ---- */

void target_make_siginfo(int signo, int code, gaddr addr, uint8_t ret[128])
{
    siginfo_t s = {.si_signo = signo, .si_code = code};
    void *p;
    memcpy(&p, &addr, sizeof(p));
    s.si_addr = p;
    memset(ret, 0, 128);
    memcpy(ret, &s, sizeof(s) < 128 ? sizeof(s) : 128);
}
