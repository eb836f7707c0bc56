/* What functions take and give, by the System V convention of x86-64 (psABI 3.2.3).
 *
 * The classification decides: each eightbyte of at most two is INTEGER or SSE, all else is in memory.
 * Clones, whose parameters are others, and languages with conventions of their own (Go, Rust) are asked by
 * DWARF's locations at the entry; those of gcc for C are not used, since they may already tell what the
 * first statement will have assigned. */
#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "symbols/type.h"

enum class { CLASS_NONE, CLASS_INTEGER, CLASS_SSE, CLASS_SSEUP, CLASS_X87, CLASS_MEMORY };

struct classes {
    enum class of[8]; /* by eightbyte */
};

static void merge(struct classes *c, uint64_t at, enum class what)
{
    enum class *to = &c->of[at / 8 < 8 ? at / 8 : 7];
    if (*to == CLASS_NONE || what == CLASS_MEMORY || (what == CLASS_INTEGER && *to != CLASS_MEMORY))
        *to = what;
}

static void classify(struct symbols *s, const struct sym_type *type, uint64_t at, struct classes *c,
                     int depth)
{
    const struct sym_type *t = type_strip(s, type);
    if (depth > 16 || at >= 64)
        return;
    switch (t->kind) {
    case TYPE_FLOAT:
        merge(c, at, t->n_bytes > 8 ? CLASS_X87 : CLASS_SSE);
        if (t->n_bytes > 8)
            merge(c, at + 8, CLASS_X87);
        break;
    case TYPE_COMPLEX:
        if (t->n_bytes > 16) {
            c->of[0] = CLASS_MEMORY;
            break;
        }
        merge(c, at, CLASS_SSE);
        if (t->n_bytes > 8)
            merge(c, at + 8, CLASS_SSE);
        break;
    case TYPE_ARRAY:
        if (t->is_vector) {
            merge(c, at, CLASS_SSE);
            for (uint64_t i = 8; i < t->n_bytes; i += 8)
                merge(c, at + i, CLASS_SSEUP);
            break;
        }
        for (uint64_t i = 0; t->target && i < t->n_elements && i < 64; i++)
            classify(s, t->target, at + i * type_strip(s, t->target)->n_bytes, c, depth + 1);
        break;
    case TYPE_STRUCT:
    case TYPE_UNION:
        type_read_members(s, t);
        for (size_t i = 0; i < t->n_members; i++)
            if (!t->members[i].is_static)
                classify(s, t->members[i].type, at + t->members[i].bit_offset / 8, c, depth + 1);
        break;
    case TYPE_VOID: break;
    default:
        merge(c, at, CLASS_INTEGER);
        if (t->n_bytes > 8)
            merge(c, at + 8, CLASS_INTEGER);
        break;
    }
}

/* A class with a copy constructor and the like goes by a hidden pointer. */
static bool by_reference(const struct sym_type *t)
{
    Dwarf_Die die = t->die;
    uint64_t how = 0;
    return t->module && (t->kind == TYPE_STRUCT || t->kind == TYPE_UNION) &&
           die_uint(&die, DW_AT_calling_convention, &how) && how == DW_CC_pass_by_reference;
}

/* false: in memory. */
static bool in_registers(struct symbols *s, const struct sym_type *t, struct classes *c)
{
    *c = (struct classes){0};
    classify(s, t, 0, c, 0);
    if (t->n_bytes > 64 ||
        (t->n_bytes > 16 && (c->of[0] != CLASS_SSE || c->of[1] != CLASS_SSEUP || c->of[2] != CLASS_SSEUP)))
        return false;
    for (size_t i = 0; i < (t->n_bytes + 7) / 8; i++)
        if (c->of[i] == CLASS_MEMORY)
            return false;
    return true;
}

struct call {
    const uint8_t *ints; /* gprs to be used, in order */
    size_t n_ints, n_sses;
    size_t next_int, next_sse;
    gaddr stack; /* next argument on the stack */
};

static void take_registers(struct symbols *s, struct call *call, const struct classes *c, size_t n,
                           uint8_t *bytes)
{
    for (size_t i = 0; i * 8 < n; i++) {
        size_t part = n - i * 8 < 8 ? n - i * 8 : 8;
        if (c->of[i] == CLASS_INTEGER && call->next_int < call->n_ints)
            memcpy(bytes + i * 8, &s->view.gpr[call->ints[call->next_int++]], part);
        else if (c->of[i] == CLASS_SSE && call->next_sse < call->n_sses)
            memcpy(bytes + i * 8, s->view.vec[call->next_sse++], part);
        else if (c->of[i] == CLASS_SSEUP && call->next_sse)
            memcpy(bytes + i * 8, s->view.vec[call->next_sse - 1] + i * 8, part);
    }
}

