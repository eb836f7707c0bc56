/* Types out of DIEs. */
#include "symbols/type.h"

#include <dwarf.h>
#include <string.h>

/* ---- our own ---- */

#define OWN(k, n, bytes, sign)                                            \
    {                                                                     \
        .kind = (k), .name = (n), .n_bytes = (bytes), .is_signed = (sign) \
    }
static const struct sym_type own_types[OWN_N] = {
    [OWN_VOID] = OWN(TYPE_VOID, "void", 1, false),
    [OWN_CHAR] = OWN(TYPE_INT, "char", 1, true),
    [OWN_SCHAR] = OWN(TYPE_INT, "signed char", 1, true),
    [OWN_UCHAR] = OWN(TYPE_INT, "unsigned char", 1, false),
    [OWN_SHORT] = OWN(TYPE_INT, "short", 2, true),
    [OWN_USHORT] = OWN(TYPE_INT, "unsigned short", 2, false),
    [OWN_INT] = OWN(TYPE_INT, "int", 4, true),
    [OWN_UINT] = OWN(TYPE_INT, "unsigned int", 4, false),
    [OWN_LONG] = OWN(TYPE_INT, "long", 8, true),
    [OWN_ULONG] = OWN(TYPE_INT, "unsigned long", 8, false),
    [OWN_LONG_LONG] = OWN(TYPE_INT, "long long", 8, true),
    [OWN_ULONG_LONG] = OWN(TYPE_INT, "unsigned long long", 8, false),
    [OWN_INT128] = OWN(TYPE_INT, "__int128", 16, true),
    [OWN_UINT128] = OWN(TYPE_INT, "unsigned __int128", 16, false),
    [OWN_BOOL] = OWN(TYPE_BOOL, "bool", 1, false),
    [OWN_FLOAT] = OWN(TYPE_FLOAT, "float", 4, true),
    [OWN_DOUBLE] = OWN(TYPE_FLOAT, "double", 8, true),
    [OWN_LONG_DOUBLE] = OWN(TYPE_FLOAT, "long double", 16, true),
    [OWN_CODE] = {.kind = TYPE_FUNCTION, .name = "<text variable, no debug info>", .n_bytes = 1},
    [OWN_DATA] = {.kind = TYPE_UNSPECIFIED, .name = "<data variable, no debug info>", .n_bytes = 4},
    [OWN_INT8] = {.kind = TYPE_INT, .name = "int8_t", .n_bytes = 1, .is_signed = true, .is_number = true},
    [OWN_INT16] = OWN(TYPE_INT, "int16_t", 2, true),
    [OWN_INT32] = OWN(TYPE_INT, "int32_t", 4, true),
    [OWN_INT64] = OWN(TYPE_INT, "int64_t", 8, true),
    [OWN_HALF] = OWN(TYPE_FLOAT, "float16", 2, true),
    [OWN_BFLOAT16] = OWN(TYPE_FLOAT, "bfloat16", 2, false), /* not signed: tells it from float16 */
};

const struct sym_type *type_own(enum own_type which) { return &own_types[which]; }

/* ---- from DIEs ---- */

static void set_size(struct sym_type *t, Dwarf_Die *die)
{
    uint64_t n;
    Dwarf_Attribute at;
    if (dwarf_attr(die, DW_AT_byte_size, &at) && die_uint(die, DW_AT_byte_size, &n))
        t->n_bytes = n;
    else if (dwarf_attr(die, DW_AT_bit_size, &at) && die_uint(die, DW_AT_bit_size, &n))
        t->n_bytes = (n + 7) / 8;
}

static void set_base(struct sym_type *t, Dwarf_Die *die)
{
    uint64_t encoding = DW_ATE_signed;
    die_uint(die, DW_AT_encoding, &encoding);
    set_size(t, die);
    t->is_signed = true;
    switch (encoding) {
    case DW_ATE_boolean: t->kind = TYPE_BOOL, t->is_signed = false; break;
    case DW_ATE_complex_float:
    case DW_ATE_lo_user: t->kind = TYPE_COMPLEX; break;
    case DW_ATE_float: t->kind = TYPE_FLOAT; break;
    case DW_ATE_UTF: t->kind = TYPE_CHAR, t->is_signed = false; break;
    case DW_ATE_unsigned:
    case DW_ATE_address:
    case DW_ATE_unsigned_char: t->kind = TYPE_INT, t->is_signed = false; break;
    default: t->kind = TYPE_INT; break;
    }
    if (t->kind == TYPE_INT && t->n_bytes == 0)
        t->kind = TYPE_VOID; /* Rust's () */
}

