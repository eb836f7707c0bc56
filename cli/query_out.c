/* How answers look: text for people (addresses in hexadecimal, with the mapping they lie in), JSON for
 * programs (t and sizes are numbers; addresses and register values are "0x..." strings, because JSON numbers
 * lose bits above 2^53; bytes are hexadecimal strings). */
#include <capstone/capstone.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "cli/query.h"
#include "common/cleanup.h"
#include "indexer/schema.h"

#define ULL(x) ((unsigned long long)(x))

/* ---- JSON and text ---- */

/* Length of the UTF-8 sequence at p, 0 if it is none. */
static size_t utf8_length(const uint8_t *p, size_t n)
{
    size_t len = *p < 0x80                 ? 1
                 : *p >= 0xc2 && *p < 0xe0 ? 2
                 : *p >= 0xe0 && *p < 0xf0 ? 3
                 : *p >= 0xf0 && *p < 0xf5 ? 4
                                           : 0;
    if (!len || len > n)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) || (*p == 0xf0 && p[1] < 0x90) ||
        (*p == 0xf4 && p[1] > 0x8f))
        return 0;
    return len;
}

void json_string(FILE *f, const void *text, size_t n_bytes)
{
    const uint8_t *p = text;
    fputc('"', f);
    for (size_t i = 0; i < n_bytes;) {
        size_t len = utf8_length(p + i, n_bytes - i);
        if (!len)
            fputs("\\ufffd", f);
        else if (p[i] == '"' || p[i] == '\\')
            fprintf(f, "\\%c", p[i]);
        else if (p[i] == '\n')
            fputs("\\n", f);
        else if (p[i] < 0x20 || p[i] == 0x7f)
            fprintf(f, "\\u%04x", p[i]);
        else
            fwrite(p + i, 1, len, f);
        i += len ? len : 1;
    }
    fputc('"', f);
}

void json_hex(FILE *f, const uint8_t *p, size_t n_bytes)
{
    fputc('"', f);
    for (size_t i = 0; i < n_bytes; i++)
        fprintf(f, "%02x", p[i]);
    fputc('"', f);
}

void print_quoted(FILE *f, const void *text, size_t n_bytes)
{
    const uint8_t *p = text;
    fputc('"', f);
    for (size_t i = 0; i < n_bytes;) {
        size_t len = utf8_length(p + i, n_bytes - i);
        if (p[i] == '"' || p[i] == '\\')
            fprintf(f, "\\%c", p[i]);
        else if (p[i] == '\n')
            fputs("\\n", f);
        else if (p[i] == '\t')
            fputs("\\t", f);
        else if (!len || p[i] < 0x20 || p[i] == 0x7f)
            fprintf(f, "\\x%02x", p[i]);
        else
            fwrite(p + i, 1, len, f);
        i += len ? len : 1;
    }
    fputc('"', f);
}

void print_value(FILE *f, const uint8_t *p, size_t n_bytes)
{
    if (n_bytes <= 8) {
        uint64_t v = 0;
        memcpy(&v, p, n_bytes);
        fprintf(f, "0x%llx", ULL(v));
        return;
    }
    for (size_t i = 0; i < n_bytes && i < 32; i++)
        fprintf(f, "%s%02x", i ? " " : "", p[i]);
    if (n_bytes > 32)
        fputs(" ...", f);
}

void print_task(const struct query *q, uint32_t pid, uint32_t tid)
{
    if (q->many)
        printf("[%u/%u] ", pid, tid);
}

/* ---- places ---- */

static const struct db_map *find_map(const struct query *q, uint64_t t, gaddr addr)
{
    for (size_t i = 0; i < q->n_maps; i++)
        if (q->maps[i].start <= addr && addr < q->maps[i].end && q->maps[i].t_start <= t &&
            t < q->maps[i].t_end)
            return &q->maps[i];
    return NULL;
}