static bool fits(const struct call *call, const struct classes *c, size_t n)
{
    size_t ints = call->next_int, sses = call->next_sse;
    for (size_t i = 0; i * 8 < n; i++) {
        ints += c->of[i] == CLASS_INTEGER;
        sses += c->of[i] == CLASS_SSE;
        if (c->of[i] == CLASS_X87)
            return false;
    }
    return ints <= call->n_ints && sses <= call->n_sses;
}

static void take_argument(struct symbols *s, struct call *call, const struct sym_type *type,
                          struct sym_value *ret)
{
    const struct sym_type *t = type_strip(s, type);
    struct classes c;
    size_t n = (size_t)t->n_bytes;
    if (by_reference(t)) {
        gaddr addr = 0;
        if (call->next_int < call->n_ints)
            addr = s->view.gpr[call->ints[call->next_int++]];
        else if (sym_read(s, call->stack, &addr, 8))
            call->stack += 8;
        value_at(ret, type, addr);
        return;
    }
    if (in_registers(s, t, &c) && fits(call, &c, n)) {
        uint8_t bytes[64] = {0};
        take_registers(s, call, &c, n, bytes);
        value_of_bytes(ret, type, bytes, n);
        return;
    }
    if (t->kind == TYPE_FLOAT && n == 16)
        call->stack = (call->stack + 15) & ~15ULL;
    value_at(ret, type, call->stack);
    call->stack += (n + 7) & ~(size_t)7;
}

/* ---- the function ---- */

static struct odb_err *function_at(struct symbols *s, gaddr addr, struct loc_ctx *c, Dwarf_Die *ret,
                                   bool *ret_found)
{
    struct module *m;
    *c = (struct loc_ctx){.s = s};
    *ret_found = false;
    ODB_TRY(sym_module_at(s, addr, &m, &c->bias));
    struct cu *cu = m ? module_cu_at(s, m, addr - c->bias) : NULL;
    const struct cu_function *f = cu ? cu_function_at(s, cu, addr - c->bias) : NULL;
    if (!f)
        return NULL;
    c->module = m;
    c->cu = cu;
    *ret = f->die;
    *ret_found = true;
    return NULL;
}

static const struct sym_type *result_type(struct symbols *s, struct loc_ctx *c, Dwarf_Die *die)
{
    return type_of_die(s, c->module, die);
}

static bool result_in_memory(struct symbols *s, const struct sym_type *result)
{
    struct classes c;
    const struct sym_type *t = type_strip(s, result);
    return t->kind != TYPE_VOID && (by_reference(t) || !in_registers(s, t, &c));
}

/* ".constprop" and ".isra" bodies take other arguments than the source says. */
static bool is_clone(struct symbols *s, struct loc_ctx *c, gaddr function)
{
    const struct elf_symbol *sym = module_symbol_at(s, c->module, function - c->bias);
    return sym &&
           (strstr(sym->name, ".constprop") || strstr(sym->name, ".isra") || strstr(sym->name, ".part"));
}

/* The parameter of this body that an abstract one stands for; itself where there is none. */
static bool concrete(Dwarf_Die *function, const Dwarf_Die *abstract, Dwarf_Die *ret)
{
    Dwarf_Die at, origin;
    Dwarf_Attribute attr;
    for (int got = dwarf_child(function, &at); got == 0; got = dwarf_siblingof(&at, &at)) {
        if (dwarf_tag(&at) == DW_TAG_formal_parameter && dwarf_attr(&at, DW_AT_abstract_origin, &attr) &&
            dwarf_formref_die(&attr, &origin) && origin.addr == abstract->addr) {
            *ret = at;
            return true;
        }
    }
    *ret = *abstract;
    return false;
}

struct arguments {
    struct sym_variable *vars; /* owned */
    size_t n;
};