/* "long int" and "long unsigned int" are long and unsigned long to gdb. */
static const char *canonical_name(const char *name)
{
    static const char *const table[][2] = {
        {"long int", "long"},
        {"short int", "short"},
        {"long unsigned int", "unsigned long"},
        {"short unsigned int", "unsigned short"},
        {"long long int", "long long"},
        {"long long unsigned int", "unsigned long long"},
        {"__int128 unsigned", "unsigned __int128"},
    };
    for (size_t i = 0; name && i < sizeof(table) / sizeof(*table); i++)
        if (strcmp(name, table[i][0]) == 0)
            return table[i][1];
    return name;
}

static void set_named(struct symbols *s, struct sym_type *t, Dwarf_Die *die, enum type_kind kind,
                      const char *keyword)
{
    t->kind = kind;
    t->name = cu_qualified_name(s, t->module, die);
    t->keyword = keyword;
    t->is_declaration = die_flag(die, DW_AT_declaration);
    set_size(t, die);
}

static void set_enum(struct symbols *s, struct sym_type *t, Dwarf_Die *die)
{
    Dwarf_Attribute at;
    set_named(s, t, die, TYPE_ENUM, "enum");
    /* Signed where an enumerator is negative, or where the type behind it says so. */
    if (dwarf_attr(die, DW_AT_type, &at))
        t->is_signed = type_strip(s, type_of_die(s, t->module, die))->is_signed;
}

/* One dimension of an array, the outermost first. */
static void set_bounds(struct sym_type *t, Dwarf_Die *range)
{
    uint64_t n = 0, low = 0;
    Dwarf_Attribute at;
    t->bound_die = *range;
    die_uint(range, DW_AT_lower_bound, &low);
    if (dwarf_attr(range, DW_AT_count, &at)) {
        t->has_elements = die_uint(range, DW_AT_count, &n);
        t->is_dynamic = !t->has_elements;
    } else if (dwarf_attr(range, DW_AT_upper_bound, &at)) {
        Dwarf_Sword upper;
        unsigned form = dwarf_whatform(&at);
        bool constant = form != DW_FORM_exprloc && form != DW_FORM_block1 && form != DW_FORM_ref4 &&
                        form != DW_FORM_ref_addr && form != DW_FORM_ref_udata && form != DW_FORM_ref8 &&
                        form != DW_FORM_ref1 && form != DW_FORM_ref2 && form != DW_FORM_loclistx &&
                        form != DW_FORM_sec_offset;
        if (constant && dwarf_formudata(&at, &n) == 0)
            t->has_elements = true, n = n + 1 - low;
        else if (constant && dwarf_formsdata(&at, &upper) == 0 && upper >= -1)
            t->has_elements = true, n = (uint64_t)(upper + 1) - low;
        /* -1 in some producers' unsigned form: an array without length. */
        if (t->has_elements && n > (UINT64_MAX >> 16))
            n = 0;
        t->is_dynamic = !constant;
    }
    t->n_elements = t->has_elements ? n : 0;
}

