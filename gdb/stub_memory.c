/* Packets about memory: reading, writing, searching, checksums, where the program is loaded. */
#include "gdb/stub_parts.h"

#include <elf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

enum { CHUNK = 65536 };

static struct odb_err *process_asked(struct stub *s, uint32_t *ret_pid)
{
    uint32_t tid;
    return stub_general_thread(s, ret_pid, &tid);
}

/* m: as much as can be read; an error where nothing can. */
static void read_memory(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)n;
    uint32_t pid;
    size_t got = 0, want = a[1].n > PACKET_MAX_BYTES / 2 - 8 ? PACKET_MAX_BYTES / 2 - 8 : (size_t)a[1].n;
    _cleanup_free_ uint8_t *bytes = malloc(want + 1);
    if (!bytes) {
        out_text(reply, "E0c");
        return;
    }
    struct odb_err *e = process_asked(s, &pid);
    if (!e)
        e = target_read(s->g, pid, a[0].n, bytes, want, &got);
    if (e)
        reply_failure(s, reply, e);
    else if (got == 0 && want)
        out_text(reply, "E0e"); /* EFAULT */
    else
        out_hex(reply, bytes, got);
}

static void write_bytes(struct stub *s, gaddr addr, uint64_t n_claimed, const uint8_t *from, size_t n_bytes,
                        struct out *reply)
{
    uint32_t pid;
    if (n_claimed != n_bytes) {
        out_text(reply, "E16"); /* EINVAL */
        return;
    }
    struct odb_err *e = process_asked(s, &pid);
    if (!e && n_bytes) {
        stub_branch_begins(s);
        e = target_write(s->g, pid, addr, from, n_bytes);
    }
    if (e)
        reply_failure(s, reply, e);
    else
        reply_ok(reply);
}

/* M and X: the bytes are plain in both by now */
static void write_memory(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)n;
    write_bytes(s, a[0].n, a[1].n, a[2].data, a[2].n_bytes, reply);
}

/* ---- over long ranges ---- */

typedef bool (*range_fn)(void *ctx, gaddr addr, const uint8_t *bytes, size_t n_bytes); /* true: enough */

/* Reads [addr, addr + n) in pieces of CHUNK that overlap by `overlap` bytes, until fn has enough, the memory ends
 * (*ret_read is less than n then) or the user wants no more. */
static struct odb_err *each_chunk(struct stub *s, gaddr addr, uint64_t n_bytes, size_t overlap, range_fn fn,
                                  void *ctx, uint64_t *ret_read)
{
    uint32_t pid;
    uint64_t done = 0;
    _cleanup_free_ uint8_t *bytes = malloc(CHUNK + overlap);
    if (!bytes)
        return odb_err("out of memory");
    ODB_TRY(process_asked(s, &pid));
    while (done < n_bytes) {
        uint64_t left = n_bytes - done;
        size_t want = left < CHUNK + overlap ? (size_t)left : CHUNK + overlap, got = 0;
        if (stub_stop_work(s))
            return odb_err("interrupted");
        ODB_TRY(target_read(s->g, pid, addr + done, bytes, want, &got));
        if (fn(ctx, addr + done, bytes, got) || got < want || got == left) {
            done += got;
            break;
        }
        done += got - overlap;
    }
    *ret_read = done;
    return NULL;
}

struct search {
    const uint8_t *pattern;
    size_t n_bytes;
    bool found;
    gaddr addr;
};

static bool search_chunk(void *ctx, gaddr addr, const uint8_t *bytes, size_t n_bytes)
{
    struct search *q = ctx;
    const uint8_t *at = memmem(bytes, n_bytes, q->pattern, q->n_bytes);
    q->found = at != NULL;
    if (at)
        q->addr = addr + (gaddr)(at - bytes);
    return q->found;
}

/* qSearch:memory:ADDR;LEN;PATTERN */
static void search_memory(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)n;
    struct search q = {.pattern = a[2].data, .n_bytes = a[2].n_bytes};
    uint64_t got;
    if (q.n_bytes == 0 || q.n_bytes > CHUNK) {
        out_text(reply, "E16");
        return;
    }
    struct odb_err *e = each_chunk(s, a[0].n, a[1].n, q.n_bytes - 1, search_chunk, &q, &got);
    if (e)
        reply_failure(s, reply, e);
    else if (q.found)
        out_printf(reply, "1,%" PRIx64, q.addr);
    else if (got == 0 && a[1].n)
        out_text(reply, "E0e");
    else
        out_text(reply, "0");
}

/* The checksum of qCRC: polynomial 0x04c11db7, most significant bit first, begins with all ones, no final xor. */
static bool crc_chunk(void *ctx, gaddr addr, const uint8_t *bytes, size_t n_bytes)
{
    static uint32_t table[256];
    uint32_t *crc = ctx;
    (void)addr;
    if (!table[1]) {
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t c = i << 24;
            for (int bit = 0; bit < 8; bit++)
                c = c & 0x80000000 ? c << 1 ^ 0x04c11db7 : c << 1;
            table[i] = c;
        }
    }
    for (size_t i = 0; i < n_bytes; i++)
        *crc = *crc << 8 ^ table[(*crc >> 24 ^ bytes[i]) & 255];
    return false;
}

static void checksum_memory(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)n;
    uint32_t crc = 0xffffffff;
    uint64_t got;
    struct odb_err *e = each_chunk(s, a[0].n, a[1].n, 0, crc_chunk, &crc, &got);
    if (e)
        reply_failure(s, reply, e);
    else if (got < a[1].n)
        out_text(reply, "E0e");
    else
        out_printf(reply, "C%x", crc);
}

/* ---- where the program is ---- */

/* Distance between the program's addresses in its file and in memory. */
static struct odb_err *load_bias(struct stub *s, uint32_t pid, bool *ret_found, uint64_t *ret)
{
    _cleanup_free_ struct target_map *maps = NULL;
    _cleanup_free_ char *path = NULL;
    size_t n, got;
    Elf64_Ehdr header;
    *ret_found = false;
    ODB_TRY(target_exec_file(s->g, pid, &path));
    ODB_TRY(target_maps(s->g, pid, &maps, &n));
    for (size_t i = 0; i < n; i++) {
        if (maps[i].offset != 0 || strcmp(maps[i].name, path) != 0)
            continue;
        ODB_TRY(target_read(s->g, pid, maps[i].start, &header, sizeof(header), &got));
        if (got < sizeof(header) || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
            return NULL;
        *ret_found = true;
        *ret = header.e_type == ET_DYN ? maps[i].start : 0; /* the first segment of a PIE is linked at 0 */
        return NULL;
    }
    return NULL;
}

static void offsets(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)a;
    (void)n;
    uint32_t pid;
    uint64_t bias = 0;
    bool found = false;
    struct odb_err *e = process_asked(s, &pid);
    if (!e)
        e = load_bias(s, pid, &found, &bias);
    odb_err_free(e); /* then it is not known */
    if (found)
        out_printf(reply, "Text=%" PRIx64 ";Data=%" PRIx64 ";Bss=%" PRIx64, bias, bias, bias);
}

static const struct stub_row rows[] = {
    {"m", "x,x", read_memory, NULL},         {"M", "x,x:h", write_memory, NULL},
    {"X", "x,x:r", write_memory, NULL},      {"qSearch:memory:", "x;x;r", search_memory, NULL},
    {"qCRC:", "x,x", checksum_memory, NULL}, {"qOffsets", "", offsets, NULL},
};
const struct stub_table stub_memory_table = STUB_TABLE(rows);
