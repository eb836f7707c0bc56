/* odb query why: where did this value come from? The chain of copies back to what made it; cli/origin.h does the steps.
 *
 * What is asked is an address, a register, or a variable (then symbols/ says where that is). Arithmetic ends the chain, unless
 * --depth allows to go on with the input that dominates. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/origin.h"
#include "cli/query_points.h"
#include "common/cleanup.h"
#include "indexer/schema.h"

#define ULL(x) ((unsigned long long)(x))
#define STEPS_DEFAULT 64
#define STEPS_MAX 100000

static void origin_destroyp(struct origin **o) { origin_destroy(*o); }

/* ---- what is asked ---- */

/* "$rax", "rax", "xmm0". */
static bool register_of(const char *text, struct origin_ref *ret)
{
    int reg = db_reg_number(text + (*text == '$'));
    if (reg < 0)
        return false;
    ret->kind = REF_REGISTER;
    ret->number = (unsigned)reg;
    text += *text == '$';
    int wide = regfile_wide((unsigned)reg);
    ret->n_bytes = wide < 0                ? 8
                   : reg >= ODB_REG_ST0    ? 10
                   : tolower(*text) == 'x' ? 16
                   : tolower(*text) == 'y' ? 32
                                           : 64;
    return true;
}

/* NUMBER..., or REGISTER+..., REGISTER,...: an address. */
static bool looks_like_address(const char *text)
{
    char name[16];
    size_t n = strcspn(text, "+-,");
    if (*text >= '0' && *text <= '9')
        return true;
    if (!text[n] || n >= sizeof(name))
        return false;
    memcpy(name, text, n);
    name[n] = 0;
    return db_reg_number(name) >= 0;
}

/* As many bytes as were last written there, if that is a number's size; else up to 8. */
static struct odb_err *likely_size(struct query *q, uint64_t t, gaddr addr, uint64_t *ret)
{
    struct db_write w;
    bool found;
    *ret = 8;
    ODB_TRY(db_last_write(q->db, q->pid, addr, 1, t, &found, &w));
    if (found && !w.flags && w.addr == addr && w.n_bytes < 8 && !(w.n_bytes & (w.n_bytes - 1)))
        *ret = w.n_bytes;
    return NULL;
}

/* Which register debug information means. */
static int from_dwarf_number(int reg)
{
    static const uint8_t gpr[] = {ODB_RAX, ODB_RDX, ODB_RCX, ODB_RBX, ODB_RSI, ODB_RDI, ODB_RBP, ODB_RSP};
    return reg < 0                 ? -1
           : reg < 8               ? gpr[reg]
           : reg < 16              ? reg
           : reg >= 17 && reg < 33 ? ODB_REG_VEC0 + reg - 17
                                   : -1;
}

static struct odb_err *find_variable(struct query *q, uint64_t t, const char *expr, struct origin_ref *ret)
{
    __attribute__((cleanup(query_frame_deinit))) struct query_frame f = {0};
    __attribute__((cleanup(symbols_value_deinit))) struct sym_value v = {0};
    struct symbols *s;
    ODB_TRY(query_asked_frame(q, t, &s, &f));
    ODB_TRY(symbols_eval(s, f.frame, f.scope, expr, &v));
    int reg = from_dwarf_number(v.has_addr ? -1 : v.reg);
    if (v.optimized_out)
        return odb_err("'%s' is optimized out at t %llu", expr, ULL(t));
    if (!v.has_addr && (reg < 0 || (f.frame->how != SYM_FRAME_INNERMOST && reg != ODB_RBX)))
        return odb_err(
            "'%s' is no place in memory or in a register of the innermost frame: ask for a variable, an "
            "address, or a register",
            expr);
    ret->kind = v.has_addr ? REF_MEMORY : REF_REGISTER;
    ret->addr = v.addr;
    ret->number = (unsigned)reg;
    ret->n_bytes = (unsigned)(v.n_bytes < ORIGIN_MAX_BYTES ? v.n_bytes : ORIGIN_MAX_BYTES);
    if (!v.n_bytes || (!v.has_addr && v.n_bytes > 8 && reg < ODB_N_GPR))
        return odb_err("'%s' has no size that fits", expr);
    return NULL;
}