static void set_array(struct symbols *s, struct sym_type *t, Dwarf_Die *die)
{
    Dwarf_Die at;
    struct sym_type *dim = t;
    const struct sym_type *element = type_of_die(s, t->module, die);
    struct sym_type *dims[16];
    size_t n = 0;
    t->kind = TYPE_ARRAY;
    t->is_vector = die_flag(die, DW_AT_GNU_vector);
    for (int got = dwarf_child(die, &at); got == 0 && n < 16; got = dwarf_siblingof(&at, &at)) {
        if (dwarf_tag(&at) != DW_TAG_subrange_type && dwarf_tag(&at) != DW_TAG_enumeration_type)
            continue;
        if (n) {
            dim = arena_alloc(&s->arena, sizeof(*dim));
            dim->kind = TYPE_ARRAY;
            dim->module = t->module;
            dim->lang = t->lang;
        }
        set_bounds(dim, &at);
        dims[n++] = dim;
    }
    if (!n)
        dims[n++] = t;
    for (size_t i = n; i-- > 0;) {
        dims[i]->target = i + 1 < n ? dims[i + 1] : element;
        const struct sym_type *of = type_strip(s, dims[i]->target);
        dims[i]->is_dynamic |= of->kind == TYPE_ARRAY && of->is_dynamic;
        dims[i]->n_bytes = of->n_bytes * dims[i]->n_elements;
    }
    set_size(t, die);
}

static void set_pointer(struct symbols *s, struct sym_type *t, Dwarf_Die *die, enum type_kind kind)
{
    t->kind = kind;
    t->target = type_of_die(s, t->module, die);
    t->n_bytes = 8;
    set_size(t, die);
    /* Rust names its pointers: &str, *const u8. */
    if (t->lang == DW_LANG_Rust)
        t->name = cu_qualified_name(s, t->module, die);
}

static void set_member_pointer(struct symbols *s, struct sym_type *t, Dwarf_Die *die)
{
    Dwarf_Attribute at;
    Dwarf_Die of;
    set_pointer(s, t, die, TYPE_MEMBER_POINTER);
    if (type_strip(s, t->target)->kind == TYPE_FUNCTION)
        t->n_bytes = 16;
    if (dwarf_attr(die, DW_AT_containing_type, &at) && dwarf_formref_die(&at, &of))
        t->containing = type_from_die(s, t->module, &of);
}

static void set_around(struct symbols *s, struct sym_type *t, Dwarf_Die *die, enum type_kind kind)
{
    t->kind = kind;
    t->target = type_of_die(s, t->module, die);
    t->n_bytes = t->target->n_bytes;
}

static void set_type(struct symbols *s, struct sym_type *t, Dwarf_Die *die)
{
    bool cplus = lang_is_cplus(t->lang) || t->lang == DW_LANG_Rust || t->lang == DW_LANG_Go;
    switch (dwarf_tag(die)) {
    case DW_TAG_base_type:
        set_named(s, t, die, TYPE_INT, NULL);
        set_base(t, die);
        t->name = canonical_name(t->name);
        break;
    case DW_TAG_structure_type: set_named(s, t, die, TYPE_STRUCT, cplus ? NULL : "struct"); break;
    case DW_TAG_class_type:
    case DW_TAG_interface_type: set_named(s, t, die, TYPE_STRUCT, NULL); break;
    case DW_TAG_union_type: set_named(s, t, die, TYPE_UNION, cplus ? NULL : "union"); break;
    case DW_TAG_enumeration_type:
        set_enum(s, t, die);
        t->keyword = cplus ? NULL : "enum";
        break;
    case DW_TAG_pointer_type: set_pointer(s, t, die, TYPE_POINTER); break;
    case DW_TAG_reference_type: set_pointer(s, t, die, TYPE_REFERENCE); break;
    case DW_TAG_rvalue_reference_type: set_pointer(s, t, die, TYPE_RVALUE_REFERENCE); break;
    case DW_TAG_ptr_to_member_type: set_member_pointer(s, t, die); break;
    case DW_TAG_array_type: set_array(s, t, die); break;
    case DW_TAG_subroutine_type:
    case DW_TAG_subprogram:
        t->kind = TYPE_FUNCTION;
        t->target = type_of_die(s, t->module, die);
        t->is_prototyped = die_flag(die, DW_AT_prototyped) || cplus;
        t->n_bytes = 1;
        break;
    case DW_TAG_typedef:
        t->name = cu_qualified_name(s, t->module, die);
        set_around(s, t, die, TYPE_TYPEDEF);
        break;
    case DW_TAG_const_type: set_around(s, t, die, TYPE_CONST); break;
    case DW_TAG_volatile_type: set_around(s, t, die, TYPE_VOLATILE); break;
    case DW_TAG_restrict_type:
    case DW_TAG_atomic_type:
    case DW_TAG_subrange_type:
    case DW_TAG_immutable_type: set_around(s, t, die, TYPE_OTHER); break;
    default: set_named(s, t, die, TYPE_UNSPECIFIED, NULL); break;
    }
}

