/* Location expressions: a stack machine over registers of a frame and memory of the view.
 *
 * The result is a list of places (one, or pieces); from it a value is put together. What cannot be known (a
 * register that the unwinder lost, an operation that we do not have) makes a piece optimized out, never a
 * guess. */
#include <dwarf.h>
#include <string.h>

#include "symbols/location_ops.h"

#define MAX_STACK 64
#define MAX_STEPS 10000

struct machine {
    const struct loc_ctx *c;
    Dwarf_Attribute *attr;
    struct loc_entry stack[MAX_STACK];
    size_t n;
    struct loc_place place; /* set by an operation that says where: kind not LOC_EMPTY */
    bool is_value;          /* DW_OP_stack_value was seen */
    struct loc_result *result;
};

static bool push_entry(struct machine *k, struct loc_entry e)
{
    if (k->n == MAX_STACK)
        return false;
    k->stack[k->n++] = e;
    return true;
}

static bool push(struct machine *k, uint64_t u) { return push_entry(k, (struct loc_entry){.u = u}); }

/* DWARF's numbers 0-15 to the order of the encoding. */
static const uint8_t gpr_of_dwarf[16] = {
    ODB_RAX, ODB_RDX, ODB_RCX, ODB_RBX, ODB_RSI, ODB_RDI, ODB_RBP, ODB_RSP, 8, 9, 10, 11, 12, 13, 14, 15};

size_t location_register(const struct loc_ctx *c, unsigned number, uint8_t bytes[64])
{
    const struct sym_frame *f = c->frame;
    const struct sym_view *view = &c->s->view;
    if (number < 16) {
        unsigned gpr = gpr_of_dwarf[number];
        if (f && !(f->known >> gpr & 1))
            return 0;
        memcpy(bytes, f ? &f->gpr[gpr] : &view->gpr[gpr], 8);
        return 8;
    }
    if (number == 16) {
        memcpy(bytes, f ? &f->pc : &view->rip, 8);
        return 8;
    }
    if (number >= 17 && number < 33 && (!f || f->how == SYM_FRAME_INNERMOST)) {
        memcpy(bytes, view->vec[number - 17], 64);
        return 64;
    }
    if (number == 49 || number == 58 || number == 59) {
        memcpy(bytes, number == 49 ? &view->rflags : number == 58 ? &view->fs_base : &view->gs_base, 8);
        return 8;
    }
    return 0;
}

static bool register_word(const struct loc_ctx *c, unsigned number, uint64_t *ret)
{
    uint8_t bytes[64];
    if (location_register(c, number, bytes) < 8)
        return false;
    memcpy(ret, bytes, 8);
    return true;
}

/* ---- operations with operands of their own ---- */

static const struct sym_type *op_type(struct machine *k, const Dwarf_Op *op)
{
    Dwarf_Die die;
    if (dwarf_getlocation_die(k->attr, op, &die) != 0)
        return NULL;
    return type_strip(k->c->s, type_from_die(k->c->s, k->c->module, &die));
}

static bool frame_base(const struct loc_ctx *c, uint64_t *ret)
{
    Dwarf_Attribute at;
    Dwarf_Op *ops;
    size_t n;
    struct loc_result r;
    if (!c->function || !c->frame || c->depth > 8 || !die_attr(c->function, DW_AT_frame_base, &at) ||
        dwarf_getlocation_addr(&at, c->frame->lookup_pc - c->bias, &ops, &n, 1) != 1)
        return false;
    struct loc_ctx inner = *c;
    inner.depth++;
    if (!location_run(&inner, &at, ops, n, NULL, &r) || r.n != 1)
        return false;
    if (r.places[0].kind == LOC_REGISTER)
        return register_word(c, r.places[0].reg, ret);
    *ret = r.places[0].kind == LOC_VALUE ? r.places[0].value.u : r.places[0].addr;
    return r.places[0].kind == LOC_MEMORY || r.places[0].kind == LOC_VALUE;
}

static bool push_memory(struct machine *k, uint64_t n_bytes, const struct sym_type *t)
{
    uint8_t bytes[16] = {0};
    if (!k->n || n_bytes > 16 || !sym_read(k->c->s, k->stack[k->n - 1].u, bytes, n_bytes))
        return false;
    struct loc_entry e = {0};
    memcpy(&e.u, bytes, 8);
    if (t) {
        if (t->kind == TYPE_FLOAT) {
            struct sym_value v = {.type = t, .bytes = bytes, .n_bytes = n_bytes};
            _cleanup_err_ struct odb_err *err = value_float(k->c->s, &v, &e.f);
            if (err)
                return false;
        }
        e.is_float = t->kind == TYPE_FLOAT;
        e.is_signed = t->is_signed;
        e.n_bytes = (uint8_t)n_bytes;
    }
    k->stack[k->n - 1] = e;
    return true;
}