static struct odb_err *parse_what(struct query *q, uint64_t t, struct origin_ref *ret)
{
    const char *text = q->a->args[0];
    uint64_t n = 0;
    ODB_TRY(query_thread(q, t));
    *ret = (struct origin_ref){.kind = REF_MEMORY, .t = t};
    if (register_of(text, ret)) {
    } else if (looks_like_address(text)) {
        ODB_TRY(query_parse_addr(q, t, text, &ret->addr, &n));
        if (!n)
            ODB_TRY(likely_size(q, t, ret->addr, &n));
        if (n > ORIGIN_MAX_BYTES)
            return cli_usage("query: '%s': at most %d bytes at once", text, ORIGIN_MAX_BYTES);
        ret->n_bytes = (unsigned)n;
    } else {
        ODB_TRY(find_variable(q, t, text, ret));
    }
    ret->pid = q->pid;
    ret->tid = q->tid;
    return NULL;
}

/* ---- how it looks ---- */

static void ref_text(const struct origin_ref *r, char *to, size_t n_bytes)
{
    static const char *const narrow[] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};
    if (r->kind == REF_MEMORY) {
        snprintf(to, n_bytes, "[0x%llx,%u]", ULL(r->addr), r->n_bytes);
        return;
    }
    if (r->kind == REF_NUMBER) {
        snprintf(to, n_bytes, "0x%llx", ULL(origin_number(r)));
        return;
    }
    bool vec = r->number >= ODB_REG_VEC0 && r->number < ODB_REG_K0;
    const char *name = db_reg_name(r->number, 32);
    if (vec && !r->at && (r->n_bytes == 16 || r->n_bytes == 32))
        snprintf(to, n_bytes, "%cmm%u", r->n_bytes == 16 ? 'x' : 'y', r->number - ODB_REG_VEC0);
    else if (!r->at && r->n_bytes == 8 && !vec)
        snprintf(to, n_bytes, "%s", name ? name : "?");
    else if (!r->at && r->n_bytes == 4 && r->number < 8)
        snprintf(to, n_bytes, "%s", narrow[r->number]);
    else
        snprintf(to, n_bytes, "%s[%u:%u]", name ? name : "?", r->at, r->at + r->n_bytes);
}

static void value_text(FILE *f, const struct origin_ref *r)
{
    if (!r->known) {
        fputs("?", f);
        return;
    }
    print_value(f, r->value, r->n_bytes);
    bool text = r->n_bytes > 1;
    unsigned n = 0;
    while (n < r->n_bytes && r->value[n])
        n++;
    for (unsigned i = 0; i < r->n_bytes; i++)
        text &= i < n ? isprint(r->value[i]) || r->value[i] == '\n' || r->value[i] == '\t' : !r->value[i];
    if (text && n > 1) {
        putc(' ', f);
        print_quoted(f, r->value, n);
    }
}

/* "main (prog.c:12)", "libc.so.6+0x1234", "". */
static struct odb_err *spot(struct query *q, const struct origin_step *s, char *buf, size_t n_bytes)
{
    struct symbols *symbols;
    buf[0] = 0;
    if (!s->rip)
        return NULL;
    struct odb_err *e = query_symbols_at(q, s->t, s->pid, s->tid, &symbols);
    if (!e)
        e = query_spot(symbols, s->rip, false, buf, n_bytes);
    odb_err_free(e); /* names are an ornament */
    return *buf ? NULL : query_place(q, s->t, s->pid, s->rip, buf, n_bytes);
}

static void json_ref(const struct origin_ref *r)
{
    if (r->kind == REF_MEMORY)
        printf("{\"kind\":\"memory\",\"pid\":%u,\"addr\":\"0x%llx\"", r->pid, ULL(r->addr));
    else if (r->kind == REF_REGISTER)
        printf("{\"kind\":\"register\",\"tid\":%u,\"reg\":\"%s\",\"at\":%u", r->tid,
               db_reg_name(r->number, 32) ? db_reg_name(r->number, 32) : "?", r->at);
    else
        printf("{\"kind\":\"number\"");
    if (r->kind != REF_NUMBER)
        printf(",\"t\":%llu", ULL(r->t));
    printf(",\"size\":%u,\"value\":", r->n_bytes);
    if (r->known)
        json_hex(stdout, r->value, r->n_bytes);
    else
        fputs("null", stdout);
    putchar('}');
}