const struct sym_type *type_from_die(struct symbols *s, struct module *m, Dwarf_Die *die)
{
    struct sym_type *t = ptr_map_get(&s->types, die->addr);
    Dwarf_Attribute at;
    Dwarf_Die whole;
    if (t)
        return t;
    /* A stand-in for a type in a type unit. */
    if (dwarf_attr(die, DW_AT_signature, &at) && dwarf_formref_die(&at, &whole) && whole.addr != die->addr)
        return type_from_die(s, m, &whole);
    t = arena_alloc(&s->arena, sizeof(*t));
    t->module = m;
    t->die = *die;
    struct cu *cu = module_cu_of(s, m, die);
    t->lang = cu ? cu->lang : 0;
    /* Known before it is whole: types may lead back to themselves. */
    t->kind = TYPE_UNSPECIFIED;
    ptr_map_put(&s->types, die->addr, t);
    set_type(s, t, die);
    return t;
}

const struct sym_type *type_of_die(struct symbols *s, struct module *m, Dwarf_Die *die)
{
    Dwarf_Attribute at;
    Dwarf_Die type;
    if (!die_attr(die, DW_AT_type, &at) || !dwarf_formref_die(&at, &type))
        return type_own(OWN_VOID);
    /* A type unit's signature leads to the type itself. */
    return type_from_die(s, m, &type);
}

/* ---- what types consist of ---- */

static void set_member_place(struct symbols *s, struct sym_type *t, struct type_member *m)
{
    Dwarf_Attribute at;
    uint64_t x, bits = 0;
    (void)t;
    if (dwarf_attr(&m->die, DW_AT_data_member_location, &at)) {
        unsigned form = dwarf_whatform(&at);
        if (form == DW_FORM_exprloc || form == DW_FORM_block1 || form == DW_FORM_block ||
            form == DW_FORM_block2) {
            Dwarf_Op *ops;
            size_t n;
            if (dwarf_getlocation(&at, &ops, &n) == 0 && n == 1 &&
                (ops[0].atom == DW_OP_plus_uconst || ops[0].atom == DW_OP_constu))
                m->bit_offset = ops[0].number * 8;
            else
                m->is_computed = true;
        } else if (dwarf_formudata(&at, &x) == 0) {
            m->bit_offset = x * 8;
        }
    }
    if (dwarf_attr(&m->die, DW_AT_bit_size, &at) && dwarf_formudata(&at, &bits) == 0)
        m->bit_size = (uint32_t)bits;
    if (dwarf_attr(&m->die, DW_AT_data_bit_offset, &at) && dwarf_formudata(&at, &x) == 0) {
        m->bit_offset += x;
    } else if (bits && dwarf_attr(&m->die, DW_AT_bit_offset, &at) && dwarf_formudata(&at, &x) == 0) {
        /* Counted from the most significant bit of a unit of byte_size. */
        uint64_t unit = type_strip(s, m->type)->n_bytes;
        if (dwarf_attr(&m->die, DW_AT_byte_size, &at))
            die_uint(&m->die, DW_AT_byte_size, &unit);
        m->bit_offset += unit * 8 - x - bits;
    }
}

