/* See view_db.h.
 *
 * Pages: a table of CACHE_PAGES slots, a page's slot is given by its number. A slot belongs to a generation; moving to
 * another t or process begins a new one, which forgets all pages at once.
 *
 * Mappings: mappings_epoch() finds the range of t around the present one within which nothing was mapped or unmapped;
 * while t stays in it they are not read again.
 *
 * A copy in the recording has at least the ranges that were mapped, the rest may be holes. Debug information is
 * never mapped, so a copy with holes is good only if there is nothing better. */
#include "symbols/view_db.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fs.h"

#define PAGE_BYTES 4096u
#define CACHE_PAGES 1024u

struct page {
    uint64_t generation; /* 0: empty */
    gaddr start;
    bool mapped;
    uint8_t bytes[PAGE_BYTES];
};

struct view_db {
    struct odb_db *db; /* borrowed */
    char *dir;         /* owned; NULL: none */
    struct page *pages;
    uint64_t generation;
    uint64_t t;
    uint32_t pid, tid;
    struct sym_view view;
    struct sym_files files;
    struct db_map *db_maps; /* owned: names of maps */
    struct sym_map *maps;   /* owned */
    size_t n_maps;
    uint32_t maps_pid;
    uint64_t maps_from, maps_to; /* in force for these t, both inclusive */
    bool have_maps;
};

/* ---- memory ---- */

static struct odb_err *page_at(struct view_db *v, gaddr start, struct page **ret)
{
    struct page *p = &v->pages[start / PAGE_BYTES % CACHE_PAGES];
    if (p->generation != v->generation || p->start != start) {
        size_t n_valid;
        p->generation = 0;
        ODB_TRY(db_memory(v->db, v->t, v->pid, start, PAGE_BYTES, p->bytes, NULL, &n_valid));
        p->mapped = n_valid == PAGE_BYTES; /* mappings are made of pages */
        p->start = start;
        p->generation = v->generation;
    }
    *ret = p;
    return NULL;
}

static struct odb_err *read_memory(void *ctx, gaddr addr, void *to, size_t n_bytes, size_t *ret_n)
{
    struct view_db *v = ctx;
    size_t done = 0;
    while (done < n_bytes) {
        struct page *p;
        gaddr at = addr + done;
        size_t skip = at % PAGE_BYTES, n = PAGE_BYTES - skip;
        if (at < addr)
            break; /* the address space ends */
        if (n > n_bytes - done)
            n = n_bytes - done;
        ODB_TRY(page_at(v, at - skip, &p));
        if (!p->mapped)
            break;
        memcpy((uint8_t *)to + done, p->bytes + skip, n);
        done += n;
    }
    *ret_n = done;
    return NULL;
}

/* ---- mappings ---- */

/* The states around t in which the process has the mappings that it has at t. */
static struct odb_err *mappings_epoch(struct view_db *v)
{
    static const char sql[] = "SELECT max(CASE WHEN x<=?1 THEN x END), min(CASE WHEN x>?1 THEN x END) FROM"
                              " (SELECT t_start AS x FROM maps WHERE pid=?2"
                              " UNION ALL SELECT t_end FROM maps WHERE pid=?2)";
    sqlite3_stmt *st;
    v->maps_from = v->maps_to = v->t;
    if (sqlite3_prepare_v2(db_sqlite(v->db), sql, -1, &st, NULL) != SQLITE_OK)
        return odb_err("index: %s", sqlite3_errmsg(db_sqlite(v->db)));
    sqlite3_bind_int64(st, 1, (sqlite3_int64)v->t);
    sqlite3_bind_int64(st, 2, v->pid);
    if (sqlite3_step(st) == SQLITE_ROW && sqlite3_column_type(st, 0) == SQLITE_INTEGER) {
        v->maps_from = (uint64_t)sqlite3_column_int64(st, 0);
        v->maps_to = sqlite3_column_type(st, 1) == SQLITE_INTEGER ? (uint64_t)sqlite3_column_int64(st, 1) - 1
                                                                  : UINT64_MAX;
    }
    sqlite3_finalize(st);
    return NULL;
}

static struct odb_err *load_maps(struct view_db *v)
{
    struct db_map *from = NULL;
    size_t n = 0;
    if (v->have_maps && v->maps_pid == v->pid && v->maps_from <= v->t && v->t <= v->maps_to)
        return NULL;
    v->have_maps = false;
    ODB_TRY(mappings_epoch(v));
    ODB_TRY(db_maps(v->db, v->t, v->pid, &from, &n));
    struct sym_map *maps = calloc(n + 1, sizeof(*maps));
    if (!maps) {
        db_maps_free(from, n);
        return odb_err("out of memory");
    }
    for (size_t i = 0; i < n; i++)
        maps[i] = (struct sym_map){.start = from[i].start,
                                   .end = from[i].end,
                                   .offset = from[i].offset,
                                   .file_id = from[i].file_id,
                                   .executable = from[i].prot & 4,
                                   .name = from[i].name};
    db_maps_free(v->db_maps, v->n_maps);
    free(v->maps);
    v->db_maps = from;
    v->maps = maps;
    v->n_maps = n;
    v->maps_pid = v->pid;
    v->have_maps = true;
    return NULL;
}

/* ---- the moment ---- */

