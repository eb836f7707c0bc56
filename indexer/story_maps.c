/* Mappings in the index: see builder_impl.h. What the program's memory shows, by MAP records.
 *
 * A shared mapping shows an object (indexer/schema.h): captures of one file are one object, and anonymous shared
 * memory is one of its own, which forks inherit and mremap carries along. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "common/cleanup.h"
#include "indexer/builder_impl.h"

struct ending {
    struct store *store;
    const struct builder_vm *vm;
};

static struct odb_err *emit_map(void *ctx, const struct region *r, uint64_t t_end)
{
    const struct ending *x = ctx;
    return store_put(x->store, STORE_MAP, t_end == UINT64_MAX ? "iiNiiiiiiit" : "iiiiiiiiiit",
                     (uint64_t)x->vm->space->number, r->t_start, t_end, (uint64_t)x->vm->pid, r->start,
                     r->end, (uint64_t)r->prot, (uint64_t)r->flags, r->offset, (uint64_t)r->file_id, r->name);
}

/* What is mapped in [start, end) of the running process ends. */
static struct odb_err *cut_maps(struct index_builder *b, gaddr start, gaddr end)
{
    struct ending x = {b->store, builder_vm(b)};
    return regions_cut(&builder_vm(b)->maps, start, end, b->count, emit_map, &x);
}

/* ---- what a fork does not copy ---- */

static struct odb_err *add_rule(struct builder_vm *vm, gaddr start, gaddr end, bool wipe)
{
    if (start >= end)
        return NULL;
    struct fork_rule *v = reallocarray(vm->rules, vm->n_rules + 1, sizeof(*v));
    if (!v)
        return odb_err("index: out of memory");
    vm->rules = v;
    v[vm->n_rules++] = (struct fork_rule){start, end, wipe};
    return NULL;
}

/* [start, end) is ordinary memory again, as far as this kind of rule goes. */
static struct odb_err *cut_rules(struct builder_vm *vm, gaddr start, gaddr end, bool wipe)
{
    for (size_t i = vm->n_rules; i--;) {
        const struct fork_rule r = vm->rules[i];
        if (r.end <= start || r.start >= end || r.wipe != wipe)
            continue;
        vm->rules[i] = vm->rules[--vm->n_rules];
        ODB_TRY(add_rule(vm, r.start, start, wipe));
        ODB_TRY(add_rule(vm, end, r.end, wipe));
    }
    return NULL;
}

/* Mapped anew, or not at all: the rules are gone. */
static struct odb_err *forget_rules(struct builder_vm *vm, gaddr start, gaddr end)
{
    if (!vm->n_rules)
        return NULL;
    ODB_TRY(cut_rules(vm, start, end, true));
    return cut_rules(vm, start, end, false);
}

struct odb_err *story_advice(struct index_builder *b, gaddr addr, uint64_t n_bytes, uint64_t advice)
{
    struct builder_vm *vm = builder_vm(b);
    gaddr end = (addr + n_bytes + ODB_PAGE_BYTES - 1) & ~(uint64_t)(ODB_PAGE_BYTES - 1);
    bool wipe = advice == MADV_WIPEONFORK || advice == MADV_KEEPONFORK;
    if (!wipe && advice != MADV_DONTFORK && advice != MADV_DOFORK)
        return NULL;
    ODB_TRY(cut_rules(vm, addr, end, wipe));
    return advice == MADV_WIPEONFORK || advice == MADV_DONTFORK ? add_rule(vm, addr, end, wipe) : NULL;
}

struct odb_err *story_forked(struct index_builder *b, const struct builder_vm *from, struct builder_vm *to)
{
    struct ending x = {b->store, to};
    for (size_t i = 0; i < from->maps.n; i++) {
        struct region r = from->maps.v[i];
        r.t_start = b->count;
        ODB_TRY(regions_add(&to->maps, &r));
    }
    for (size_t i = 0; i < from->n_rules; i++) {
        const struct fork_rule *r = &from->rules[i];
        if (r->wipe) {
            ODB_TRY(shadow_drop_copy(&b->shadow, to->space, r->start, r->end, b->count));
            ODB_TRY(add_rule(to, r->start, r->end, true));
        } else {
            ODB_TRY(regions_cut(&to->maps, r->start, r->end, b->count, emit_map, &x));
            ODB_TRY(shadow_unmap(&b->shadow, to->space, r->start, r->end, b->count));
        }
    }
    return NULL;
}

/* ---- changes ---- */