static bool push_typed_register(struct machine *k, const Dwarf_Op *op)
{
    uint8_t bytes[64];
    const struct sym_type *t = op_type(k, op);
    if (!t || !location_register(k->c, (unsigned)op->number, bytes))
        return false;
    struct loc_entry e = {
        .is_float = t->kind == TYPE_FLOAT, .is_signed = t->is_signed, .n_bytes = (uint8_t)t->n_bytes};
    struct sym_value v = {.type = t, .bytes = bytes, .n_bytes = t->n_bytes};
    memcpy(&e.u, bytes, 8);
    _cleanup_err_ struct odb_err *err = e.is_float ? value_float(k->c->s, &v, &e.f) : NULL;
    if (!e.is_float && t->n_bytes < 8)
        e.u &= (1ULL << (t->n_bytes * 8)) - 1;
    return !err && push_entry(k, e);
}

static bool push_typed_constant(struct machine *k, const Dwarf_Op *op)
{
    Dwarf_Attribute at;
    Dwarf_Block block;
    uint8_t bytes[16] = {0};
    const struct sym_type *t = op_type(k, op);
    if (!t || dwarf_getlocation_attr(k->attr, op, &at) != 0 || dwarf_formblock(&at, &block) != 0 ||
        block.length > 16)
        return false;
    memcpy(bytes, block.data, block.length);
    struct loc_entry e = {0};
    memcpy(&e.u, bytes, 8);
    location_convert(&e, t, true);
    return push_entry(k, e);
}

static bool push_entry_value(struct machine *k, const Dwarf_Op *op)
{
    Dwarf_Attribute at;
    Dwarf_Op *ops;
    size_t n;
    uint64_t value;
    if (dwarf_getlocation_attr(k->attr, op, &at) != 0 || dwarf_getlocation(&at, &ops, &n) != 0 || n != 1)
        return false;
    unsigned reg = ops[0].atom == DW_OP_regx ? (unsigned)ops[0].number : ops[0].atom - (unsigned)DW_OP_reg0;
    return reg < 33 && location_entry_value(k->c, reg, &value) && push(k, value);
}

static bool push_index(struct machine *k, const Dwarf_Op *op, bool is_address)
{
    Dwarf_Attribute at;
    Dwarf_Addr addr;
    Dwarf_Word word;
    if (dwarf_getlocation_attr(k->attr, op, &at) != 0)
        return false;
    if (dwarf_formaddr(&at, &addr) == 0)
        return push(k, addr + (is_address ? k->c->bias : 0));
    return dwarf_formudata(&at, &word) == 0 && push(k, word);
}

static bool call(struct machine *k, const Dwarf_Op *op)
{
    Dwarf_Attribute at;
    Dwarf_Op *ops;
    size_t n;
    struct loc_result r;
    if (k->c->depth > 8 || dwarf_getlocation_attr(k->attr, op, &at) != 0 ||
        dwarf_getlocation(&at, &ops, &n) != 0)
        return false;
    struct loc_ctx inner = *k->c;
    inner.depth++;
    if (!location_run(&inner, &at, ops, n, NULL, &r) || r.n != 1 || r.places[0].kind != LOC_MEMORY)
        return false;
    return push(k, r.places[0].addr);
}

static bool push_variable(struct machine *k, const Dwarf_Op *op)
{
    Dwarf_Die die;
    _cleanup_value_ struct sym_value v = {0};
    __int128 x;
    struct loc_ctx inner = *k->c;
    if (++inner.depth > 8 || dwarf_getlocation_die(k->attr, op, &die) != 0)
        return false;
    _cleanup_err_ struct odb_err *e =
        location_value(&inner, &die, type_of_die(k->c->s, k->c->module, &die), &v);
    if (!e)
        e = value_int(k->c->s, &v, &x);
    return !e && push(k, (uint64_t)x);
}

static bool tls_address(struct machine *k)
{
    gaddr addr;
    if (!k->n || !module_tls_address(k->c->s, k->c->module, k->c->bias, k->stack[k->n - 1].u, &addr))
        return false;
    k->stack[k->n - 1] = (struct loc_entry){.u = addr};
    return true;
}

