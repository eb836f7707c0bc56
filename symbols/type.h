/* Types and values inside symbols/.
 *
 * A type is made from its DIE when first asked for and kept; what it consists of (members, enumerators) is
 * read when that is asked for. A value in memory may be lazy: has_addr and no bytes; value_load() reads it.
 * */
#ifndef ODB_SYMBOLS_TYPE_H
#define ODB_SYMBOLS_TYPE_H

#include "symbols/internal.h"

enum type_kind {
    TYPE_VOID,
    TYPE_INT,  /* of 1 byte: shown as a character, too */
    TYPE_CHAR, /* char16_t and the like */
    TYPE_BOOL,
    TYPE_FLOAT,
    TYPE_COMPLEX,
    TYPE_POINTER,
    TYPE_REFERENCE,
    TYPE_RVALUE_REFERENCE,
    TYPE_ARRAY,
    TYPE_STRUCT,
    TYPE_UNION,
    TYPE_ENUM,
    TYPE_FUNCTION,
    TYPE_MEMBER_POINTER,
    TYPE_UNSPECIFIED,
    /* These stand around another type. */
    TYPE_TYPEDEF,
    TYPE_CONST,
    TYPE_VOLATILE,
    TYPE_OTHER, /* restrict, atomic: as nothing */
};

struct type_member {
    const char *name; /* NULL: anonymous */
    const struct sym_type *type;
    uint64_t bit_offset; /* from the beginning of the whole */
    uint32_t bit_size;   /* 0: no bit field */
    bool is_base, is_virtual, is_static,
        is_computed; /* is_computed: a virtual base, the DIE's expression says where */
    Dwarf_Die die;
    /* Of a variant (Rust's enums): there while the discriminant, member number discriminant - 1, has this
     * value. */
    uint32_t discriminant; /* 0: always there */
    bool is_default;       /* there when no other variant is */
    uint64_t discriminant_value;
};

struct type_enumerator {
    const char *name;
    int64_t value;
};

struct sym_type {
    enum type_kind kind;
    const char *name;    /* qualified; NULL: none */
    const char *keyword; /* "struct", "class", "union", "enum" where the language wants it said; else NULL */
    uint64_t n_bytes;
    bool is_signed, is_declaration, is_vector, is_prototyped, is_flags;
    bool is_number;                /* of one byte, and no character all the same */
    const struct sym_type *target; /* of pointers, elements, results, typedefs; NULL: void */
    uint64_t n_elements;
    bool has_elements; /* n_elements is known */
    bool is_dynamic;   /* bound_die's attribute must be evaluated */
    Dwarf_Die bound_die;
    int lang;
    struct module *module; /* NULL: a type of our own */
    Dwarf_Die die;
    bool members_done;
    struct type_member *members;
    size_t n_members;
    struct type_enumerator *enumerators;
    size_t n_enumerators;
    const struct sym_type **parameters;
    size_t n_parameters;
    bool has_ellipsis;
    const struct sym_type *containing; /* the class of a member pointer */
    struct sym_type *pointer_to;       /* kept */
    const struct sym_type *complete;   /* of a declaration: what was found */
    bool complete_done;
};

/* What a pointer of DW_OP_implicit_pointer points to. */
struct sym_implicit {
    struct module *module;
    gaddr bias;
    Dwarf_Die die; /* the variable */
    int64_t offset;
    bool has_frame;
    struct sym_frame frame; /* where it is evaluated */
};

/* ---- type.c ---- */