static void json_text(const char *key, const char *text)
{
    printf(",\"%s\":", key);
    json_string(stdout, text, strlen(text));
}

static void step_json(const struct origin_step *s, const char *place, bool first)
{
    printf("%s{\"kind\":\"%s\",\"t\":%llu,\"pid\":%u,\"tid\":%u,\"rip\":", first ? "" : ",\n ",
           origin_kind_name(s->kind), ULL(s->t), s->pid, s->tid);
    if (s->rip)
        printf("\"0x%llx\"", ULL(s->rip));
    else
        fputs("null", stdout);
    json_text("place", place);
    json_text("insn", s->insn);
    json_text("text", s->text);
    printf(",\"partial\":%s,\"to\":", s->partial ? "true" : "false");
    json_ref(&s->to);
    fputs(",\"from\":[", stdout);
    for (unsigned i = 0; i < s->n_from; i++) {
        fputs(i ? "," : "", stdout);
        json_ref(&s->from[i]);
    }
    putchar(']');
    if (*s->path) {
        json_text("path", s->path);
        if (s->has_offset)
            printf(",\"offset\":%llu", ULL(s->offset));
        else
            fputs(",\"offset\":null", stdout);
    }
    putchar('}');
}

static void step_line(const struct query *q, const struct origin_step *s, const char *place)
{
    char to[64], from[64];
    bool call = !strcmp(s->insn, "syscall") && *s->text;
    ref_text(&s->to, to, sizeof(to));
    printf("%12llu  ", ULL(s->t));
    print_task(q, s->pid, s->tid);
    if (*place)
        printf("%s  ", place);
    if (*s->insn && !call)
        printf("%s  ", s->insn);
    printf("%s", to);
    if (s->kind == ORIGIN_COPY) {
        ref_text(&s->from[0], from, sizeof(from));
        printf(" <- %s", from);
    }
    fputs(" = ", stdout);
    value_text(stdout, &s->to);
    if (s->partial)
        printf("  (%u byte%s of it)", s->to.n_bytes, s->to.n_bytes == 1 ? "" : "s");
    if (*s->text)
        printf("  : %s", s->text);
    putchar('\n');
}

/* What is to be said at the end of the chain. */
static void show_end(const struct query *q, const struct origin_step *s)
{
    static const char *const words[] = {
        [ORIGIN_MADE] = "made by this instruction",
        [ORIGIN_CONSTANT] = "a constant",
        [ORIGIN_KERNEL] = "from the kernel",
        [ORIGIN_INITIAL] = "never written",
        [ORIGIN_UNKNOWN] = "not known",
        [ORIGIN_COPY] = "goes on: more with --max",
    };
    char name[64];
    printf("origin: %s", words[s->kind]);
    if (*s->path && s->has_offset)
        printf(": %s, offset %llu", s->path, ULL(s->offset));
    else if (*s->path)
        printf(": %s", s->path);
    putchar('\n');
    for (unsigned i = 0; i < s->n_from && s->kind == ORIGIN_MADE; i++) {
        const struct origin_ref *r = &s->from[i];
        ref_text(r, name, sizeof(name));
        printf("    of %s", name);
        if (r->kind != REF_NUMBER) {
            fputs(" = ", stdout);
            value_text(stdout, r);
            if (r->kind == REF_MEMORY)
                snprintf(name, sizeof(name), "0x%llx,%u", ULL(r->addr), r->n_bytes);
            else
                snprintf(name, sizeof(name), "'$%s'", db_reg_name(r->number, 32));
            printf("    (why %s --at %llu", name, ULL(r->t));
            if (q->many)
                printf(" --tid %u", r->tid);
            putchar(')');
        }
        putchar('\n');
    }
}

/* ---- the answer ---- */

/* The steps so far, as text. A register that was saved in memory and restored from there is two steps that say nothing: such
 * pairs become one line. */
struct chain {
    struct query *q;
    uint64_t n_lines;
    bool held; /* `step` may be the restoring half of a pair */
    struct origin_step step;
    char place[256];
    uint64_t n_saved, saved_t; /* pairs since the last line */
};