struct odb_err *story_end_maps(struct index_builder *b, struct builder_vm *vm, uint64_t t)
{
    struct ending x = {b->store, vm};
    for (size_t i = 0; i < vm->maps.n; i++)
        if (vm->maps.v[i].t_start < t)
            ODB_TRY(emit_map(&x, &vm->maps.v[i], t));
    return NULL;
}

/* Attributes of [start, end) change in place. */
static struct odb_err *protect(struct index_builder *b, gaddr start, gaddr end, uint32_t prot)
{
    _cleanup_free_ struct region *was = NULL;
    size_t n;
    ODB_TRY(regions_within(&builder_vm(b)->maps, start, end, &was, &n));
    for (size_t i = 0; i < n; i++) {
        if (was[i].prot == prot)
            continue;
        ODB_TRY(cut_maps(b, was[i].start, was[i].end));
        was[i].prot = prot;
        was[i].t_start = b->count;
        ODB_TRY(regions_add(&builder_vm(b)->maps, &was[i]));
    }
    return NULL;
}

/* Which shared memory a mapping shows; number 0: none, it is private. */
struct shown {
    uint32_t object;
    uint64_t offset; /* of the mapping's start, in the object */
};

static struct odb_err *find_shown(struct index_builder *b, const struct odb_log_map *m, struct shown *ret)
{
    *ret = (struct shown){0};
    if (!(m->map_flags & MAP_SHARED)) /* part of MAP_SHARED_VALIDATE too */
        return NULL;
    if (m->file_id)
        ret->offset = m->offset & ~(uint64_t)(ODB_PAGE_BYTES - 1);
    return shadow_object(&b->shadow, m->file_id, b->count, &ret->object);
}

/* What is shown at addr now. */
static struct shown shown_at(const struct index_builder *b, gaddr addr)
{
    const struct region *c = regions_find(&builder_space(b)->contents, addr);
    return c && c->object ? (struct shown){c->object, c->offset + (addr - c->start)} : (struct shown){0};
}

static struct odb_err *add_map(struct index_builder *b, const struct odb_log_map *m, gaddr start, gaddr end,
                               const struct shown *what)
{
    uint64_t further = start - m->start;
    struct region r = {
        .start = start,
        .end = end,
        .t_start = b->count,
        .prot = m->prot,
        .flags = m->map_flags,
        .file_id = m->file_id,
        .offset = m->offset + further,
    };
    memcpy(r.name, m->name, sizeof(r.name) - 1);
    ODB_TRY(forget_rules(builder_vm(b), start, end));
    ODB_TRY(cut_maps(b, start, end));
    ODB_TRY(regions_add(&builder_vm(b)->maps, &r));
    return shadow_map(&b->shadow, builder_space(b), start, end, m->file_id,
                      what->object ? what->offset + further : r.offset, what->object, b->count);
}

/* Heap, stack and what mremap makes longer: what of the range was there keeps its contents. */
static struct odb_err *grow_map(struct index_builder *b, const struct odb_log_map *m)
{
    const struct regions *maps = &builder_vm(b)->maps;
    struct shown what = shown_at(b, m->start);
    gaddr at = m->start;
    while (at < m->end) {
        size_t i = regions_lower(maps, at);
        const struct region *r = i < maps->n && maps->v[i].start < m->end ? &maps->v[i] : NULL;
        gaddr gap_end = r ? (r->start > at ? r->start : at) : m->end, next = r ? r->end : m->end;
        if (gap_end > at)
            ODB_TRY(add_map(b, m, at, gap_end, &what));
        at = next;
    }
    return protect(b, m->start, m->end, m->prot);
}

/* mremap. The old length is the call's; without one, what lies at old_start is meant. */
static struct odb_err *move_map(struct index_builder *b, const struct odb_log_map *m)
{
    if (m->old_start == m->start)
        return grow_map(b, m);
    const struct region *old = regions_find(&builder_vm(b)->maps, m->old_start);
    const struct shown what = shown_at(b, m->old_start);
    uint64_t len = old ? old->end - m->old_start : 0;
    bool called = b->have_call && b->call.nr == SYS_mremap,
         stays = called && b->call.args[3] & MREMAP_DONTUNMAP;
    if (called) /* what the kernel sees as one mapping may be several here */
        len = (b->call.args[1] + ODB_PAGE_BYTES - 1) & ~(uint64_t)(ODB_PAGE_BYTES - 1);
    gaddr old_end = m->old_start + len; /* what of it is not moved, goes away */
    if (len > m->end - m->start)
        len = m->end - m->start;
    if (!called)
        old_end = m->old_start + len;
    ODB_TRY(add_map(b, m, m->start, m->end, &what));
    if (!len || (m->old_start < m->end && m->start < old_end))
        return NULL; /* a length of 0: a second mapping of shared memory */
    if (!what.object)
        ODB_TRY(shadow_move(&b->shadow, builder_space(b), m->old_start, m->start, len, b->count));
    if (stays)
        return what.object
                   ? NULL
                   : shadow_map(&b->shadow, builder_space(b), m->old_start, old_end, 0, 0, 0, b->count);
    ODB_TRY(cut_maps(b, m->old_start, old_end));
    return shadow_unmap(&b->shadow, builder_space(b), m->old_start, old_end, b->count);
}