static struct odb_err *find_task(struct view_db *v, uint64_t t, uint32_t *pid, uint32_t *tid)
{
    if (*tid && !*pid)
        return db_process_of(v->db, t, *tid, pid);
    if (!*tid && !*pid)
        return db_running(v->db, t, pid, tid);
    return *tid ? NULL : db_last_thread(v->db, t, *pid, tid);
}

struct odb_err *view_db_memory_at(struct view_db *v, uint64_t t, uint32_t pid, const struct sym_view **ret)
{
    if (v->t != t || v->pid != pid)
        v->generation++;
    v->t = t;
    v->pid = pid;
    ODB_TRY(load_maps(v));
    v->view.ctx = v;
    v->view.read = read_memory;
    v->view.maps = v->maps;
    v->view.n_maps = v->n_maps;
    *ret = &v->view;
    return NULL;
}

struct odb_err *view_db_at(struct view_db *v, uint64_t t, uint32_t pid, uint32_t tid,
                           const struct sym_view **ret)
{
    struct db_regs r;
    struct sym_view *view = &v->view;
    ODB_TRY(find_task(v, t, &pid, &tid));
    ODB_TRY(db_registers(v->db, t, tid, &r));
    ODB_TRY(view_db_memory_at(v, t, pid, ret));
    v->tid = tid;
    memcpy(view->gpr, r.regs.scalar, sizeof(view->gpr));
    view->rip = r.regs.scalar[ODB_REG_RIP];
    view->rflags = r.regs.scalar[ODB_REG_RFLAGS];
    view->fs_base = r.regs.scalar[ODB_REG_FS_BASE];
    view->gs_base = r.regs.scalar[ODB_REG_GS_BASE];
    for (int i = 0; i < 16; i++)
        memcpy(view->vec[i], r.regs.wide[i], r.vector_bytes);
    return NULL;
}

void view_db_position(const struct view_db *v, uint64_t *ret_t, uint32_t *ret_pid, uint32_t *ret_tid)
{
    *ret_t = v->t;
    *ret_pid = v->pid;
    *ret_tid = v->tid;
}

/* ---- files ---- */

static bool has_holes(int fd, uint64_t size)
{
    off_t hole = lseek(fd, 0, SEEK_HOLE);
    lseek(fd, 0, SEEK_SET);
    return hole >= 0 && (uint64_t)hole < size;
}

/* The file at path, if it is what was recorded as file_id; else -1. */
static int open_original(struct view_db *v, uint32_t file_id, const char *path)
{
    sqlite3_stmt *st;
    uint64_t size = 0, mtime = 0, n_bytes;
    int fd = -1;
    struct stat is;
    if (!path || path[0] != '/' ||
        sqlite3_prepare_v2(db_sqlite(v->db), "SELECT size, mtime FROM files WHERE id=?1", -1, &st, NULL) !=
            SQLITE_OK)
        return -1;
    sqlite3_bind_int64(st, 1, file_id);
    bool known = sqlite3_step(st) == SQLITE_ROW;
    if (known) {
        size = (uint64_t)sqlite3_column_int64(st, 0);
        mtime = (uint64_t)sqlite3_column_int64(st, 1);
    }
    sqlite3_finalize(st);
    _cleanup_err_ struct odb_err *e = known ? fs_open_regular(path, &fd, &n_bytes) : NULL;
    if (e || fd < 0)
        return -1;
    if (fstat(fd, &is) < 0 || (uint64_t)is.st_size != size ||
        (uint64_t)is.st_mtim.tv_sec * 1000000000u + (uint64_t)is.st_mtim.tv_nsec != mtime) {
        close(fd);
        return -1;
    }
    return fd;
}

static struct odb_err *open_file(void *ctx, uint32_t file_id, const char *path, int *ret_fd)
{
    struct view_db *v = ctx;
    _cleanup_free_ char *copy = NULL;
    _cleanup_close_ int fd = -1;
    char name[32];
    uint64_t n_bytes = 0;
    *ret_fd = -1;
    if (!file_id)
        return NULL;
    if (v->dir) {
        snprintf(name, sizeof(name), "files/%u", file_id);
        ODB_TRY(fs_join(v->dir, name, &copy));
        ODB_TRY(fs_open_regular(copy, &fd, &n_bytes));
    }
    if (fd < 0 || has_holes(fd, n_bytes))
        *ret_fd = open_original(v, file_id, path);
    if (*ret_fd < 0)
        *ret_fd = take_fd(fd);
    return NULL;
}

const struct sym_files *view_db_files(struct view_db *v) { return &v->files; }

/* ---- life ---- */

struct odb_err *view_db_create(struct odb_db *db, const char *dir, struct view_db **ret)
{
    struct view_db *v = calloc(1, sizeof(*v));
    if (v) {
        v->pages = calloc(CACHE_PAGES, sizeof(*v->pages));
        v->dir = dir ? strdup(dir) : NULL;
    }
    if (!v || !v->pages || (dir && !v->dir)) {
        view_db_destroy(v);
        return odb_err("out of memory");
    }
    v->db = db;
    v->generation = 1;
    v->files = (struct sym_files){.ctx = v, .open = open_file};
    *ret = v;
    return NULL;
}

void view_db_destroy(struct view_db *v)
{
    if (!v)
        return;
    db_maps_free(v->db_maps, v->n_maps);
    free(v->maps);
    free(v->pages);
    free(v->dir);
    free(v);
}