struct odb_err *query_place(struct query *q, uint64_t t, uint32_t pid, gaddr addr, char *buf, size_t n_bytes)
{
    const struct db_map *m = q->maps_pid == pid ? find_map(q, t, addr) : NULL;
    if (!m && (!q->have_maps || q->maps_t != t || q->maps_pid != pid)) {
        db_maps_free(q->maps, q->n_maps);
        q->maps = NULL;
        q->n_maps = 0;
        buf[0] = 0;
        struct odb_err *e = db_maps(q->db, t, pid, &q->maps, &q->n_maps);
        odb_err_free(e); /* the kernel's first writes for a new process come before its first state */
        q->maps_t = t;
        q->maps_pid = pid;
        q->have_maps = true;
        m = find_map(q, t, addr);
    }
    buf[0] = 0;
    if (!m || !*m->name)
        return NULL;
    const char *slash = strrchr(m->name, '/');
    if (m->file_id)
        snprintf(buf, n_bytes, "%s+0x%llx", slash && slash[1] ? slash + 1 : m->name,
                 ULL(m->offset + (addr - m->start)));
    else
        snprintf(buf, n_bytes, "%s", m->name);
    return NULL;
}

/* ---- registers ---- */

static const unsigned gpr_order[] = {
    ODB_RAX, ODB_RBX, ODB_RCX, ODB_RDX, ODB_RSI, ODB_RDI, ODB_RBP, ODB_RSP,     ODB_R8,
    ODB_R9,  ODB_R10, ODB_R11, ODB_R12, ODB_R13, ODB_R14, ODB_R15, ODB_REG_RIP,
};

static void print_flags(uint64_t flags)
{
    static const struct {
        unsigned bit;
        const char *name;
    } names[] = {
        {0, "CF"}, {2, "PF"},  {4, "AF"},  {6, "ZF"},  {7, "SF"},  {8, "TF"},
        {9, "IF"}, {10, "DF"}, {11, "OF"}, {18, "AC"}, {21, "ID"},
    };
    printf("rflags   0x%llx  ", ULL(flags));
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (flags >> names[i].bit & 1)
            printf(" %s", names[i].name);
    putchar('\n');
}

static bool is_zero(const uint8_t *p, size_t n)
{
    while (n && !p[n - 1])
        n--;
    return !n;
}

static unsigned n_vectors(const struct db_regs *r) { return r->vector_bytes > 32 ? 32 : 16; }

static void registers_json(uint64_t t, const struct db_regs *r)
{
    printf("{\"t\":%llu,\"pid\":%u,\"tid\":%u", ULL(t), r->pid, r->tid);
    for (size_t i = 0; i < sizeof(gpr_order) / sizeof(*gpr_order); i++)
        printf(",\"%s\":\"0x%llx\"", db_reg_name(gpr_order[i], 32), ULL(r->regs.scalar[gpr_order[i]]));
    for (unsigned reg = ODB_REG_RFLAGS; reg <= ODB_REG_MXCSR; reg++)
        printf(",\"%s\":\"0x%llx\"", db_reg_name(reg, 32), ULL(r->regs.scalar[reg]));
    for (unsigned i = 0; i < n_vectors(r); i++) {
        printf(",\n \"%s\":", db_reg_name(ODB_REG_VEC0 + i, r->vector_bytes));
        json_hex(stdout, r->regs.wide[i], r->vector_bytes);
    }
    fputs("}\n", stdout);
}