/* One argument: its place in registers is taken whether or not DWARF knows better. */
static struct odb_err *add_argument(struct loc_ctx *c, struct call *call, Dwarf_Die *die, bool clone,
                                    struct arguments *ret)
{
    struct symbols *s = c->s;
    Dwarf_Attribute at;
    const char *name = die_name(die);
    const struct sym_type *type = type_of_die(s, c->module, die);
    struct sym_value by_abi, by_location;
    take_argument(s, call, type, &by_abi);
    bool own = clone || c->cu->lang == DW_LANG_Go || c->cu->lang == DW_LANG_Rust;
    if (own && (clone || (dwarf_attr(die, DW_AT_location, &at) && dwarf_whatform(&at) != DW_FORM_exprloc))) {
        ODB_TRY(location_value(c, die, type, &by_location));
        if (!by_location.optimized_out || clone) {
            symbols_value_deinit(&by_abi);
            by_abi = by_location;
        } else {
            symbols_value_deinit(&by_location);
        }
    }
    GROW(ret->vars, ret->n);
    struct sym_variable *v = &ret->vars[ret->n++];
    *v =
        (struct sym_variable){.name = name ? sym_intern(s, name) : "", .is_parameter = true, .value = by_abi};
    dwarf_decl_line(die, &v->line);
    odb_err_free(value_load(s, &v->value));
    return NULL;
}

struct odb_err *symbols_arguments(struct symbols *s, gaddr function, struct sym_variable **ret, size_t *ret_n,
                                  bool *ret_found)
{
    static const uint8_t ints[] = {ODB_RDI, ODB_RSI, ODB_RDX, ODB_RCX, ODB_R8, ODB_R9};
    struct loc_ctx c;
    Dwarf_Die die, list, at, param;
    Dwarf_Attribute attr;
    struct arguments all = {0};
    *ret = NULL;
    *ret_n = 0;
    ODB_TRY(function_at(s, function, &c, &die, ret_found));
    if (!*ret_found)
        return NULL;
    /* The frame as it is before the first instruction. */
    struct sym_frame frame = {.pc = function,
                              .lookup_pc = function,
                              .cfa = s->view.gpr[ODB_RSP] + 8,
                              .how = SYM_FRAME_INNERMOST,
                              .known = 0xffff};
    memcpy(frame.gpr, s->view.gpr, sizeof(frame.gpr));
    c.frame = &frame;
    c.function = &die;
    struct call call = {.ints = ints, .n_ints = 6, .n_sses = 8, .stack = s->view.gpr[ODB_RSP] + 8};
    call.next_int = result_in_memory(s, result_type(s, &c, &die)) ? 1 : 0;
    bool clone = is_clone(s, &c, function);
    bool has_origin = dwarf_attr(&die, DW_AT_abstract_origin, &attr) && dwarf_formref_die(&attr, &list);
    if (!has_origin)
        list = die;
    for (int got = dwarf_child(&list, &at); got == 0; got = dwarf_siblingof(&at, &at)) {
        /* Go's results are parameters, too. */
        if (dwarf_tag(&at) != DW_TAG_formal_parameter || die_flag(&at, DW_AT_variable_parameter))
            continue;
        param = at;
        if (has_origin)
            concrete(&die, &at, &param);
        struct odb_err *e = add_argument(&c, &call, &param, clone, &all);
        if (e) {
            symbols_variables_free(all.vars, all.n);
            return e;
        }
    }
    *ret = all.vars;
    *ret_n = all.n;
    return NULL;
}

struct odb_err *symbols_result(struct symbols *s, gaddr function, struct sym_value *ret, bool *ret_found)
{
    static const uint8_t ints[] = {ODB_RAX, ODB_RDX};
    struct loc_ctx c;
    Dwarf_Die die;
    struct classes classes;
    ODB_TRY(function_at(s, function, &c, &die, ret_found));
    if (!*ret_found)
        return NULL;
    const struct sym_type *type = result_type(s, &c, &die), *t = type_strip(s, type);
    *ret_found = t->kind != TYPE_VOID;
    if (!*ret_found)
        return NULL;
    if (result_in_memory(s, type)) {
        value_at(ret, type, s->view.gpr[ODB_RAX]);
        odb_err_free(value_load(s, ret));
        return NULL;
    }
    struct call call = {.ints = ints, .n_ints = 2, .n_sses = 2};
    uint8_t bytes[64] = {0};
    bool known = in_registers(s, t, &classes) && fits(&call, &classes, (size_t)t->n_bytes);
    if (known)
        take_registers(s, &call, &classes, (size_t)t->n_bytes, bytes);
    value_of_bytes(ret, type, bytes, (size_t)t->n_bytes < 64 ? (size_t)t->n_bytes : 64);
    /* long double comes in an x87 register, which views do not have. */
    ret->optimized_out = !known;
    return NULL;
}
