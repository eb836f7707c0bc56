/* Table generator, part 2: asks about every opcode under every selector value, gives equal answers one row,
 * and grows for each opcode the cheapest decision tree. Runs at build time: gen_optab OUTPUT.c
 *
 * What is not asked for every selector value, to save time, is checked on samples first: REX.B (only 90,
 * nop or xchg, depends on it) and modrm.rm under EVEX (only the need of a sib byte).
 */
#include "tools/gen_optab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SEL_SIZE = 1 << SEL_BITS,
    MAX_ROWS = 8192,
    MAX_NODE_WORDS = 32768,
    HASH_SIZE = 1 << 16,
    MAX_SMALL = 256
};

/* Numbered sets of small things: index fields of rows. */
struct set {
    const char *name;
    size_t item_bytes;
    unsigned n;
    uint8_t items[MAX_SMALL][16];
};

static struct set sizes = {"sizes", sizeof(uint16_t), 0, {{0}}};
static struct set flag_sets = {"flags", sizeof(struct optab_flags), 0, {{0}}};
static struct set implicits = {"implicit", sizeof(struct optab_implicit), 0, {{0}}};
static struct set vecs = {"vecs", sizeof(struct optab_vec), 0, {{0}}};

static struct optab_row rows[MAX_ROWS];
static unsigned n_rows;
static uint16_t row_hash[HASH_SIZE];
static uint16_t nodes[MAX_NODE_WORDS];
static unsigned n_node_words;
static uint16_t roots[N_OPTAB_MAPS * 256];

static void die(const char *what)
{
    fprintf(stderr, "gen_optab: %s\n", what);
    exit(1);
}

static uint8_t set_add(struct set *set, const void *item)
{
    for (unsigned i = 0; i < set->n; i++)
        if (!memcmp(set->items[i], item, set->item_bytes))
            return (uint8_t)i;
    if (set->n == MAX_SMALL)
        die("a numbered set is full");
    memcpy(set->items[set->n], item, set->item_bytes);
    return (uint8_t)set->n++;
}

static unsigned row_add(const struct facts *f)
{
    struct optab_row row = f->row;
    row.mem_size = set_add(&sizes, &f->mem_bytes);
    row.flags = set_add(&flag_sets, &f->flags);
    row.implicit = set_add(&implicits, &f->implicit);
    row.fixed_vec = set_add(&vecs, &f->vec);
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < sizeof(row); i++)
        hash = (hash ^ ((const uint8_t *)&row)[i]) * 16777619u;
    hash = (hash ^ hash >> 16) % HASH_SIZE;
    for (; row_hash[hash]; hash = (hash + 1) % HASH_SIZE)
        if (!memcmp(&rows[row_hash[hash]], &row, sizeof(row)))
            return row_hash[hash];
    if (n_rows == MAX_ROWS)
        die("too many rows");
    row_hash[hash] = (uint16_t)n_rows;
    rows[n_rows] = row;
    return n_rows++;
}

static bool is_evex(unsigned map) { return map >= OPTAB_EVEX1 && map <= OPTAB_EVEX6; }

static unsigned probe_row(unsigned map, unsigned opcode, unsigned sel)
{
    struct probe q = {.map = (uint8_t)map, .opcode = (uint8_t)opcode, .sel = (uint16_t)sel};
    struct facts f;
    return facts_ask(&q, &f) ? row_add(&f) : 0;
}