static void add_member(struct symbols *s, struct sym_type *t, Dwarf_Die *die, int tag)
{
    /* The old array stays in the arena: members are few. */
    if ((t->n_members & (t->n_members - 1)) == 0 || t->n_members < 2) {
        size_t n = t->n_members ? t->n_members * 2 : 2;
        struct type_member *bigger = arena_alloc(&s->arena, n * sizeof(*bigger));
        if (t->n_members)
            memcpy(bigger, t->members, t->n_members * sizeof(*bigger));
        t->members = bigger;
    }
    struct type_member *m = &t->members[t->n_members++];
    const char *name = die_name(die);
    *m = (struct type_member){.name = name ? sym_intern(s, name) : NULL, .die = *die};
    m->type = type_of_die(s, t->module, die);
    Dwarf_Attribute at;
    m->is_base = tag == DW_TAG_inheritance;
    m->is_virtual = m->is_base && dwarf_attr(die, DW_AT_virtuality, &at) != NULL;
    m->is_static =
        tag == DW_TAG_variable ||
        (tag == DW_TAG_member && (die_flag(die, DW_AT_external) || die_flag(die, DW_AT_declaration)));
    if (!m->is_static)
        set_member_place(s, t, m);
}

/* A Rust enum's variants lie in a variant part: members beside each other, each with the discriminant that
 * it needs. */
static void read_struct(struct symbols *s, struct sym_type *t, Dwarf_Die *die, int depth)
{
    Dwarf_Die at, discr;
    Dwarf_Attribute attr;
    size_t discriminant = 0;
    bool has_discr = dwarf_tag(die) == DW_TAG_variant_part && dwarf_attr(die, DW_AT_discr, &attr) &&
                     dwarf_formref_die(&attr, &discr);
    if (depth > 4 || dwarf_child(die, &at) != 0)
        return;
    do {
        int tag = dwarf_tag(&at);
        size_t before = t->n_members;
        Dwarf_Word value = 0;
        if (tag == DW_TAG_member || tag == DW_TAG_inheritance || tag == DW_TAG_variable)
            add_member(s, t, &at, tag);
        else if (tag == DW_TAG_variant_part || tag == DW_TAG_variant)
            read_struct(s, t, &at, depth + 1);
        if (has_discr && at.addr == discr.addr)
            discriminant = t->n_members;
        bool has_value = dwarf_attr(&at, DW_AT_discr_value, &attr) && dwarf_formudata(&attr, &value) == 0;
        for (size_t i = before; tag == DW_TAG_variant && i < t->n_members; i++) {
            t->members[i].discriminant = (uint32_t)discriminant;
            t->members[i].discriminant_value = value;
            t->members[i].is_default = !has_value;
        }
    } while (dwarf_siblingof(&at, &at) == 0);
}

const char *enumerator_name(struct symbols *s, struct module *m, Dwarf_Die *enumeration, const char *name)
{
    const char *full = cu_qualified_name(s, m, enumeration);
    const char *bare = full ? name_bare(full) : NULL;
    if (full && die_flag(enumeration, DW_AT_enum_class))
        return sym_intern_printf(s, "%s::%s", full, name);
    if (full && bare != full)
        return sym_intern_printf(s, "%.*s%s", (int)(bare - full), full, name);
    return sym_intern(s, name);
}

static void read_enum(struct symbols *s, struct sym_type *t)
{
    Dwarf_Die at;
    size_t n = 0;
    for (int got = dwarf_child(&t->die, &at); got == 0; got = dwarf_siblingof(&at, &at))
        n += dwarf_tag(&at) == DW_TAG_enumerator;
    t->enumerators = arena_alloc(&s->arena, n * sizeof(*t->enumerators));
    t->is_flags = true;
    for (int got = dwarf_child(&t->die, &at); got == 0; got = dwarf_siblingof(&at, &at)) {
        Dwarf_Attribute attr;
        Dwarf_Sword value = 0;
        const char *name = die_name(&at);
        if (dwarf_tag(&at) != DW_TAG_enumerator || !name || !dwarf_attr(&at, DW_AT_const_value, &attr))
            continue;
        unsigned form = dwarf_whatform(&attr);
        if (form == DW_FORM_sdata || form == DW_FORM_implicit_const || t->is_signed) {
            dwarf_formsdata(&attr, &value);
        } else {
            Dwarf_Word word = 0;
            dwarf_formudata(&attr, &word);
            value = (Dwarf_Sword)word;
        }
        if (value < 0) {
            t->is_signed = true;
            t->is_flags = false;
        } else if (value & (value - 1)) {
            t->is_flags = false;
        }
        t->enumerators[t->n_enumerators++] =
            (struct type_enumerator){enumerator_name(s, t->module, &t->die, name), value};
    }
}