/* The type that DW_AT_type of a DIE names; void where there is none. */
const struct sym_type *type_of_die(struct symbols *s, struct module *m, Dwarf_Die *die);
/* "shapes::Kind::Square", "shapes::P_ONE", "RED". */
const char *enumerator_name(struct symbols *s, struct module *m, Dwarf_Die *enumeration, const char *name);
/* The type that a DIE is. */
const struct sym_type *type_from_die(struct symbols *s, struct module *m, Dwarf_Die *die);
/* Reads members, enumerators, parameters. */
void type_read_members(struct symbols *s, const struct sym_type *t);
/* Without typedefs and qualifiers; a declaration gives the complete type where there is one. Never NULL. */
const struct sym_type *type_strip(struct symbols *s, const struct sym_type *t);
const struct sym_type *type_pointer_to(struct symbols *s, const struct sym_type *t);
const struct sym_type *type_array_of(struct symbols *s, const struct sym_type *t, uint64_t n);
enum own_type {
    OWN_VOID,
    OWN_CHAR,
    OWN_INT,
    OWN_UINT,
    OWN_LONG,
    OWN_ULONG,
    OWN_INT128,
    OWN_UINT128,
    OWN_BOOL,
    OWN_FLOAT,
    OWN_DOUBLE,
    OWN_LONG_DOUBLE,
    OWN_SHORT,
    OWN_USHORT,
    OWN_UCHAR,
    OWN_SCHAR,
    OWN_LONG_LONG,
    OWN_ULONG_LONG,
    OWN_CODE, /* code of no known type */
    OWN_DATA, /* data of no known type */
    OWN_INT8, /* of registers */
    OWN_INT16,
    OWN_INT32,
    OWN_INT64,
    OWN_HALF,
    OWN_BFLOAT16,
    OWN_N,
};
const struct sym_type *type_own(enum own_type which);
static inline bool lang_is_cplus(int lang)
{
    return lang == 4 || lang == 0x1a || lang == 0x21 || lang == 0x2b;
}
static inline bool type_is_text(const struct sym_type *t)
{
    return (t->kind == TYPE_INT && t->n_bytes == 1) || t->kind == TYPE_CHAR;
}
static inline bool type_is_integral(const struct sym_type *t)
{
    return t->kind == TYPE_INT || t->kind == TYPE_CHAR || t->kind == TYPE_BOOL || t->kind == TYPE_ENUM;
}

/* ---- type_name.c ---- */

/* "int (*)(char)"; owned by the arena. */
const char *type_name(struct symbols *s, const struct sym_type *t);

/* ---- type_find.c ---- */

/* Is `asked` the full name, or an end of it ("Kind::Square" of "shapes::Kind::Square")? Unnamed namespaces
 * may be left out. 0: no; 2: the whole name. */
int name_matches(const char *full, const char *asked);
/* What stands behind the last "::". */
const char *name_bare(const char *name);

struct global {
    Dwarf_Die die;
    struct cu *cu;
    Dwarf_Die enumeration; /* of an enumerator */
    struct global *next;
};
/* The globals (variables, functions, types, enumerators) of a module that have this bare name. */
const struct global *module_globals(struct symbols *s, struct module *m, const char *bare_name);
enum name_class { NAME_TYPE, NAME_STRUCT, NAME_UNION, NAME_ENUM };
/* cu: looked at first; may be NULL. NULL: no such type. */
const struct sym_type *type_find(struct symbols *s, struct cu *cu, const char *name, enum name_class what);

/* ---- value.c ---- */

#define VALUE_MAX_BYTES (1 << 20)
#define MISSING_IMPLICIT 2 /* in sym_value.missing: part of a pointer to what has no address */
void value_init(struct sym_value *v, const struct sym_type *t);
void value_at(struct sym_value *v, const struct sym_type *t, gaddr addr);
/* Of the bytes, which are copied. */
void value_of_bytes(struct sym_value *v, const struct sym_type *t, const void *bytes, size_t n);
void value_of_int(struct sym_value *v, const struct sym_type *t, uint64_t x);
struct odb_err *value_load(struct symbols *s, struct sym_value *v) ODB_MUST_CHECK;
struct odb_err *value_copy(const struct sym_value *v, struct sym_value *ret) ODB_MUST_CHECK;
/* The integer in a value (loaded, or loads a copy); sign-extended to 128 bits. */
struct odb_err *value_int(struct symbols *s, const struct sym_value *v, __int128 *ret) ODB_MUST_CHECK;
struct odb_err *value_float(struct symbols *s, const struct sym_value *v, long double *ret) ODB_MUST_CHECK;
bool value_is_missing(const struct sym_value *v, size_t from, size_t n);
struct odb_err *value_member(struct symbols *s, const struct sym_value *v, const struct type_member *m,
                             struct sym_value *ret) ODB_MUST_CHECK;