/* All 128 modrm choices for the selector's upper bits `high`. */
static void probe_modrms(unsigned map, unsigned opcode, unsigned high, uint16_t *cube)
{
    uint16_t *to = cube + high;
    to[0] = (uint16_t)probe_row(map, opcode, high);
    if (to[0] && !(rows[to[0]].form & FORM_MODRM)) {
        for (unsigned i = 1; i < 128; i++)
            to[i] = to[0];
        return;
    }
    for (unsigned i = 0; i < 128; i += 8) {
        bool is_mem = i < 1u << SEL_MOD3;
        unsigned sample = is_mem ? 4 : 2;
        to[i] = (uint16_t)probe_row(map, opcode, high | i);
        to[i + 1] = (uint16_t)probe_row(map, opcode, high | (i + 1));
        to[i + sample] = (uint16_t)probe_row(map, opcode, high | (i + sample));
        bool is_plain = is_evex(map) && to[i] == to[i + 1] && (is_mem || to[i] == to[i + 2]);
        for (unsigned rm = 2; rm < 8; rm++)
            if (rm != sample)
                to[i + rm] = is_plain ? to[i] : (uint16_t)probe_row(map, opcode, high | (i + rm));
    }
    /* Instructions whose registers must differ look invalid on the diagonal: their rule says it. */
    for (unsigned reg = 0; reg < 8; reg++) {
        unsigned at = 1u << SEL_MOD3 | reg << SEL_REG | reg, beside = to[at ^ 1];
        if (!to[at] && rows[beside].vec_rules & VR_REG_RM)
            to[at] = (uint16_t)beside;
    }
}

static void probe_legacy(unsigned map, unsigned opcode, uint16_t *cube)
{
    for (unsigned high = 0; high < 1u << SEL_REX_B; high += 128) {
        unsigned rep = high >> SEL_F3 & 3;
        if (rep == 3) { /* cannot be */
            memcpy(cube + high, cube + (high & ~(3u << SEL_F3)), 128 * sizeof(*cube));
            continue;
        }
        probe_modrms(map, opcode, high, cube);
    }
    bool depends = false;
    for (unsigned high = 0; high < 1u << SEL_REX_B; high += 64)
        depends |= probe_row(map, opcode, high | 1u << SEL_REX_B) != cube[high];
    for (unsigned sel = 0; sel < 1u << SEL_REX_B; sel++) {
        unsigned with_b = sel | 1u << SEL_REX_B;
        cube[with_b] =
            depends && (sel >> SEL_F3 & 3) != 3 ? (uint16_t)probe_row(map, opcode, with_b) : cube[sel];
    }
}

static void probe_vector(unsigned map, unsigned opcode, uint16_t *cube)
{
    for (unsigned high = 0; high < (is_evex(map) ? 1u << SEL_BITS : 1u << (SEL_L + 1)); high += 128)
        probe_modrms(map, opcode, high, cube);
}

/* A field of the selector that a node may branch on. Wider ones make flatter trees. */
struct field {
    uint8_t shift, width;
};
static const struct field legacy_fields[] = {
    {SEL_RM, 3}, {SEL_REG, 3}, {SEL_MOD3, 1}, {SEL_REG, 4},  {SEL_W, 1},     {SEL_66, 1},
    {SEL_W, 2},  {SEL_F3, 2},  {SEL_66, 3},   {SEL_MOD3, 3}, {SEL_REX_B, 1},
};
static const struct field vector_fields[] = {
    {SEL_RM, 3},   {SEL_REG, 3}, {SEL_MOD3, 1},  {SEL_REG, 4}, {SEL_W, 1},      {SEL_PP, 2}, {SEL_W, 3},
    {SEL_MOD3, 2}, {SEL_L, 1},   {SEL_L + 1, 1}, {SEL_L, 2},   {SEL_EVEX_B, 1}, {SEL_L, 3},
};

struct tree {
    const uint16_t *cube;
    const struct field *fields;
    unsigned n_fields;
    unsigned relevant; /* selector bits that matter at all */
};

static unsigned field_mask(const struct field *f) { return ((1u << f->width) - 1) << f->shift; }

/* Selector bits among `free` on which the cube depends, the others being as in `value`. */
static unsigned dependent_bits(const struct tree *t, unsigned free, unsigned value)
{
    unsigned result = 0;
    for (unsigned bit = 1; bit < SEL_SIZE; bit <<= 1) {
        if (!(free & bit))
            continue;
        unsigned rest = free & ~bit, sub = 0;
        do {
            if (t->cube[value | sub] != t->cube[value | sub | bit]) {
                result |= bit;
                break;
            }
            sub = (sub - rest) & rest;
        } while (sub);
    }
    return result;
}

/* Cost of the best tree for a sub-cube, in words and steps; *ret_best is the field to branch on. `decided`
 * are the selector bits already branched on, with the values in `value`. */