struct odb_err *show_registers(struct query *q, uint64_t t, const struct db_regs *r)
{
    if (q->json) {
        registers_json(t, r);
        return NULL;
    }
    printf("t %llu of %llu, ", ULL(t), ULL(db_end_t(q->db)));
    if (q->many)
        printf("process %u, ", r->pid);
    printf("thread %u%s\n", r->tid, r->runs ? "" : " (does not run)");
    for (size_t i = 0; i < sizeof(gpr_order) / sizeof(*gpr_order); i++) {
        char place[128];
        uint64_t v = r->regs.scalar[gpr_order[i]];
        ODB_TRY(query_place(q, t, r->pid, v, place, sizeof(place)));
        if (*place)
            printf("%-8s 0x%-18llx %s\n", db_reg_name(gpr_order[i], 32), ULL(v), place);
        else
            printf("%-8s 0x%llx\n", db_reg_name(gpr_order[i], 32), ULL(v));
    }
    print_flags(r->regs.scalar[ODB_REG_RFLAGS]);
    printf("fs_base  0x%llx\ngs_base  0x%llx\nmxcsr    0x%llx\n", ULL(r->regs.scalar[ODB_REG_FS_BASE]),
           ULL(r->regs.scalar[ODB_REG_GS_BASE]), ULL(r->regs.scalar[ODB_REG_MXCSR]));
    for (unsigned i = 0; i < n_vectors(r); i++) {
        if (is_zero(r->regs.wide[i], r->vector_bytes))
            continue;
        printf("%-8s ", db_reg_name(ODB_REG_VEC0 + i, r->vector_bytes));
        for (unsigned k = 0; k < r->vector_bytes; k++)
            printf("%s%02x", k && k % 8 == 0 ? " " : "", r->regs.wide[i][k]);
        putchar('\n');
    }
    return NULL;
}

/* ---- memory ---- */

static void memory_json(uint64_t t, gaddr addr, const uint8_t *p, const bool *valid, size_t n)
{
    printf("{\"t\":%llu,\"addr\":\"0x%llx\",\"len\":%zu,\"bytes\":", ULL(t), ULL(addr), n);
    json_hex(stdout, p, n);
    fputs(",\"unmapped\":[", stdout);
    for (size_t i = 0, k = 0; i < n; i++) {
        size_t from = i;
        while (i < n && !valid[i])
            i++;
        if (i > from)
            printf("%s{\"addr\":\"0x%llx\",\"len\":%zu}", k++ ? "," : "", ULL(addr + from), i - from);
    }
    fputs("]}\n", stdout);
}

struct odb_err *show_memory(struct query *q, uint64_t t, gaddr addr, const uint8_t *p, const bool *valid,
                            size_t n)
{
    if (q->json) {
        memory_json(t, addr, p, valid, n);
        return NULL;
    }
    for (size_t i = 0; i < n; i += 16) {
        size_t row = n - i < 16 ? n - i : 16;
        printf("0x%012llx ", ULL(addr + i));
        for (size_t k = 0; k < 16; k++) {
            fputs(k == 8 ? "  " : " ", stdout);
            if (k >= row)
                fputs("  ", stdout);
            else if (!valid[i + k])
                fputs("??", stdout);
            else
                printf("%02x", p[i + k]);
        }
        fputs("  |", stdout);
        for (size_t k = 0; k < row; k++)
            putchar(valid[i + k] && p[i + k] >= 0x20 && p[i + k] < 0x7f ? p[i + k] : '.');
        fputs("|\n", stdout);
    }
    return NULL;
}

/* ---- writes ---- */

/* As print_value: up to 8 bytes are one number, in a string. */
static void json_bytes(const uint8_t *p, uint32_t n_bytes)
{
    if (n_bytes > 8) {
        json_hex(stdout, p, n_bytes);
        return;
    }
    putchar('"');
    print_value(stdout, p, n_bytes);
    putchar('"');
}

