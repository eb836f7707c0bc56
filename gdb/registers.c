/* Registers as gdb numbers them. See registers.h.
 *
 * The set is generated: gdb wants the features and names of its own amd64-linux descriptions (gdb manual, "i386
 * Features"), the order is free. ymm and zmm are told in parts, as XSAVE has them: xmmN, ymmNh (bytes 16-31), zmmNh (32-63). */
#include "gdb/registers.h"

#include <stdio.h>
#include <string.h>

enum feature { CORE, SSE, LINUX, SEGMENTS, AVX, AVX512, N_FEATURES };
static const char *const feature_names[N_FEATURES] = {
    "org.gnu.gdb.i386.core",     "org.gnu.gdb.i386.sse", "org.gnu.gdb.i386.linux",
    "org.gnu.gdb.i386.segments", "org.gnu.gdb.i386.avx", "org.gnu.gdb.i386.avx512",
};

enum source {
    GPR,
    RIP,
    RFLAGS,
    FIXED, /* index: the value; what user space always has */
    ST,
    FCTRL,
    FSTAT,
    FTAG,
    VECTOR, /* 16 bytes of vec[index % 32], from byte 16 * (index / 32) on; ZMM part: 32 bytes from 32 on */
    MXCSR,
    ORIG_RAX,
    FS_BASE,
    GS_BASE,
    MASK,
};
enum { VECTOR_YMM_HIGH = 32, VECTOR_ZMM_HIGH = 64 };

static void add(struct register_set *s, enum feature f, const char *name, unsigned n_bytes,
                enum source source, unsigned index)
{
    struct register_row *r = &s->rows[s->n++];
    *r = (struct register_row){
        .offset = (uint16_t)s->n_bytes,
        .n_bytes = (uint8_t)n_bytes,
        .feature = f,
        .source = source,
        .index = (uint8_t)index,
    };
    snprintf(r->name, sizeof(r->name), "%s", name);
    s->n_bytes += n_bytes;
}

/* PREFIXnSUFFIX for n in [from, to). index of n: n + base. */
static void add_many(struct register_set *s, enum feature f, const char *prefix, const char *suffix,
                     unsigned from, unsigned to, unsigned n_bytes, enum source source, unsigned base)
{
    for (unsigned i = from; i < to; i++) {
        char name[12];
        snprintf(name, sizeof(name), "%.4s%u%.1s", prefix, i, suffix);
        add(s, f, name, n_bytes, source, i + base);
    }
}

static void add_core(struct register_set *s)
{
    static const struct {
        const char *name;
        unsigned index;
    } general[] = {
        {"rax", ODB_RAX}, {"rbx", ODB_RBX}, {"rcx", ODB_RCX}, {"rdx", ODB_RDX},
        {"rsi", ODB_RSI}, {"rdi", ODB_RDI}, {"rbp", ODB_RBP}, {"rsp", ODB_RSP},
    };
    /* the selectors of 64-bit user space: __USER_CS, __USER_DS; the others are 0 */
    static const struct {
        const char *name;
        unsigned value;
    } selectors[] = {{"cs", 0x33}, {"ss", 0x2b}, {"ds", 0}, {"es", 0}, {"fs", 0}, {"gs", 0}};
    static const char *const x87_pointers[] = {"fiseg", "fioff", "foseg", "fooff", "fop"};
    for (unsigned i = 0; i < 8; i++)
        add(s, CORE, general[i].name, 8, GPR, general[i].index);
    add_many(s, CORE, "r", "", 8, 16, 8, GPR, 0);
    add(s, CORE, "rip", 8, RIP, 0);
    add(s, CORE, "eflags", 4, RFLAGS, 0);
    for (unsigned i = 0; i < 6; i++)
        add(s, CORE, selectors[i].name, 4, FIXED, selectors[i].value);
    add_many(s, CORE, "st", "", 0, 8, 10, ST, 0);
    add(s, CORE, "fctrl", 4, FCTRL, 0);
    add(s, CORE, "fstat", 4, FSTAT, 0);
    add(s, CORE, "ftag", 4, FTAG, 0);
    for (unsigned i = 0; i < 5; i++)
        add(s, CORE, x87_pointers[i], 4, FIXED, 0);
}