static unsigned tree_cost(const struct tree *t, unsigned decided, unsigned value,
                          const struct field **ret_best)
{
    unsigned deps = dependent_bits(t, t->relevant & ~decided, value), best = ~0u;
    *ret_best = NULL;
    if (!deps)
        return 0;
    for (unsigned i = 0; i < t->n_fields; i++) {
        const struct field *f = &t->fields[i], *ignored;
        unsigned mask = field_mask(f);
        if (!(deps & mask) || (mask & decided))
            continue;
        unsigned cost = 4 + (1u << f->width);
        for (unsigned v = 0; v < 1u << f->width && cost < best; v++)
            if (!(v << f->shift & ~deps)) /* else the same as another value's */
                cost += tree_cost(t, decided | mask, value | v << f->shift, &ignored);
        if (cost < best) {
            best = cost;
            *ret_best = f;
        }
    }
    if (!*ret_best)
        die("no field fits");
    return best;
}

static uint16_t node_add(const uint16_t *words, unsigned n)
{
    for (unsigned i = 0; i + n <= n_node_words; i++)
        if (!memcmp(nodes + i, words, n * sizeof(*words)))
            return (uint16_t)i;
    if (n_node_words + n > MAX_NODE_WORDS)
        die("too many nodes");
    memcpy(nodes + n_node_words, words, n * sizeof(*words));
    n_node_words += n;
    return (uint16_t)(n_node_words - n);
}

static uint16_t tree_build(const struct tree *t, unsigned decided, unsigned value)
{
    const struct field *f;
    tree_cost(t, decided, value, &f);
    if (!f)
        return (uint16_t)(ROW_REF_LEAF | t->cube[value]);
    uint16_t words[1 + 16];
    unsigned mask = field_mask(f);
    words[0] = (uint16_t)(f->shift << 4 | f->width);
    for (unsigned v = 0; v < 1u << f->width; v++)
        words[1 + v] = tree_build(t, decided | mask, value | (v << f->shift & t->relevant));
    return node_add(words, 1 + (1u << f->width));
}

/* Bytes that are no opcode in their map but prefixes or the way into another map. */
static bool is_escape(unsigned map, unsigned opcode)
{
    static const uint8_t one_byte[] = {0x0f, 0x26, 0x2e, 0x36, 0x3e, 0x62, 0x64, 0x65,
                                       0x66, 0x67, 0xc4, 0xc5, 0xf0, 0xf2, 0xf3};
    if (map == OPTAB_ONE_BYTE)
        return (opcode & 0xf0) == 0x40 || memchr(one_byte, (int)opcode, sizeof(one_byte));
    return map == OPTAB_0F && (opcode == 0x0f || opcode == 0x38 || opcode == 0x3a);
}

static void grow(unsigned map, unsigned opcode, const uint16_t *cube)
{
    bool is_legacy = map < OPTAB_VEX1;
    struct tree t = {
        .cube = cube,
        .fields = is_legacy ? legacy_fields : vector_fields,
        .n_fields = is_legacy ? sizeof(legacy_fields) / sizeof(*legacy_fields)
                              : sizeof(vector_fields) / sizeof(*vector_fields),
    };
    unsigned all = is_legacy      ? (1u << (SEL_REX_B + 1)) - 1
                   : is_evex(map) ? SEL_SIZE - 1
                                  : (1u << (SEL_L + 1)) - 1;
    t.relevant = dependent_bits(&t, all, 0);
    roots[map * 256 + opcode] = tree_build(&t, 0, 0);
}

static void print_set(FILE *out, const struct set *set, const char *type)
{
    fprintf(out, "const %s odb_optab_%s[] = {\n", type, set->name);
    for (unsigned i = 0; i < set->n; i++) {
        const void *item = set->items[i];
        if (set == &sizes) {
            fprintf(out, "    %u,\n", *(const uint16_t *)item);
        } else if (set == &flag_sets) {
            const struct optab_flags *f = item;
            fprintf(out, "    { 0x%x, 0x%x, 0x%x, 0x%x },\n", f->read, f->written, f->killed, f->undefined);
        } else if (set == &implicits) {
            const struct optab_implicit *m = item;
            fprintf(out, "    { %u, %u, %u, %u, %u },\n", m->stack_access, m->stack_bytes, m->string_src,
                    m->string_dst, m->string_bytes);
        } else {
            const struct optab_vec *v = item;
            fprintf(out, "    { 0x%xu, 0x%xu, 0x%x, 0x%x },\n", v->read, v->written, v->k_read, v->k_written);
        }
    }
    fprintf(out, "};\n");
}