/* ---- one operation ---- */

static bool stack_op(struct machine *k, const Dwarf_Op *op)
{
    struct loc_entry e;
    switch (op->atom) {
    case DW_OP_dup: return k->n && push_entry(k, k->stack[k->n - 1]);
    case DW_OP_drop: return k->n && (k->n--, true);
    case DW_OP_over: return k->n > 1 && push_entry(k, k->stack[k->n - 2]);
    case DW_OP_pick: return op->number < k->n && push_entry(k, k->stack[k->n - 1 - op->number]);
    case DW_OP_swap:
        if (k->n < 2)
            return false;
        e = k->stack[k->n - 1];
        k->stack[k->n - 1] = k->stack[k->n - 2];
        k->stack[k->n - 2] = e;
        return true;
    case DW_OP_rot:
        if (k->n < 3)
            return false;
        e = k->stack[k->n - 1];
        k->stack[k->n - 1] = k->stack[k->n - 2];
        k->stack[k->n - 2] = k->stack[k->n - 3];
        k->stack[k->n - 3] = e;
        return true;
    case DW_OP_plus_uconst:
        if (!k->n)
            return false;
        k->stack[k->n - 1].u += op->number;
        return true;
    case DW_OP_neg:
    case DW_OP_not:
    case DW_OP_abs: return k->n && location_unary(op->atom, &k->stack[k->n - 1]);
    default:
        if (k->n < 2 || !location_binary(op->atom, &k->stack[k->n - 2], &k->stack[k->n - 1], &e))
            return false;
        k->n--;
        k->stack[k->n - 1] = e;
        return true;
    }
}

static bool implicit_op(struct machine *k, const Dwarf_Op *op)
{
    if (op->atom == DW_OP_implicit_value) {
        Dwarf_Block block;
        if (dwarf_getlocation_implicit_value(k->attr, op, &block) != 0)
            return false;
        k->place = (struct loc_place){.kind = LOC_BYTES, .bytes = block.data, .n_bytes = block.length};
        return true;
    }
    k->place = (struct loc_place){.kind = LOC_IMPLICIT, .offset = (int64_t)op->number2};
    return dwarf_getlocation_die(k->attr, op, &k->place.die) == 0;
}

static bool typed_op(struct machine *k, const Dwarf_Op *op)
{
    switch (op->atom) {
    case DW_OP_deref_type:
    case DW_OP_GNU_deref_type: return push_memory(k, op->number, op_type(k, op));
    case DW_OP_regval_type:
    case DW_OP_GNU_regval_type: return push_typed_register(k, op);
    case DW_OP_const_type:
    case DW_OP_GNU_const_type: return push_typed_constant(k, op);
    default:
        if (!k->n)
            return false;
        location_convert(&k->stack[k->n - 1], op->number ? op_type(k, op) : NULL,
                         op->atom == DW_OP_reinterpret || op->atom == DW_OP_GNU_reinterpret);
        return true;
    }
}