struct odb_err *show_write(struct query *q, const struct db_write *w)
{
    char call[64] = "", place[128], target[128];
    bool found = false;
    if (w->flags & ODB_MEM_SIGNAL)
        snprintf(call, sizeof(call), "signal");
    else if (w->flags & ODB_MEM_KERNEL)
        ODB_TRY(db_syscall_name(q->db, w->t, w->tid, &found, call, sizeof(call)));
    if (w->flags && !*call)
        snprintf(call, sizeof(call), "kernel");
    if (q->json) {
        printf(
            "{\"t\":%llu,\"pid\":%u,\"tid\":%u,\"rip\":\"0x%llx\",\"addr\":\"0x%llx\",\"size\":%u,\"value\":",
            ULL(w->t), w->pid, w->tid, ULL(w->rip), ULL(w->addr), w->n_bytes);
        json_bytes(w->new_, w->n_bytes);
        fputs(",\"old_value\":", stdout);
        json_bytes(w->old, w->n_bytes);
        fputs(",\"syscall\":", stdout);
        if (*call)
            json_string(stdout, call, strlen(call));
        else
            fputs("null", stdout);
        return NULL;
    }
    ODB_TRY(query_place(q, w->t, w->pid, w->rip, place, sizeof(place)));
    if (w->by_descriptor)
        snprintf(target, sizeof(target), "offset in a mapped file");
    else
        ODB_TRY(query_place(q, w->t, w->pid, w->addr, target, sizeof(target)));
    printf("t %-10llu  ", ULL(w->t));
    print_task(q, w->pid, w->tid);
    printf("rip 0x%llx%s%s%s  wrote %u byte%s to 0x%llx%s%s%s: ", ULL(w->rip), *place ? " (" : "", place,
           *place ? ")" : "", w->n_bytes, w->n_bytes == 1 ? "" : "s", ULL(w->addr), *target ? " (" : "",
           target, *target ? ")" : "");
    print_value(stdout, w->old, w->n_bytes);
    fputs(" -> ", stdout);
    print_value(stdout, w->new_, w->n_bytes);
    if (*call)
        printf("  by %s", call);
    putchar('\n');
    return NULL;
}

void show_map(struct query *q, const struct db_map *m)
{
    const char prot[] = {m->prot & 1 ? 'r' : '-', m->prot & 2 ? 'w' : '-', m->prot & 4 ? 'x' : '-', 0};
    bool shared = (m->flags & 3) == 1 || (m->flags & 3) == 3;
    if (!q->json) {
        printf("0x%012llx-0x%012llx %s%c %10llx  %s\n", ULL(m->start), ULL(m->end), prot, shared ? 's' : 'p',
               ULL(m->offset), m->name);
        return;
    }
    printf("{\"start\":\"0x%llx\",\"end\":\"0x%llx\",\"prot\":\"%s\",\"flags\":\"%s\",\"offset\":%llu,\"t_"
           "start\":%llu,\"t_end\":",
           ULL(m->start), ULL(m->end), prot, shared ? "shared" : "private", ULL(m->offset), ULL(m->t_start));
    if (m->t_end == UINT64_MAX)
        fputs("null", stdout);
    else
        printf("%llu", ULL(m->t_end));
    fputs(",\"name\":", stdout);
    json_string(stdout, m->name, strlen(m->name));
    putchar('}');
}

/* ---- code ---- */

static void show_insn(struct query *q, gaddr addr, gaddr rip, const uint8_t *p, size_t n,
                      const char *mnemonic, const char *ops, bool first)
{
    if (q->json) {
        printf("%s{\"addr\":\"0x%llx\",\"bytes\":", first ? "" : ",\n ", ULL(addr));
        json_hex(stdout, p, n);
        fputs(",\"text\":", stdout);
        char text[256];
        snprintf(text, sizeof(text), "%s%s%s", mnemonic, *ops ? " " : "", ops);
        json_string(stdout, text, strlen(text));
        putchar('}');
        return;
    }
    char place[128];
    struct odb_err *e = query_place(q, q->maps_t, q->pid, addr, place, sizeof(place));
    odb_err_free(e);
    printf("%s 0x%llx %-24s ", addr == rip ? "=>" : "  ", ULL(addr), e ? "" : place);
    for (size_t i = 0; i < 8; i++)
        printf(i < n ? "%02x " : "   ", i < n ? p[i] : 0);
    printf("%s %-8s %s\n", n > 8 ? "+" : " ", mnemonic, ops);
}

static struct odb_err *disassemble(struct query *q, csh cs, gaddr addr, gaddr rip, const uint8_t *p, size_t n,
                                   unsigned n_insns)
{
    cs_insn *insn = cs_malloc(cs);
    if (!insn)
        return odb_err("out of memory");
    const uint8_t *at = p;
    size_t left = n;
    uint64_t where = addr;
    for (unsigned i = 0; i < n_insns && left; i++) {
        const uint8_t *from = at;
        uint64_t was = where;
        if (cs_disasm_iter(cs, &at, &left, &where, insn)) {
            show_insn(q, was, rip, from, insn->size, insn->mnemonic, insn->op_str, !i);
            continue;
        }
        show_insn(q, was, rip, from, 1, "(bad)", "", !i);
        at = from + 1;
        left = n - (size_t)(at - p);
        where = was + 1;
    }
    cs_free(insn, 1);
    return NULL;
}