static void print_words(FILE *out, const char *declaration, const uint16_t *words, unsigned n)
{
    fprintf(out, "const uint16_t %s = {", declaration);
    for (unsigned i = 0; i < n; i++)
        fprintf(out, "%s%u,", i % 16 ? " " : "\n    ", words[i]);
    fprintf(out, "\n};\n");
}

static void print_tables(FILE *out)
{
    fprintf(out, "/* Written by tools/gen_optab.c. Do not edit. */\n#include \"preload/decode_row.h\"\n\n");
    fprintf(out, "const struct optab_row odb_optab_rows[] = {\n");
    for (unsigned i = 0; i < n_rows; i++) {
        const struct optab_row *r = &rows[i];
        fprintf(out,
                "    { 0x%x, 0x%x, 0x%x, 0x%x, 0x%x, 0x%x, 0x%x, 0x%x, 0x%x, %u, %u, %u, %u, %u, %u, 0x%x, "
                "0x%x },\n",
                r->gpr_read, r->gpr_written, r->slot_gpr, r->slot_vec, r->slot_k, r->form, r->extra,
                r->imm_op, r->mem, r->mem_size, r->flow, r->special, r->flags, r->implicit, r->fixed_vec,
                r->must_zero, r->vec_rules);
    }
    fprintf(out, "};\n");
    print_words(out, "odb_optab_nodes[]", nodes, n_node_words);
    print_words(out, "odb_optab_roots[N_OPTAB_MAPS * 256]", roots, N_OPTAB_MAPS * 256);
    print_set(out, &sizes, "uint16_t");
    print_set(out, &flag_sets, "struct optab_flags");
    print_set(out, &implicits, "struct optab_implicit");
    print_set(out, &vecs, "struct optab_vec");
    size_t total = n_rows * sizeof(*rows) + n_node_words * sizeof(*nodes) + sizeof(roots) +
                   sizes.n * sizeof(uint16_t) + flag_sets.n * sizeof(struct optab_flags) +
                   implicits.n * sizeof(struct optab_implicit) + vecs.n * sizeof(struct optab_vec);
    fprintf(out, "const uint32_t odb_optab_bytes = %zu;\n", total);
    if (getenv("ODB_GEN_VERBOSE"))
        fprintf(stderr,
                "%u rows of %zu bytes, %u node words, %u sizes, %u flag sets, %u implicit, %u vec; "
                "%zu bytes; %lu probes\n",
                n_rows, sizeof(*rows), n_node_words, sizes.n, flag_sets.n, implicits.n, vecs.n, total,
                facts_n_probes);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        die("usage: gen_optab OUTPUT.c");
    facts_setup();
    struct facts none = {0};
    n_rows = 0;
    row_add(&none);
    row_hash[0] = 0;
    memset(row_hash, 0, sizeof(row_hash)); /* row 0 is "no instruction": no real row may equal it */
    static uint16_t cube[SEL_SIZE];
    for (unsigned map = 0; map < N_OPTAB_MAPS; map++) {
        for (unsigned opcode = 0; opcode < 256; opcode++) {
            memset(cube, 0, sizeof(cube));
            if (is_escape(map, opcode))
                ; /* the cube stays empty */
            else if (map < OPTAB_VEX1)
                probe_legacy(map, opcode, cube);
            else
                probe_vector(map, opcode, cube);
            grow(map, opcode, cube);
        }
    }
    FILE *out = fopen(argv[1], "w");
    if (!out)
        die("cannot write the output");
    print_tables(out);
    if (fclose(out))
        die("cannot write the output");
    return 0;
}