void register_set_init(struct register_set *s, unsigned vector_bytes)
{
    *s = (struct register_set){.vector_bytes = vector_bytes};
    add_core(s);
    add_many(s, SSE, "xmm", "", 0, 16, 16, VECTOR, 0);
    add(s, SSE, "mxcsr", 4, MXCSR, 0);
    add(s, LINUX, "orig_rax", 8, ORIG_RAX, 0);
    add(s, SEGMENTS, "fs_base", 8, FS_BASE, 0);
    add(s, SEGMENTS, "gs_base", 8, GS_BASE, 0);
    if (vector_bytes >= 32)
        add_many(s, AVX, "ymm", "h", 0, 16, 16, VECTOR, VECTOR_YMM_HIGH);
    if (vector_bytes >= 64) {
        add_many(s, AVX512, "xmm", "", 16, 32, 16, VECTOR, 0);
        add_many(s, AVX512, "ymm", "h", 16, 32, 16, VECTOR, VECTOR_YMM_HIGH);
        add_many(s, AVX512, "k", "", 0, 8, 8, MASK, 0);
        add_many(s, AVX512, "zmm", "h", 0, 32, 32, VECTOR, VECTOR_ZMM_HIGH);
    }
}

/* ---- the description ---- */

static void flag_type(struct out *o, const char *id, const char *const *names)
{
    out_printf(o, "<flags id=\"%s\" size=\"4\">", id);
    for (unsigned bit = 0; bit < 32 && names[bit]; bit++) {
        if (*names[bit])
            out_printf(o, "<field name=\"%s\" start=\"%u\" end=\"%u\"/>", names[bit], bit, bit);
    }
    out_text(o, "</flags>");
}

static void types(struct out *o, enum feature f)
{
    static const char *const eflags[33] = {
        "CF", "", "PF", "", "AF", "",   "ZF", "SF",  "TF",  "IF", "DF", "OF",
        "",   "", "NT", "", "RF", "VM", "AC", "VIF", "VIP", "ID", NULL,
    };
    static const char *const mxcsr[33] = {
        "IE", "DE", "ZE", "OE", "UE", "PE", "DAZ", "IM", "DM", "ZM", "OM", "UM", "PM", "", "", "FZ", NULL,
    };
    static const struct {
        const char *id, *type, *field;
        int count;
    } parts[] = {
        {"v4f", "ieee_single", "v4_float", 4}, {"v2d", "ieee_double", "v2_double", 2},
        {"v16i8", "int8", "v16_int8", 16},     {"v8i16", "int16", "v8_int16", 8},
        {"v4i32", "int32", "v4_int32", 4},     {"v2i64", "int64", "v2_int64", 2},
    };
    enum { N_PARTS = sizeof(parts) / sizeof(parts[0]) };
    if (f == CORE)
        flag_type(o, "i386_eflags", eflags);
    if (f == AVX512)
        out_text(o, "<vector id=\"v2ui128\" type=\"uint128\" count=\"2\"/>");
    if (f == SSE)
        flag_type(o, "i386_mxcsr", mxcsr);
    if (f != SSE && f != AVX512)
        return;
    for (int i = 0; i < N_PARTS; i++)
        out_printf(o, "<vector id=\"%s\" type=\"%s\" count=\"%d\"/>", parts[i].id, parts[i].type,
                   parts[i].count);
    out_text(o, "<union id=\"vec128\">");
    for (int i = 0; i < N_PARTS; i++)
        out_printf(o, "<field name=\"%s\" type=\"%s\"/>", parts[i].field, parts[i].id);
    out_text(o, "<field name=\"uint128\" type=\"uint128\"/></union>");
}