/* gdb: this is const. */
static const struct sym_type *parameter_type(struct symbols *s, const struct sym_type *t, Dwarf_Die *die)
{
    const struct sym_type *p = type_of_die(s, t->module, die);
    if (!die_flag(die, DW_AT_artificial) || p->kind != TYPE_POINTER || !lang_is_cplus(t->lang))
        return p;
    struct sym_type *c = arena_alloc(&s->arena, sizeof(*c));
    *c = (struct sym_type){.kind = TYPE_CONST, .target = p, .n_bytes = 8, .lang = t->lang};
    return c;
}

static void read_parameters(struct symbols *s, struct sym_type *t)
{
    Dwarf_Die at;
    size_t n = 0;
    for (int got = dwarf_child(&t->die, &at); got == 0; got = dwarf_siblingof(&at, &at))
        n += dwarf_tag(&at) == DW_TAG_formal_parameter;
    t->parameters = arena_alloc(&s->arena, n * sizeof(const struct sym_type *));
    for (int got = dwarf_child(&t->die, &at); got == 0; got = dwarf_siblingof(&at, &at)) {
        if (dwarf_tag(&at) == DW_TAG_formal_parameter)
            t->parameters[t->n_parameters++] = parameter_type(s, t, &at);
        else if (dwarf_tag(&at) == DW_TAG_unspecified_parameters)
            t->has_ellipsis = true;
    }
}

void type_read_members(struct symbols *s, const struct sym_type *type)
{
    struct sym_type *t = (struct sym_type *)(uintptr_t)type;
    if (t->members_done || !t->module)
        return;
    t->members_done = true;
    switch (t->kind) {
    case TYPE_STRUCT:
    case TYPE_UNION: read_struct(s, t, &t->die, 0); break;
    case TYPE_ENUM: read_enum(s, t); break;
    case TYPE_FUNCTION: read_parameters(s, t); break;
    default: break;
    }
}

/* ---- made from others ---- */

static const struct sym_type *complete(struct symbols *s, const struct sym_type *type)
{
    struct sym_type *t = (struct sym_type *)(uintptr_t)type;
    if (!t->is_declaration || !t->name)
        return t;
    if (!t->complete_done) {
        t->complete_done = true;
        enum name_class what = t->kind == TYPE_STRUCT  ? NAME_STRUCT
                               : t->kind == TYPE_UNION ? NAME_UNION
                                                       : NAME_ENUM;
        t->complete = type_find(s, module_cu_of(s, t->module, &t->die), t->name, what);
    }
    return t->complete ? t->complete : t;
}

const struct sym_type *type_strip(struct symbols *s, const struct sym_type *t)
{
    for (int i = 0; i < 100 && t && t->kind >= TYPE_TYPEDEF; i++)
        t = t->target;
    if (!t || t->kind >= TYPE_TYPEDEF)
        return type_own(OWN_VOID);
    return complete(s, t);
}

const struct sym_type *type_pointer_to(struct symbols *s, const struct sym_type *t)
{
    struct sym_type *of = (struct sym_type *)(uintptr_t)t;
    bool kept = t->module != NULL;
    if (kept && t->pointer_to)
        return t->pointer_to;
    struct sym_type *p = arena_alloc(&s->arena, sizeof(*p));
    *p = (struct sym_type){.kind = TYPE_POINTER, .n_bytes = 8, .target = t, .lang = t->lang};
    if (kept)
        of->pointer_to = p;
    return p;
}

const struct sym_type *type_array_of(struct symbols *s, const struct sym_type *t, uint64_t n)
{
    struct sym_type *a = arena_alloc(&s->arena, sizeof(*a));
    *a = (struct sym_type){.kind = TYPE_ARRAY,
                           .n_bytes = n * type_strip(s, t)->n_bytes,
                           .target = t,
                           .n_elements = n,
                           .has_elements = true,
                           .lang = t->lang};
    return a;
}

size_t symbols_type_bytes(const struct sym_type *t) { return t ? t->n_bytes : 0; }
