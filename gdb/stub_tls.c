/* qGetTLSAddr: where a thread keeps its copy of a thread-local variable, as glibc and musl lay it out (ELF TLS, x86-64).
 *
 * The thread's control block is at fs_base; its second word is the dtv, an array with an entry of two words for each module
 * that has TLS, numbered from 1 in the order of the link map. That order is counted here, so that no offset private to a
 * version of the C library is needed. */
#include "gdb/stub_parts.h"

#include <elf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

enum { MAX_MODULES = 4096, MAX_HEADERS = 64 };

/* The public beginning of glibc's struct link_map (link.h). */
struct link_map_words {
    uint64_t addr, name, dynamic, next, prev;
};

static struct odb_err *read_exactly(struct stub *s, uint32_t pid, gaddr addr, void *to, size_t n_bytes)
{
    size_t got = 0;
    ODB_TRY(target_read(s->g, pid, addr, to, n_bytes, &got));
    if (got < n_bytes)
        return odb_err("thread-local variables cannot be found: no memory at 0x%" PRIx64, addr);
    return NULL;
}

static struct odb_err *headers_have_tls(struct stub *s, uint32_t pid, gaddr at, size_t n, bool *ret)
{
    Elf64_Phdr headers[MAX_HEADERS];
    *ret = false;
    if (n > MAX_HEADERS)
        return NULL;
    ODB_TRY(read_exactly(s, pid, at, headers, n * sizeof(*headers)));
    for (size_t i = 0; i < n; i++)
        *ret |= headers[i].p_type == PT_TLS;
    return NULL;
}

/* The program itself: its headers are where the auxiliary vector says. */
static struct odb_err *program_has_tls(struct stub *s, uint32_t pid, bool *ret)
{
    _cleanup_free_ uint8_t *auxv = NULL;
    size_t n;
    uint64_t headers = 0, count = 0;
    ODB_TRY(target_auxv(s->g, pid, &auxv, &n));
    for (size_t at = 0; at + 16 <= n; at += 16) {
        uint64_t entry[2];
        memcpy(entry, auxv + at, sizeof(entry));
        if (entry[0] == AT_PHDR)
            headers = entry[1];
        if (entry[0] == AT_PHNUM)
            count = entry[1];
    }
    return headers_have_tls(s, pid, headers, count, ret);
}

static struct odb_err *library_has_tls(struct stub *s, uint32_t pid, const struct link_map_words *m,
                                       bool *ret)
{
    Elf64_Ehdr header;
    *ret = false;
    ODB_TRY(read_exactly(s, pid, m->addr, &header, sizeof(header)));
    if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
        return NULL;
    return headers_have_tls(s, pid, m->addr + header.e_phoff, header.e_phnum, ret);
}

/* The module's number; link_map 0: a static program. */
static struct odb_err *module_of(struct stub *s, uint32_t pid, gaddr link_map, uint64_t *ret)
{
    struct link_map_words m;
    gaddr at = link_map;
    bool has = true;
    *ret = 1;
    if (!link_map)
        return NULL;
    for (int i = 0; i < MAX_MODULES; i++) {
        ODB_TRY(read_exactly(s, pid, at, &m, sizeof(m)));
        if (!m.prev)
            break;
        at = m.prev;
    }
    ODB_TRY(program_has_tls(s, pid, &has));
    *ret = has;
    for (int i = 0; i < MAX_MODULES && at != link_map; i++) {
        at = m.next;
        ODB_TRY(read_exactly(s, pid, at, &m, sizeof(m)));
        ODB_TRY(library_has_tls(s, pid, &m, &has));
        *ret += has;
    }
    if (!has)
        return odb_err("this file has no thread-local variables");
    return NULL;
}

static struct odb_err *find(struct stub *s, const struct packet_arg *a, gaddr *ret)
{
    struct target_regs regs;
    uint64_t module, dtv, words[2];
    uint32_t pid, tid;
    struct stub_thread general = s->general;
    s->general = (struct stub_thread){.pid = a[0].pid, .tid = a[0].tid};
    struct odb_err *e = stub_general_thread(s, &pid, &tid);
    s->general = general;
    ODB_TRY(e);
    ODB_TRY(target_registers(s->g, tid, &regs));
    ODB_TRY(module_of(s, pid, a[2].n, &module));
    ODB_TRY(read_exactly(s, pid, regs.fs_base + 8, &dtv, sizeof(dtv)));
    ODB_TRY(read_exactly(s, pid, dtv + 16 * module, words, sizeof(words)));
    if (words[0] == UINT64_MAX || words[0] == 0)
        return odb_err("the thread has no copy of this variable yet");
    *ret = words[0] + a[1].n;
    return NULL;
}

/* qGetTLSAddr:THREAD,OFFSET,LINK-MAP */
static void tls_address(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)n;
    gaddr addr = 0;
    struct odb_err *e = find(s, a, &addr);
    if (e)
        reply_failure(s, reply, e);
    else
        out_printf(reply, "%" PRIx64, addr);
}

static const struct stub_row rows[] = {
    {"qGetTLSAddr:", "t,x,x", tls_address, NULL},
};
const struct stub_table stub_tls_table = STUB_TABLE(rows);