static bool one_op(struct machine *k, const Dwarf_Op *op)
{
    uint64_t u;
    unsigned atom = op->atom;
    if (atom >= DW_OP_lit0 && atom <= DW_OP_lit31)
        return push(k, atom - DW_OP_lit0);
    if (atom >= DW_OP_breg0 && atom <= DW_OP_breg31)
        return register_word(k->c, atom - DW_OP_breg0, &u) && push(k, u + op->number);
    if ((atom >= DW_OP_reg0 && atom <= DW_OP_reg31) || atom == DW_OP_regx) {
        k->place = (struct loc_place){.kind = LOC_REGISTER,
                                      .reg = atom == DW_OP_regx ? (unsigned)op->number : atom - DW_OP_reg0};
        return true;
    }
    switch (atom) {
    case DW_OP_addr: return push(k, op->number + k->c->bias);
    case DW_OP_addrx:
    case DW_OP_GNU_addr_index: return push_index(k, op, true);
    case DW_OP_constx:
    case DW_OP_GNU_const_index: return push_index(k, op, false);
    case DW_OP_const1u:
    case DW_OP_const2u:
    case DW_OP_const4u:
    case DW_OP_const8u:
    case DW_OP_constu:
    case DW_OP_const1s:
    case DW_OP_const2s:
    case DW_OP_const4s:
    case DW_OP_const8s:
    case DW_OP_consts: return push(k, op->number);
    case DW_OP_bregx: return register_word(k->c, (unsigned)op->number, &u) && push(k, u + op->number2);
    case DW_OP_fbreg: return frame_base(k->c, &u) && push(k, u + op->number);
    case DW_OP_call_frame_cfa: return k->c->frame && k->c->frame->cfa && push(k, k->c->frame->cfa);
    case DW_OP_deref: return push_memory(k, 8, NULL);
    case DW_OP_deref_size: return push_memory(k, op->number < 8 ? op->number : 8, NULL);
    case DW_OP_push_object_address: return push(k, k->c->object);
    case DW_OP_form_tls_address:
    case DW_OP_GNU_push_tls_address: return tls_address(k);
    case DW_OP_entry_value:
    case DW_OP_GNU_entry_value: return push_entry_value(k, op);
    case DW_OP_call2:
    case DW_OP_call4:
    case DW_OP_call_ref: return call(k, op);
    case DW_OP_GNU_variable_value: return push_variable(k, op);
    case DW_OP_implicit_value:
    case DW_OP_implicit_pointer:
    case DW_OP_GNU_implicit_pointer: return implicit_op(k, op);
    case DW_OP_stack_value: k->is_value = true; return k->n > 0;
    case DW_OP_nop:
    case DW_OP_GNU_uninit: return true;
    case DW_OP_deref_type:
    case DW_OP_GNU_deref_type:
    case DW_OP_regval_type:
    case DW_OP_GNU_regval_type:
    case DW_OP_const_type:
    case DW_OP_GNU_const_type:
    case DW_OP_convert:
    case DW_OP_GNU_convert:
    case DW_OP_reinterpret:
    case DW_OP_GNU_reinterpret: return typed_op(k, op);
    default: return stack_op(k, op);
    }
}

/* Ends a location: what the operations so far say. */
static struct loc_place take_place(struct machine *k)
{
    struct loc_place p = k->place;
    if (p.kind == LOC_EMPTY && k->n) {
        struct loc_entry top = k->stack[k->n - 1];
        p = k->is_value ? (struct loc_place){.kind = LOC_VALUE, .value = top}
                        : (struct loc_place){.kind = LOC_MEMORY, .addr = top.u};
    }
    k->place = (struct loc_place){0};
    k->is_value = false;
    k->n = 0;
    return p;
}

static bool jump(struct machine *k, const Dwarf_Op *ops, size_t n, size_t *at)
{
    const Dwarf_Op *op = &ops[*at];
    if (op->atom == DW_OP_bra && (!k->n || !k->stack[--k->n].u)) {
        ++*at;
        return true;
    }
    uint64_t target = op->offset + 3 + (uint64_t)(int64_t)(int16_t)op->number;
    for (size_t i = 0; i < n; i++) {
        if (ops[i].offset == target) {
            *at = i;
            return true;
        }
    }
    *at = n;
    return target > ops[n - 1].offset;
}

bool location_run(const struct loc_ctx *c, Dwarf_Attribute *attr, const Dwarf_Op *ops, size_t n,
                  const uint64_t *initial, struct loc_result *ret)
{
    struct machine k = {.c = c, .attr = attr, .result = ret};
    bool lost = false; /* within this piece */
    ret->n = 0;
    ret->is_pieces = false;
    if (initial)
        push(&k, *initial);
    for (size_t i = 0, steps = 0; i < n; steps++) {
        if (steps > MAX_STEPS)
            return false;
        if (ops[i].atom == DW_OP_skip || ops[i].atom == DW_OP_bra) {
            if (!jump(&k, ops, n, &i))
                return false;
            continue;
        }
        if (ops[i].atom == DW_OP_piece || ops[i].atom == DW_OP_bit_piece) {
            if (ret->n == LOC_MAX_PIECES)
                return false;
            ret->is_pieces = true;
            ret->n_bits[ret->n] = (uint32_t)(ops[i].number * (ops[i].atom == DW_OP_piece ? 8 : 1));
            ret->bit_offset[ret->n] = ops[i].atom == DW_OP_piece ? 0 : (uint32_t)ops[i].number2;
            struct loc_place p = take_place(&k);
            ret->places[ret->n++] = lost ? (struct loc_place){0} : p;
            lost = false;
        } else if (!lost && !one_op(&k, &ops[i])) {
            lost = true;
        }
        i++;
    }
    if (!ret->is_pieces) {
        ret->places[0] = lost ? (struct loc_place){0} : take_place(&k);
        ret->n = 1;
    }
    return true;
}