static const char *type_of(const struct register_row *r)
{
    switch (r->source) {
    case GPR: return r->index == ODB_RSP || r->index == ODB_RBP ? "data_ptr" : "int64";
    case RIP: return "code_ptr";
    case RFLAGS: return "i386_eflags";
    case ST: return "i387_ext";
    case VECTOR:
        return r->index >= VECTOR_ZMM_HIGH ? "v2ui128" : r->index >= VECTOR_YMM_HIGH ? "uint128" : "vec128";
    case MXCSR: return "i386_mxcsr";
    case MASK: return "uint64";
    case ORIG_RAX:
    case FS_BASE:
    case GS_BASE: return "int64";
    default: return "int";
    }
}

static const char *group_of(const struct register_row *r)
{
    switch (r->source) {
    case FCTRL:
    case FSTAT:
    case FTAG: return " group=\"float\"";
    case FIXED: return r->name[0] == 'f' && r->name[1] != 's' ? " group=\"float\"" : "";
    case MXCSR: return " group=\"vector\"";
    case ORIG_RAX: return " group=\"system\"";
    default: return "";
    }
}

void register_set_xml(const struct register_set *s, struct out *ret)
{
    out_text(ret, "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target>"
                  "<architecture>i386:x86-64</architecture><osabi>GNU/Linux</osabi>");
    for (unsigned f = 0, i = 0; f < N_FEATURES && i < s->n; f++) {
        if (s->rows[i].feature != f)
            continue;
        out_printf(ret, "<feature name=\"%s\">", feature_names[f]);
        types(ret, f);
        for (; i < s->n && s->rows[i].feature == f; i++) {
            const struct register_row *r = &s->rows[i];
            out_printf(ret, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\"%s/>", r->name, r->n_bytes * 8u,
                       type_of(r), group_of(r));
        }
        out_text(ret, "</feature>");
    }
    out_text(ret, "</target>");
}

/* ---- values ---- */

/* Where the register's value lies in regs, and how many bytes of it there are; NULL: nowhere. */
static uint8_t *place_of(const struct register_row *r, struct target_regs *regs, size_t *ret_n)
{
    *ret_n = r->n_bytes;
    switch (r->source) {
    case GPR: return (uint8_t *)&regs->gpr[r->index];
    case RIP: return (uint8_t *)&regs->rip;
    case RFLAGS: return (uint8_t *)&regs->rflags;
    case ST: return regs->st[r->index];
    case FCTRL: *ret_n = 2; return (uint8_t *)&regs->fctrl;
    case FSTAT: *ret_n = 2; return (uint8_t *)&regs->fstat;
    case FTAG: *ret_n = 2; return (uint8_t *)&regs->ftag;
    case VECTOR: return regs->vec[r->index % 32] + 16 * (r->index / 32);
    case MXCSR: return (uint8_t *)&regs->mxcsr;
    case ORIG_RAX: return (uint8_t *)&regs->orig_rax;
    case FS_BASE: return (uint8_t *)&regs->fs_base;
    case GS_BASE: return (uint8_t *)&regs->gs_base;
    case MASK: return (uint8_t *)&regs->k[r->index];
    default: return NULL;
    }
}

void register_get(const struct register_set *s, unsigned number, const struct target_regs *regs, uint8_t *ret)
{
    const struct register_row *r = &s->rows[number];
    size_t n = 0;
    union { /* place_of() only finds the place */
        const struct target_regs *read_only;
        struct target_regs *any;
    } u = {.read_only = regs};
    const uint8_t *from = place_of(r, u.any, &n);
    memset(ret, 0, r->n_bytes);
    if (from)
        memcpy(ret, from, n);
    else
        ret[0] = r->index;
}

void register_put(const struct register_set *s, unsigned number, struct target_regs *regs,
                  const uint8_t *from)
{
    size_t n;
    uint8_t *to = place_of(&s->rows[number], regs, &n);
    if (to)
        memcpy(to, from, n);
}
