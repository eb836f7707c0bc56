/* $rax and the other registers, with the types that gdb gives them. */
#include <stdlib.h>
#include <string.h>

#include "symbols/eval.h"

static const char *const names[16] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                      "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
static const char *const names32[8] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};
static const char *const names16[8] = {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di"};
static const char *const names8[8] = {"al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil"};
static const char *const names8h[4] = {"ah", "ch", "dh", "bh"};

static int index_of(const char *const *table, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (strcmp(table[i], name) == 0)
            return i;
    return -1;
}

/* "rax", "eax", "ax", "al", "ah", "r8d", ...: which register, which bytes. */
static bool find_gpr(const char *name, int *ret, unsigned *ret_bytes, unsigned *ret_shift)
{
    *ret_shift = 0;
    *ret_bytes = 8;
    if (strcmp(name, "sp") == 0)
        return *ret = ODB_RSP, true;
    if (strcmp(name, "fp") == 0)
        return *ret = ODB_RBP, true;
    if ((*ret = index_of(names, 16, name)) >= 0)
        return true;
    *ret_bytes = 4;
    if ((*ret = index_of(names32, 8, name)) >= 0)
        return true;
    *ret_bytes = 2;
    if ((*ret = index_of(names16, 8, name)) >= 0)
        return true;
    *ret_bytes = 1;
    if ((*ret = index_of(names8, 8, name)) >= 0)
        return true;
    *ret_shift = 8;
    if ((*ret = index_of(names8h, 4, name)) >= 0)
        return true;
    *ret_shift = 0;
    if (name[0] == 'r' && name[1] >= '0' && name[1] <= '9') {
        char *end;
        long n = strtol(name + 1, &end, 10);
        *ret = (int)n;
        *ret_bytes = *end == 'd' ? 4 : *end == 'w' ? 2 : 1;
        return n >= 8 && n < 16 && (*end == 'd' || *end == 'w' || *end == 'l') && !end[1];
    }
    return false;
}

static const struct sym_type *gpr_type(struct eval *e, int reg, unsigned n_bytes)
{
    if (n_bytes == 8 && (reg == ODB_RSP || reg == ODB_RBP))
        return type_pointer_to(e->s, type_own(OWN_VOID));
    switch (n_bytes) {
    case 8: return type_own(OWN_INT64);
    case 4: return type_own(OWN_INT32);
    case 2: return type_own(OWN_INT16);
    default: return type_own(OWN_INT8);
    }
}

/* The union that gdb makes of a vector register. */
static const struct sym_type *vector_type(struct eval *e, unsigned n_bytes)
{
    static const struct {
        const char *name;
        enum own_type element;
    } parts[] = {{"bfloat16", OWN_BFLOAT16}, {"half", OWN_HALF},   {"float", OWN_FLOAT},
                 {"double", OWN_DOUBLE},     {"int8", OWN_INT8},   {"int16", OWN_INT16},
                 {"int32", OWN_INT32},       {"int64", OWN_INT64}, {"int128", OWN_UINT128}};
    const size_t n = sizeof(parts) / sizeof(*parts);
    struct sym_type *u = arena_alloc(&e->s->arena, sizeof(*u));
    struct type_member *members = arena_alloc(&e->s->arena, n * sizeof(*members));
    for (size_t i = 0; i < n; i++) {
        const struct sym_type *of = type_own(parts[i].element);
        unsigned count = n_bytes / (unsigned)of->n_bytes;
        if (count == 1) {
            members[i] = (struct type_member){.name = "uint128", .type = of};
            continue;
        }
        struct sym_type *array = arena_alloc(&e->s->arena, sizeof(*array));
        *array = (struct sym_type){.kind = TYPE_ARRAY,
                                   .n_bytes = n_bytes,
                                   .target = of,
                                   .n_elements = count,
                                   .has_elements = true,
                                   .is_vector = true};
        members[i] = (struct type_member){.name = sym_intern_printf(e->s, "v%u_%s", count, parts[i].name),
                                          .type = array};
    }
    *u = (struct sym_type){.kind = TYPE_UNION,
                           .name = n_bytes == 16 ? "vec128" : "vec256",
                           .n_bytes = n_bytes,
                           .members = members,
                           .n_members = n,
                           .members_done = true};
    return u;
}

/* Shown as "[ ZF PF ]". */
static const struct sym_type *flags_type(struct eval *e)
{
    static const char *const bits[] = {"CF", "", "PF", "",   "AF", "",   "ZF", "SF", "TF",  "IF",  "DF",
                                       "OF", "", "",   "NT", "",   "RF", "VM", "AC", "VIF", "VIP", "ID"};
    const size_t n = sizeof(bits) / sizeof(*bits);
    struct sym_type *t = arena_alloc(&e->s->arena, sizeof(*t));
    *t = (struct sym_type){
        .kind = TYPE_INT, .name = "i386_eflags", .n_bytes = 4, .is_flags = true, .is_signed = true};
    t->enumerators = arena_alloc(&e->s->arena, n * sizeof(*t->enumerators));
    for (size_t i = 0; i < n; i++)
        t->enumerators[t->n_enumerators++] = (struct type_enumerator){bits[i], (int64_t)1 << i};
    return t;
}

static struct odb_err *vector(struct eval *e, const char *name, struct sym_value *ret)
{
    char *end;
    long n = strtol(name + 3, &end, 10);
    uint8_t bytes[64];
    unsigned n_bytes = name[0] == 'y' ? 32 : 16;
    if (*end || end == name + 3 || n < 0 || n > 15)
        return odb_err("there is no register $%s", name);
    if (!location_register(&e->scopes.ctx, 17 + (unsigned)n, bytes))
        return odb_err("$%s is not known in this frame", name);
    value_of_bytes(ret, vector_type(e, n_bytes), bytes, n_bytes);
    return NULL;
}

struct odb_err *eval_register(struct eval *e, const char *name, struct sym_value *ret)
{
    const struct sym_frame *f = e->scopes.ctx.frame;
    const struct sym_view *view = &e->s->view;
    int reg;
    unsigned n_bytes, shift;
    if (find_gpr(name, &reg, &n_bytes, &shift)) {
        if (f && !(f->known >> reg & 1))
            return odb_err("$%s is not known in this frame", name);
        uint64_t x = f ? f->gpr[reg] : view->gpr[reg];
        value_of_int(ret, gpr_type(e, reg, n_bytes), x >> shift);
        return NULL;
    }
    if (strcmp(name, "rip") == 0 || strcmp(name, "pc") == 0) {
        struct sym_type *code = arena_alloc(&e->s->arena, sizeof(*code));
        *code = (struct sym_type){.kind = TYPE_FUNCTION, .target = type_own(OWN_VOID), .n_bytes = 1};
        value_of_int(ret, type_pointer_to(e->s, code), f ? f->pc : view->rip);
        return NULL;
    }
    if (strcmp(name, "eflags") == 0 || strcmp(name, "rflags") == 0) {
        value_of_int(ret, flags_type(e), view->rflags & 0xffffffff);
        return NULL;
    }
    if (strcmp(name, "fs_base") == 0 || strcmp(name, "gs_base") == 0) {
        value_of_int(ret, type_own(OWN_LONG), name[0] == 'f' ? view->fs_base : view->gs_base);
        return NULL;
    }
    if (strncmp(name, "xmm", 3) == 0 || strncmp(name, "ymm", 3) == 0)
        return vector(e, name, ret);
    return odb_err("there is no register $%s", name);
}
