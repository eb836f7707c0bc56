/* qXfer:libraries-svr4: the shared libraries of a process, read from the dynamic linker's own list as it is in memory at this
 * position: AT_PHDR of the auxiliary vector -> PT_DYNAMIC -> DT_DEBUG -> struct r_debug -> struct link_map (glibc's link.h).
 *
 * gdb could read all that by itself. But one packet is faster than a few for each library; other clients cannot; and gdb 13, when it
 * has read it itself and goes back to where the linker has not told of the list yet, finds no global variables any more: it
 * takes the libraries that it remembers for those of another namespace. Therefore they are all of namespace 0 where there is but one
 * (several: dlmopen). An empty list is an answer: before the linker's work, and in static programs. */
#include "gdb/stub_libraries.h"

#include <elf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

enum { MAX_HEADERS = 64, MAX_DYNAMIC = 4096, MAX_LIBRARIES = 10000, MAX_NAMESPACES = 64 };

struct debug_words { /* struct r_debug_extended */
    uint64_t version, map, brk, state, ldbase, next;
};
struct link_map_words { /* the public part of struct link_map */
    uint64_t addr, name, dynamic, next, prev;
};

struct reader {
    struct stub *s;
    uint32_t pid;
    uint64_t n_libraries;
    struct out *out;
};

/* *ret false: the memory is not there, which ends a list. */
static struct odb_err *read_words(const struct reader *r, gaddr addr, void *to, size_t n_bytes, bool *ret)
{
    size_t got = 0;
    ODB_TRY(target_read(r->s->g, r->pid, addr, to, n_bytes, &got));
    *ret = got == n_bytes;
    return NULL;
}

static uint64_t auxv_value(const uint8_t *auxv, size_t n, uint64_t type)
{
    for (size_t at = 0; at + 16 <= n; at += 16) {
        uint64_t entry[2];
        memcpy(entry, auxv + at, sizeof(entry));
        if (entry[0] == type)
            return entry[1];
    }
    return 0;
}

/* Where the program's dynamic section is in memory; 0: it has none. */
static struct odb_err *find_dynamic(const struct reader *r, gaddr *ret)
{
    _cleanup_free_ uint8_t *auxv = NULL;
    Elf64_Phdr headers[MAX_HEADERS];
    size_t n_auxv;
    bool there = false;
    *ret = 0;
    ODB_TRY(target_auxv(r->s->g, r->pid, &auxv, &n_auxv));
    gaddr at = auxv_value(auxv, n_auxv, AT_PHDR);
    uint64_t n = auxv_value(auxv, n_auxv, AT_PHNUM), bias = 0;
    if (at && n <= MAX_HEADERS)
        ODB_TRY(read_words(r, at, headers, n * sizeof(*headers), &there));
    for (uint64_t i = 0; there && i < n; i++) {
        if (headers[i].p_type == PT_PHDR)
            bias = at - headers[i].p_vaddr;
    }
    for (uint64_t i = 0; there && i < n; i++) {
        if (headers[i].p_type == PT_DYNAMIC)
            *ret = headers[i].p_vaddr + bias;
    }
    return NULL;
}

static struct odb_err *find_debug(const struct reader *r, gaddr *ret)
{
    gaddr at;
    *ret = 0;
    ODB_TRY(find_dynamic(r, &at));
    for (int i = 0; at && i < MAX_DYNAMIC; i++, at += sizeof(Elf64_Dyn)) {
        Elf64_Dyn d;
        bool there;
        ODB_TRY(read_words(r, at, &d, sizeof(d), &there));
        if (!there || d.d_tag == DT_NULL)
            return NULL;
        if (d.d_tag == DT_DEBUG) {
            *ret = d.d_un.d_ptr;
            return NULL;
        }
    }
    return NULL;
}

static struct odb_err *tell_library(const struct reader *r, gaddr map, const struct link_map_words *m,
                                    gaddr lmid)
{
    char name[4096];
    size_t got = 0;
    ODB_TRY(target_read(r->s->g, r->pid, m->name, name, sizeof(name) - 1, &got));
    name[got] = 0;
    if (!*name)
        return NULL;
    out_text(r->out, "<library name=\"");
    out_xml(r->out, name);
    out_printf(r->out,
               "\" lm=\"0x%" PRIx64 "\" l_addr=\"0x%" PRIx64 "\" l_ld=\"0x%" PRIx64 "\" lmid=\"0x%" PRIx64
               "\"/>\n",
               map, m->addr, m->dynamic, lmid);
    return NULL;
}

/* Of one namespace; skip: the program itself, which is the first of the first. */
static struct odb_err *tell_namespace(struct reader *r, gaddr map, bool skip, gaddr lmid)
{
    gaddr prev = 0;
    while (map && r->n_libraries++ < MAX_LIBRARIES) {
        struct link_map_words m;
        bool there;
        ODB_TRY(read_words(r, map, &m, sizeof(m), &there));
        if (!there || m.prev != prev)
            return NULL; /* being changed just now, or no list at all */
        if (!skip)
            ODB_TRY(tell_library(r, map, &m, lmid));
        skip = false;
        prev = map;
        map = m.next;
    }
    return NULL;
}

struct odb_err *stub_make_libraries(struct stub *s, const char *annex, struct out *ret, bool *ret_known)
{
    struct reader r = {.s = s, .out = ret};
    struct {
        gaddr at;
        struct debug_words words;
    } spaces[MAX_NAMESPACES];
    uint32_t tid;
    gaddr at;
    size_t n = 0;
    (void)annex;
    ODB_TRY(stub_general_thread(s, &r.pid, &tid));
    ODB_TRY(find_debug(&r, &at));
    while (at && n < MAX_NAMESPACES) {
        bool there;
        spaces[n].at = at;
        spaces[n].words = (struct debug_words){0};
        ODB_TRY(read_words(&r, at, &spaces[n].words, sizeof(spaces[n].words), &there));
        if (!there)
            break;
        at = (uint32_t)spaces[n].words.version >= 2 ? spaces[n].words.next : 0;
        n++;
    }
    out_text(ret, "<library-list-svr4 version=\"1.0\"");
    if (n && spaces[0].words.map)
        out_printf(ret, " main-lm=\"0x%" PRIx64 "\"", spaces[0].words.map);
    out_text(ret, ">\n");
    for (size_t i = 0; i < n; i++)
        ODB_TRY(tell_namespace(&r, spaces[i].words.map, i == 0, n > 1 ? spaces[i].at : 0));
    out_text(ret, "</library-list-svr4>\n");
    *ret_known = true;
    return NULL;
}