struct odb_err *show_code(struct query *q, uint64_t t, gaddr addr, unsigned n_insns)
{
    size_t n = (size_t)n_insns * 15, n_valid, prefix = 0;
    _cleanup_free_ uint8_t *p = malloc(n);
    _cleanup_free_ bool *valid = malloc(n);
    gaddr rip;
    uint32_t tid;
    char place[128];
    csh cs;
    if (!p || !valid)
        return odb_err("out of memory");
    if (addr + n < addr)
        n = (size_t)(UINT64_MAX - addr);
    ODB_TRY(db_position(q->db, t, &rip, &tid));
    ODB_TRY(db_memory(q->db, t, q->pid, addr, n, p, valid, &n_valid));
    while (prefix < n && valid[prefix])
        prefix++;
    if (!prefix)
        return odb_err("nothing is mapped at 0x%llx at t %llu", ULL(addr), ULL(t));
    ODB_TRY(query_place(q, t, q->pid, addr, place, sizeof(place)));
    q->maps_t = t;
    if (cs_open(CS_ARCH_X86, CS_MODE_64, &cs) != CS_ERR_OK)
        return odb_err("the disassembler (capstone) does not start");
    if (q->json)
        putchar('[');
    struct odb_err *e = disassemble(q, cs, addr, rip, p, prefix, n_insns);
    if (q->json && !e)
        fputs("]\n", stdout);
    cs_close(&cs);
    return e;
}

/* ---- rows ---- */

struct odb_err *query_each_row(struct query *q, const char *sql, const char *arg, query_row_fn row,
                               uint64_t *ret_n)
{
    sqlite3 *sq = db_sqlite(q->db);
    sqlite3_stmt *st;
    if (sqlite3_prepare_v2(sq, sql, -1, &st, NULL) != SQLITE_OK)
        return odb_err("index: %s", sqlite3_errmsg(sq));
    if (arg)
        sqlite3_bind_text(st, 1, arg, -1, SQLITE_STATIC);
    if (q->pid)
        sqlite3_bind_int64(st, 2, q->pid);
    if (q->tid)
        sqlite3_bind_int64(st, 3, q->tid);
    int rc;
    uint64_t n = 0;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        if (q->json)
            fputs(n ? ",\n " : "[", stdout);
        row(q, st);
        n++;
    }
    struct odb_err *e = rc == SQLITE_DONE ? NULL : odb_err("index: %s", sqlite3_errmsg(sq));
    sqlite3_finalize(st);
    if (!e && q->json)
        fputs(n ? "]\n" : "[]\n", stdout);
    *ret_n = n;
    return e;
}

void json_field(sqlite3_stmt *st, int i, const char *before)
{
    fputs(before, stdout);
    if (sqlite3_column_type(st, i) == SQLITE_NULL) {
        fputs("null", stdout);
        return;
    }
    if (sqlite3_column_type(st, i) == SQLITE_INTEGER) {
        printf("%lld", (long long)sqlite3_column_int64(st, i));
        return;
    }
    const void *p = sqlite3_column_blob(st, i);
    json_string(stdout, p, (size_t)sqlite3_column_bytes(st, i));
}

const char *row_text(sqlite3_stmt *st, int i, const char *otherwise)
{
    const char *text = (const char *)sqlite3_column_text(st, i);
    return text ? text : otherwise;
}

void json_row(sqlite3_stmt *st, const char *const *keys, int n)
{
    for (int i = 0; i < n; i++) {
        fputs(i ? "," : "{", stdout);
        json_string(stdout, keys[i], strlen(keys[i]));
        json_field(st, i, ":");
    }
    putchar('}');
}