/* Is this member there: false for those of a variant that the value is not. */
bool value_has_member(struct symbols *s, const struct sym_value *v, size_t member);
/* n bytes of v from a byte on, as another type. */
struct odb_err *value_part(struct symbols *s, const struct sym_value *v, const struct sym_type *t,
                           uint64_t at, struct sym_value *ret) ODB_MUST_CHECK;
/* What a pointer or reference points to. */
struct odb_err *value_deref(struct symbols *s, const struct sym_value *v, struct sym_value *ret)
    ODB_MUST_CHECK;
/* Follows a reference; else a copy. */
struct odb_err *value_unref(struct symbols *s, const struct sym_value *v, struct sym_value *ret)
    ODB_MUST_CHECK;
static inline void value_deinitp(struct sym_value *v) { symbols_value_deinit(v); }
#define _cleanup_value_ __attribute__((cleanup(value_deinitp)))

/* ---- location.c ---- */

/* Where an expression of DWARF is evaluated. */
struct loc_ctx {
    struct symbols *s;
    struct module *module;
    gaddr bias;
    struct cu *cu;
    const struct sym_frame *frame; /* NULL: none */
    Dwarf_Die *function;           /* has DW_AT_frame_base; NULL: none */
    gaddr object;                  /* for DW_OP_push_object_address */
    int depth;
};
/* The value of type t that the DIE's location or constant says; optimized out is a value, too. */
struct odb_err *location_value(const struct loc_ctx *c, Dwarf_Die *die, const struct sym_type *t,
                               struct sym_value *ret) ODB_MUST_CHECK;
/* A number out of an attribute: a constant, an expression, or a reference to a variable. */
bool location_number(const struct loc_ctx *c, Dwarf_Attribute *at, uint64_t *ret);
/* An address out of an attribute that is an expression over an object (DW_AT_data_member_location). */
bool location_member(const struct loc_ctx *c, Dwarf_Attribute *at, gaddr object, gaddr *ret);
/* A dynamic array type with its bounds known. */
const struct sym_type *location_resolve(const struct loc_ctx *c, const struct sym_type *t);
/* The bytes of a register of the frame by DWARF's number; 0: not known. */
size_t location_register(const struct loc_ctx *c, unsigned number, uint8_t bytes[64]);
struct odb_err *location_implicit_deref(struct symbols *s, const struct sym_implicit *p,
                                        const struct sym_type *t, struct sym_value *ret) ODB_MUST_CHECK;

/* ---- location_caller.c ---- */

/* What a register, or memory at CFA + offset of the caller's making, was at the frame's entry. */
bool location_entry_value(const struct loc_ctx *c, unsigned reg, uint64_t *ret);

/* ---- location_tls.c ---- */

bool module_tls_address(struct symbols *s, struct module *m, gaddr bias, uint64_t offset, gaddr *ret);

/* ---- variables.c ---- */

/* Where a frame is: its function and blocks. */
struct frame_scopes {
    struct loc_ctx ctx;
    const struct cu_function *function; /* NULL: nothing of DWARF */
    struct scope_chain chain;
    size_t from, to; /* the blocks [from, to) of chain are the scope asked for */
};
struct odb_err *frame_scopes_at(struct symbols *s, const struct sym_frame *frame, size_t scope,
                                struct frame_scopes *ret) ODB_MUST_CHECK;
/* A variable, function, enumerator or member of *this by name. *ret_found false: none. */
struct odb_err *variable_find(struct symbols *s, struct frame_scopes *f, const char *file, const char *name,
                              struct sym_value *ret, bool *ret_found) ODB_MUST_CHECK;
/* Is there a variable of this name in the scope's blocks? */
bool variable_is_local(struct frame_scopes *f, const char *name);

#endif