static void flush_pairs(struct chain *c)
{
    char name[64];
    if (!c->n_saved)
        return;
    ref_text(&c->step.to, name, sizeof(name));
    printf("%12llu  %s was saved and restored", ULL(c->saved_t), name);
    printf(c->n_saved > 1 ? ", %llu times\n" : "\n", ULL(c->n_saved));
    c->n_saved = 0;
    c->n_lines++;
}

static void flush_chain(struct chain *c)
{
    flush_pairs(c);
    if (!c->held)
        return;
    step_line(c->q, &c->step, c->place);
    c->held = false;
    c->n_lines++;
}

static bool same_ref(const struct origin_ref *a, const struct origin_ref *b)
{
    return a->kind == b->kind && a->n_bytes == b->n_bytes && a->tid == b->tid &&
           (a->kind == REF_MEMORY ? a->addr == b->addr : a->number == b->number && a->at == b->at);
}

static void add_to_chain(struct chain *c, const struct origin_step *s, const char *place)
{
    bool copy = s->kind == ORIGIN_COPY && !*s->text && !s->partial;
    if (c->held && copy && same_ref(&s->to, &c->step.from[0]) && same_ref(&s->from[0], &c->step.to)) {
        c->held = false;
        c->n_saved++;
        c->saved_t = s->t;
        return;
    }
    bool restores = copy && s->to.kind == REF_REGISTER && s->from[0].kind == REF_MEMORY;
    if (!restores || c->held || (c->n_saved && !same_ref(&s->to, &c->step.to)))
        flush_chain(c);
    c->step = *s;
    snprintf(c->place, sizeof(c->place), "%s", place);
    c->held = true;
    if (!restores)
        flush_chain(c);
}

/* The chain; s is its last step. */
static struct odb_err *follow(struct query *q, struct origin *o, struct origin_ref at, uint64_t max,
                              uint64_t depth, struct origin_step *s)
{
    struct chain c = {.q = q};
    for (uint64_t i = 0; c.n_lines + c.held < max && i < STEPS_MAX; i++) {
        char place[256];
        ODB_TRY(origin_back(o, &at, s));
        ODB_TRY(spot(q, s, place, sizeof(place)));
        if (q->json)
            step_json(s, place, !i);
        else
            add_to_chain(&c, s, place);
        c.n_lines += q->json;
        bool on = s->kind == ORIGIN_MADE && s->go_on >= 0 && depth;
        if (!on && s->kind != ORIGIN_COPY)
            break;
        depth -= on;
        at = s->from[on ? s->go_on : 0];
    }
    flush_chain(&c);
    return NULL;
}

struct odb_err *answer_why(struct query *q)
{
    __attribute__((cleanup(origin_destroyp))) struct origin *o = NULL;
    uint64_t t = 0, max = STEPS_DEFAULT, depth = 0;
    struct origin_ref at;
    struct origin_step s = {0};
    char name[64];
    ODB_TRY(query_parse_t(q, "--at", q->a->at, &t));
    if (q->a->max)
        ODB_TRY(query_parse_count("--max", q->a->max, STEPS_MAX, &max));
    ODB_TRY(query_parse_index("--depth", q->a->depth, STEPS_MAX, &depth));
    ODB_TRY(parse_what(q, t, &at));
    ODB_TRY(origin_create(q->db, &o));
    ODB_TRY(origin_read(o, &at));
    if (!at.known)
        return odb_err("nothing is mapped at 0x%llx at t %llu: 'odb query maps --at %llu' shows what is",
                       ULL(at.addr), ULL(t), ULL(t));
    ref_text(&at, name, sizeof(name));
    if (q->json) {
        printf("{\"t\":%llu,\"what\":", ULL(t));
        json_ref(&at);
        fputs(",\"steps\":[", stdout);
    } else {
        printf("why %s = ", name);
        value_text(stdout, &at);
        printf(" at t %llu\n", ULL(t));
    }
    ODB_TRY(follow(q, o, at, max, depth, &s));
    if (q->json)
        printf("],\n\"end\":\"%s\"}\n", origin_kind_name(s.kind));
    else
        show_end(q, &s);
    return NULL;
}