/* madvise drops what is private; MADV_REMOVE drops what is shared. */
static struct odb_err *drop_map(struct index_builder *b, const struct odb_log_map *m)
{
    _cleanup_free_ struct region *was = NULL;
    size_t n;
    bool shared = b->have_call && b->call.nr == SYS_madvise && b->call.args[2] == MADV_REMOVE;
    ODB_TRY(regions_within(&builder_vm(b)->maps, m->start, m->end, &was, &n));
    for (size_t i = 0; i < n; i++)
        if (((was[i].flags & MAP_SHARED) != 0) == shared)
            ODB_TRY(shadow_drop(&b->shadow, builder_space(b), was[i].start, was[i].end, b->count));
    return NULL;
}

struct odb_err *story_grow_stack(struct index_builder *b, gaddr addr)
{
    struct regions *maps = &builder_vm(b)->maps;
    size_t i = regions_lower(maps, addr);
    if (i == maps->n || maps->v[i].start <= addr)
        return NULL;
    const struct region *r = &maps->v[i];
    if (strcmp(r->name, "[stack]") != 0 && !(r->flags & MAP_GROWSDOWN))
        return NULL;
    struct region more = *r;
    more.start = addr & ~(uint64_t)(ODB_PAGE_BYTES - 1);
    more.end = r->start;
    more.t_start = builder_latest_t(b);
    ODB_TRY(regions_add(maps, &more));
    struct region contents = {.start = more.start, .end = more.end, .t_start = more.t_start};
    return regions_add(&builder_space(b)->contents, &contents);
}

/* A successful execve without a TASK record: mappings without a SYSCALL record. The old image is gone. */
static struct odb_err *begin_exec(struct index_builder *b)
{
    b->in_exec = true;
    ODB_TRY(story_call_of_registers(b, builder_latest_t(b), false));
    ODB_TRY(cut_maps(b, 0, UINT64_MAX));
    return shadow_unmap(&b->shadow, builder_space(b), 0, UINT64_MAX, b->count);
}

struct odb_err *story_map(struct index_builder *b, const uint8_t *body, uint32_t n)
{
    struct odb_log_map m;
    struct shown what;
    if (n < sizeof(m))
        return odb_err("index log: MAP of %u bytes is too short", n);
    memcpy(&m, body, sizeof(m));
    m.name[sizeof(m.name) - 1] = 0;
    if (b->count && !b->have_call && !b->in_exec && m.op == ODB_MAP_ADD)
        ODB_TRY(begin_exec(b));
    m.start &= ~(uint64_t)(ODB_PAGE_BYTES - 1);
    m.end = (m.end + ODB_PAGE_BYTES - 1) & ~(uint64_t)(ODB_PAGE_BYTES - 1);
    if (m.start >= m.end)
        return NULL;
    switch (m.op) {
    case ODB_MAP_ADD:
        if (!strcmp(m.name, "[heap]") || !strcmp(m.name, "[stack]"))
            return grow_map(b, &m);
        ODB_TRY(find_shown(b, &m, &what));
        return add_map(b, &m, m.start, m.end, &what);
    case ODB_MAP_REMOVE:
        ODB_TRY(forget_rules(builder_vm(b), m.start, m.end));
        ODB_TRY(cut_maps(b, m.start, m.end));
        return shadow_unmap(&b->shadow, builder_space(b), m.start, m.end, b->count);
    case ODB_MAP_PROTECT: return protect(b, m.start, m.end, m.prot);
    case ODB_MAP_MOVE: return move_map(b, &m);
    case ODB_MAP_ZERO: return drop_map(b, &m);
    default: return odb_err("index log: map change %u is unknown", m.op);
    }
}
