/* From the index log to index.db: see builder.h. This file reads the records and cuts the chunks; the
 * program's own story (system calls, signals, maps, files) is in story.c, memory in shadow.c.
 *
 * count = instructions completed so far. A record that follows an INSN belongs to t = count - 1, and
 * what it changes is in force from state count on. */
#include "indexer/builder.h"

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "common/cleanup.h"
#include "indexer/builder_impl.h"
#include "indexer/schema.h"

struct odb_err *index_builder_create(const char *dir, struct index_builder **ret)
{
    struct index_builder *b = calloc(1, sizeof(*b));
    if (!b)
        return odb_err("index: out of memory");
    b->chunk_bytes = ODB_CHUNK_BYTES;
    b->vector_bytes = 32;
    chunk_enc_init(&b->enc);
    b->dir = strdup(dir);
    struct odb_err *e = b->dir ? store_create(dir, &b->store) : odb_err("index: out of memory");
    shadow_init(&b->shadow, b->dir, b->store);
    b->pipes.store = b->store;
    if (!e)
        e = tasks_init(b);
    if (!e)
        e = lines_init(&b->mem_lines);
    if (!e)
        e = lines_init(&b->place_lines);
    if (!e)
        e = lines_init(&b->exec_lines);
    if (e) {
        index_builder_discard(b);
        return e;
    }
    *ret = b;
    return NULL;
}

void index_builder_limit_chunks(struct index_builder *b, uint32_t n_bytes) { b->chunk_bytes = n_bytes; }

void index_builder_discard(struct index_builder *b)
{
    if (!b)
        return;
    store_discard(b->store);
    tasks_deinit(b);
    shadow_deinit(&b->shadow);
    lines_deinit(&b->mem_lines);
    lines_deinit(&b->place_lines);
    lines_deinit(&b->exec_lines);
    chunk_enc_deinit(&b->enc);
    bytes_deinit(&b->blob);
    story_deinit(b);
    free(b->dir);
    free(b);
}

uint64_t index_builder_insns(const struct index_builder *b) { return b->count + b->pending; }

/* ---- chunks ---- */

struct odb_err *builder_snapshot(struct index_builder *b, struct builder_thread *th)
{
    if (th->stored)
        return NULL;
    th->stored = true;
    ODB_TRY(regfile_encode(&th->regs, &b->blob));
    return store_put(b->store, STORE_SNAPSHOT, "iib", (uint64_t)th->tid, (uint64_t)b->chunk,
                     (const void *)b->blob.p, b->blob.n);
}

static struct odb_err *put_column(struct index_builder *b, enum chunk_column column, enum store_table table)
{
    ODB_TRY(chunk_enc_finish(&b->enc, column, &b->blob));
    return store_put(b->store, table, "ib", (uint64_t)b->chunk, (const void *)b->blob.p, b->blob.n);
}

static struct odb_err *flush_lines(struct index_builder *b, uint64_t group)
{
    ODB_TRY(lines_flush(&b->mem_lines, b->store, ODB_POST_MEM, group));
    ODB_TRY(lines_flush(&b->place_lines, b->store, ODB_POST_PLACE, group));
    return lines_flush(&b->exec_lines, b->store, ODB_POST_EXEC, group);
}

/* It may have no instructions, only writes of the one before it. */
struct odb_err *builder_end_chunk(struct index_builder *b)
{
    struct chunk_enc *e = &b->enc;
    if (!b->open)
        return NULL;
    b->open = false;
    if (!e->n_insn && !e->n_reg && !e->n_mem)
        return NULL;
    if (e->n_insn)
        ODB_TRY(put_column(b, CHUNK_INSNS, STORE_INSNS));
    if (e->n_reg)
        ODB_TRY(put_column(b, CHUNK_REGS, STORE_REGS));
    if (e->n_mem)
        ODB_TRY(put_column(b, CHUNK_MEMS, STORE_MEMS));
    ODB_TRY(store_put(b->store, STORE_CHUNK, "iiiiiiiiii", (uint64_t)b->chunk, b->chunk_t,
                      (uint64_t)e->n_insn, (uint64_t)builder_pid(b), (uint64_t)b->cur->tid,
                      (uint64_t)b->chunk_space->number, (uint64_t)e->n_reg, (uint64_t)e->n_mem, e->regs_lo,
                      e->regs_hi));
    b->n_reg += e->n_reg;
    b->n_mem += e->n_mem;
    chunk_enc_reset(e);
    lines_next_chunk(&b->mem_lines);
    lines_next_chunk(&b->place_lines);
    lines_next_chunk(&b->exec_lines);
    if (b->chunk == UINT32_MAX - 1)
        return odb_err("index: too many chunks");
    b->chunk++;
    if (b->chunk % ODB_IMAGE_EVERY == 0)
        b->images_due = true;
    if (b->chunk % ODB_GROUP_CHUNKS == 0)
        ODB_TRY(flush_lines(b, b->chunk / ODB_GROUP_CHUNKS - 1));
    return NULL;
}

/* Bytes [at, at + n_bytes) counted from the beginning of `line`. */
static struct odb_err *mark_lines(struct lines *l, uint64_t line, uint64_t at, uint64_t n_bytes,
                                  uint32_t chunk)
{
    for (; n_bytes; line++, at = 0) {
        uint64_t n = ODB_LINE_BYTES - at < n_bytes ? ODB_LINE_BYTES - at : n_bytes;
        unsigned words = lines_words(at, at + n - 1);
        if (!lines_known(l, line, words))
            ODB_TRY(lines_add(l, line, words, chunk % ODB_GROUP_CHUNKS));
        n_bytes -= n;
    }
    return NULL;
}

static struct odb_err *mark(struct lines *l, gaddr addr, uint64_t n_bytes, uint32_t chunk)
{
    return mark_lines(l, addr / ODB_LINE_BYTES, addr % ODB_LINE_BYTES, n_bytes, chunk);
}

static struct odb_err *begin_chunk(struct index_builder *b)
{
    b->open = true;
    b->chunk_t = b->count;
    b->chunk_space = builder_space(b);
    /* its first writes may be those of the last instruction: a look-up by rip must find them */
    if (b->count && b->last_tid == b->cur->tid)
        ODB_TRY(mark(&b->exec_lines, b->last_rip, 1, b->chunk));
    return builder_snapshot(b, b->cur);
}

/* ---- records ---- */

/* Does the record leave open whether the INSN before it completed? The engine announces a syscall
 * instruction before it is done, and exit_group at the end of the recording never is. */
static bool leaves_open(const struct odb_log *r, const uint8_t *body)
{
    uint64_t nr = 0;
    if (r->kind == ODB_LOG_TASK && r->n >= 4) {
        uint32_t op;
        memcpy(&op, body, sizeof(op));
        return op == ODB_LOG_TASK_EXIT;
    }
    if (r->kind != ODB_LOG_SYSCALL)
        return r->kind == ODB_LOG_EVENT || r->kind == ODB_LOG_MEM_IN || r->kind == ODB_LOG_STAY;
    memcpy(&nr, body, r->n < sizeof(nr) ? r->n : sizeof(nr));
    return nr == SYS_exit_group || nr == SYS_exit;
}

/* An image is of the state before an instruction: everything that came behind the one before it is in. */
static struct odb_err *store_images(struct index_builder *b)
{
    if (!b->images_due)
        return NULL;
    b->images_due = false;
    return shadow_images(&b->shadow, b->count);
}

/* Frequent switches of thread make many positions: those beyond POSITIONS_FREE and one for each POSITION_INSNS
 * instructions are left out, unless the last one is far away. */
#define POSITIONS_FREE 64
#define POSITION_INSNS 20000
#define POSITION_FAR 60000

static struct odb_err *put_position(struct index_builder *b, gaddr rip)
{
    bool wanted = b->have_position && b->position_rip == rip &&
                  (b->n_positions < POSITIONS_FREE + b->count / POSITION_INSNS ||
                   b->count >= b->position_t + POSITION_FAR);
    b->have_position = false;
    if (!wanted)
        return NULL;
    b->position_t = b->count;
    b->n_positions++;
    return store_put(b->store, STORE_POSITION, "iiiiiii", b->count, (uint64_t)builder_pid(b),
                     (uint64_t)b->cur->tid, b->position.run_number, b->position.event, b->position.tick, rip);
}

static struct odb_err *on_position(struct index_builder *b, gaddr rip, const uint8_t *body, uint32_t n)
{
    if (n < sizeof(b->position))
        return odb_err("index log: POSITION of %u bytes is too short", n);
    memcpy(&b->position, body, sizeof(b->position));
    b->position_rip = rip;
    b->have_position = true;
    return NULL;
}

static struct odb_err *on_insn(struct index_builder *b, gaddr rip)
{
    ODB_TRY(put_position(b, rip));
    ODB_TRY(store_images(b));
    ODB_TRY(story_insn(b));
    if (b->any_dead)
        ODB_TRY(tasks_reap(b));
    b->have_exit = false;
    if (b->enc.n_insn >= ODB_CHUNK_INSNS || b->enc.value_bytes >= b->chunk_bytes)
        ODB_TRY(builder_end_chunk(b));
    if (!b->open)
        ODB_TRY(begin_chunk(b));
    chunk_enc_insn(&b->enc, rip);
    b->count++;
    b->last_rip = rip;
    b->last_tid = b->cur->tid;
    return mark(&b->exec_lines, rip, 1, b->chunk);
}

/* The pending INSN is an instruction: counts it. */
static struct odb_err *settle(struct index_builder *b)
{
    if (!b->pending)
        return NULL;
    b->pending = false;
    return on_insn(b, b->pending_rip);
}

static struct odb_err *on_reg(struct index_builder *b, const struct odb_log *r, const uint8_t *value)
{
    if (r->reg >= ODB_N_REG || !r->n || r->n > ODB_WIDE_BYTES)
        return odb_err("index log: register %u with %u bytes is impossible", r->reg, r->n);
    if (r->reg >= ODB_REG_VEC0 && r->reg < ODB_REG_VEC0 + 32 && r->n > b->vector_bytes)
        b->vector_bytes = r->n;
    if (b->count && !b->open)
        ODB_TRY(begin_chunk(b));
    if (b->open)
        chunk_enc_reg(&b->enc, r->reg, value, r->n);
    b->cur->stored = false;
    regfile_set(&b->cur->regs, r->reg, value, r->n);
    return NULL;
}

/* Contents that no instruction wrote: part of the state from now on. */
static struct odb_err *on_pages(struct index_builder *b, gaddr addr, const uint8_t *p, uint32_t n)
{
    if (!n)
        return NULL;
    ODB_TRY(shadow_write(&b->shadow, builder_space(b), addr, NULL, p, n, UINT32_MAX));
    for (uint64_t page = addr / ODB_PAGE_BYTES; page <= (addr + n - 1) / ODB_PAGE_BYTES; page++)
        ODB_TRY(shadow_due(&b->shadow, builder_space(b), page));
    b->images_due = true;
    return NULL;
}

/* Which places were written, as far as postings by address do not tell. */
static struct odb_err *mark_places(struct index_builder *b, const struct shadow_space *sp, gaddr addr,
                                   uint64_t n_bytes)
{
    const unsigned per_page = ODB_PAGE_BYTES / ODB_LINE_BYTES;
    while (n_bytes) {
        uint64_t at = addr % ODB_PAGE_BYTES,
                 n = ODB_PAGE_BYTES - at < n_bytes ? ODB_PAGE_BYTES - at : n_bytes;
        uint64_t place = shadow_place(sp, addr), line = place * per_page;
        if (place >> ODB_PLACE_PAGE_BITS)
            ODB_TRY(
                mark_lines(&b->place_lines, line + at / ODB_LINE_BYTES, at % ODB_LINE_BYTES, n, b->chunk));
        addr += n;
        n_bytes -= n;
    }
    return NULL;
}

static struct odb_err *on_mem(struct index_builder *b, const struct odb_log *r, const uint8_t *old,
                              const uint8_t *new_)
{
    if (!r->n)
        return NULL;
    if (!b->count)
        return on_pages(b, r->arg, new_, r->n);
    if (b->open && b->enc.value_bytes >= b->chunk_bytes) /* within one instruction */
        ODB_TRY(builder_end_chunk(b));
    if (!b->open)
        ODB_TRY(begin_chunk(b));
    unsigned flags = !(r->reg & ODB_LOG_KERNEL) ? 0
                     : b->after_signal          ? ODB_MEM_KERNEL | ODB_MEM_SIGNAL
                                                : ODB_MEM_KERNEL;
    chunk_enc_mem(&b->enc, r->arg, r->n, flags, old, new_);
    ODB_TRY(mark(&b->mem_lines, r->arg, r->n, b->chunk));
    b->shadow.unmapped = 0;
    struct shadow_space *sp = builder_space(b);
    ODB_TRY(shadow_write(&b->shadow, sp, r->arg, old, new_, r->n, b->chunk));
    if (sp->number || b->shadow.in_object || (sp->shared && r->arg % ODB_PAGE_BYTES + r->n > ODB_PAGE_BYTES))
        ODB_TRY(mark_places(b, sp, r->arg, r->n));
    return b->shadow.unmapped ? story_grow_stack(b, b->shadow.unmapped) : NULL;
}

/* A write into memory that is not the running process's: a chunk of its own, in the space that it went to. */
static struct odb_err *on_elsewhere(struct index_builder *b, const struct odb_log *r, const uint8_t *body)
{
    uint64_t id;
    if (r->n < sizeof(id))
        return odb_err("index log: ELSEWHERE of %u bytes is too short", r->n);
    memcpy(&id, body, sizeof(id));
    const struct builder_proc *p = r->reg ? NULL : tasks_find_proc(b, (uint32_t)id);
    struct shadow_space *sp = r->reg ? shadow_space_of_file(&b->shadow, (uint32_t)id)
                              : p    ? p->vm->space
                                     : NULL;
    uint32_t n = r->n - (uint32_t)sizeof(id);
    if (!sp || !b->count)
        return NULL; /* nobody maps it */
    if (!n)
        return r->reg ? shadow_truncate(&b->shadow, sp, r->arg, b->count) : NULL;
    _cleanup_free_ uint8_t *old = calloc(1, n);
    if (!old)
        return odb_err("index: out of memory");
    shadow_read(&b->shadow, sp, r->arg, old, n);
    ODB_TRY(builder_end_chunk(b));
    ODB_TRY(begin_chunk(b));
    b->chunk_space = sp;
    chunk_enc_mem(&b->enc, r->arg, n, ODB_MEM_KERNEL, old, body + sizeof(id));
    if (!r->reg)
        ODB_TRY(mark(&b->mem_lines, r->arg, n, b->chunk));
    ODB_TRY(shadow_write(&b->shadow, sp, r->arg, NULL, body + sizeof(id), n, b->chunk));
    ODB_TRY(mark_places(b, sp, r->arg, n));
    return builder_end_chunk(b);
}

/* The registers of an xsave image, standard form. AVX-512 state lies where the CPU's vendor put it:
 * Intel left room for MPX (image of 2688 bytes and more), AMD did not (2432). */
static void set_xstate(struct regfile *f, const uint8_t *x, size_t n)
{
    if (n < 512)
        return;
    regfile_set(f, ODB_REG_FCW, x, 2);
    regfile_set(f, ODB_REG_FSW, x + 2, 2);
    regfile_set(f, ODB_REG_FTW, x + 4, 1);
    regfile_set(f, ODB_REG_MXCSR, x + 24, 4);
    for (int i = 0; i < 8; i++)
        regfile_set(f, ODB_REG_ST0 + (unsigned)i, x + 32 + 16 * i, 10);
    for (int i = 0; i < 16; i++)
        regfile_set(f, ODB_REG_VEC0 + (unsigned)i, x + 160 + 16 * i, 16);
    for (int i = 0; i < 16 && n >= 832; i++)
        memcpy(f->wide[i] + 16, x + 576 + 16 * i, 16);
    if (n < 2432)
        return;
    const uint8_t *k = x + (n >= 2688 ? 1088 : 832);
    for (int i = 0; i < 8; i++)
        regfile_set(f, ODB_REG_K0 + (unsigned)i, k + 8 * i, 8);
    for (int i = 0; i < 16; i++)
        memcpy(f->wide[i] + 32, k + 64 + 32 * i, 32);
    for (int i = 0; i < 16; i++)
        memcpy(f->wide[16 + i], k + 576 + 64 * i, 64);
}

/* The same thread has other registers, by a signal's delivery or a new program image: writes of the latest
 * instruction. */
static struct odb_err *change_registers(struct index_builder *b, const struct regfile *now)
{
    struct regfile *f = &b->cur->regs;
    if (!b->open)
        ODB_TRY(begin_chunk(b));
    for (unsigned reg = 0; reg < ODB_N_REG; reg++) {
        int w = regfile_wide(reg);
        if (w < 0 && reg != ODB_REG_RIP && f->scalar[reg] != now->scalar[reg])
            chunk_enc_reg(&b->enc, reg, &now->scalar[reg], 8);
        else if (w >= 0 && memcmp(f->wide[w], now->wide[w], ODB_WIDE_BYTES) != 0)
            chunk_enc_reg(&b->enc, reg, now->wide[w], reg >= ODB_REG_ST0 ? 10 : b->vector_bytes);
    }
    *f = *now;
    b->cur->stored = false;
    return NULL;
}

static void set_registers(struct regfile *f, const uint8_t *body, uint32_t n)
{
    struct odb_regs regs;
    memcpy(&regs, body, sizeof(regs));
    memcpy(f->scalar, regs.gpr, sizeof(regs.gpr));
    f->scalar[ODB_REG_RIP] = regs.rip;
    f->scalar[ODB_REG_RFLAGS] = regs.rflags;
    f->scalar[ODB_REG_FS_BASE] = regs.fs_base;
    f->scalar[ODB_REG_GS_BASE] = regs.gs_base;
    const size_t image_at = sizeof(regs) + offsetof(struct odb_xstate, image);
    if (n >= image_at) {
        uint32_t x_bytes;
        memcpy(&x_bytes, body + sizeof(regs), 4);
        set_xstate(f, body + image_at, x_bytes < n - image_at ? x_bytes : n - image_at);
    }
}

/* Another thread goes on, or the first begins. */
static struct odb_err *switch_to(struct index_builder *b, uint32_t tid, uint32_t pid)
{
    bool first = !b->cur->tid;
    ODB_TRY(story_insn(b));
    ODB_TRY(builder_end_chunk(b));
    if (!first)
        ODB_TRY(builder_snapshot(b, b->cur));
    ODB_TRY(tasks_run(b, tid, pid));
    ODB_TRY(tasks_reap(b));
    return first ? story_began(b) : NULL;
}

static struct odb_err *on_start(struct index_builder *b, uint64_t who, const uint8_t *body, uint32_t n)
{
    uint32_t tid = (uint32_t)who, pid = (uint32_t)(who >> 32);
    if (n < sizeof(struct odb_regs) || !tid)
        return odb_err("index log: START of thread %u, %u bytes, is impossible", tid, n);
    if (b->count && b->cur->tid == tid && !b->cur->dead) {
        struct regfile now = b->cur->regs;
        set_registers(&now, body, n);
        ODB_TRY(change_registers(b, &now));
    } else {
        ODB_TRY(switch_to(b, tid, pid));
        struct regfile was = b->cur->regs;
        set_registers(&b->cur->regs, body, n);
        if (memcmp(&was, &b->cur->regs, sizeof(was)) != 0)
            b->cur->stored = false;
    }
    if (!b->cur->proc->new_image)
        return NULL;
    b->cur->proc->new_image = false;
    return story_new_image(b, b->cur->regs.scalar[ODB_RSP]);
}

/* How many bytes follow the head. */
static uint64_t body_bytes(const struct odb_log *r)
{
    uint64_t n = ((uint64_t)r->n + 7) & ~7ull;
    return r->kind == ODB_LOG_INSN ? 0 : r->kind == ODB_LOG_MEM ? 2 * n : n;
}

static struct odb_err *on_record(struct index_builder *b, const struct odb_log *r, const uint8_t *body)
{
    bool memory = r->kind == ODB_LOG_MEM || r->kind == ODB_LOG_MEM_IN || r->kind == ODB_LOG_PAGES ||
                  r->kind == ODB_LOG_ELSEWHERE;
    if (memory && r->arg + r->n < r->arg)
        return odb_err("index log: record %u leaves the address space", r->kind);
    if (b->pending && !leaves_open(r, body))
        ODB_TRY(settle(b));
    if (r->kind == ODB_LOG_START || r->kind == ODB_LOG_SIGNAL)
        b->have_position = false;
    switch (r->kind) {
    case ODB_LOG_INSN:
        b->pending = true;
        b->pending_rip = r->arg;
        return NULL;
    case ODB_LOG_REG: return on_reg(b, r, body);
    case ODB_LOG_MEM: return on_mem(b, r, body, body + (((uint64_t)r->n + 7) & ~7ull));
    case ODB_LOG_PAGES: return on_pages(b, r->arg, body, r->n);
    case ODB_LOG_START: return on_start(b, r->arg, body, r->n);
    case ODB_LOG_ELSEWHERE: return on_elsewhere(b, r, body);
    case ODB_LOG_TASK: return tasks_record(b, body, r->n);
    case ODB_LOG_STAY:
        b->cur->regs.scalar[ODB_REG_RIP] = r->arg;
        b->cur->stored = false;
        return NULL;
    case ODB_LOG_POSITION: return on_position(b, r->arg, body, r->n);
    default: return story_record(b, r, body);
    }
}

struct odb_err *index_builder_feed(struct index_builder *b, const void *log, size_t n_bytes)
{
    const uint8_t *p = log, *end = p + n_bytes;
    while (p < end) {
        struct odb_log r;
        if ((size_t)(end - p) < sizeof(r))
            return odb_err("index log: %zu bytes left over", (size_t)(end - p));
        memcpy(&r, p, sizeof(r));
        uint64_t n = body_bytes(&r);
        if (n > (size_t)(end - p) - sizeof(r))
            return odb_err("index log: record %u of %u bytes is cut off", r.kind, r.n);
        ODB_TRY(on_record(b, &r, p + sizeof(r)));
        p += sizeof(r) + n;
    }
    return NULL;
}

static struct odb_err *put_meta(struct index_builder *b, const struct index_end *end)
{
    const struct {
        const char *key;
        uint64_t value;
    } numbers[] = {
        {"schema_version", ODB_SCHEMA_VERSION},
        {"end", b->count},
        {"end_rip", end->rip     ? end->rip
                    : b->end_rip ? b->end_rip
                                 : b->exit_rip},
        {"n_chunks", b->chunk},
        {"n_reg", b->n_reg},
        {"n_mem", b->n_mem},
        {"complete", !end->damage},
        {"vector_bytes", b->vector_bytes},
        {"shadow_mismatches", b->shadow.n_mismatch},
        {"missing_files", b->shadow.n_missing_files},
    };
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
        ODB_TRY(store_put(b->store, STORE_META, "ti", numbers[i].key, numbers[i].value));
    if (end->damage)
        ODB_TRY(store_put(b->store, STORE_META, "tt", "damage", end->damage));
    return NULL;
}

static struct odb_err *finish(struct index_builder *b, const struct index_end *end)
{
    bool never = b->pending && (b->have_exit || b->pending_rip == end->rip || b->pending_rip == b->exit_rip);
    if (!never)
        ODB_TRY(settle(b));
    ODB_TRY(put_position(b, b->pending_rip));
    ODB_TRY(store_images(b));
    ODB_TRY(story_insn(b));
    ODB_TRY(builder_end_chunk(b));
    /* the state after the last chunk: where t = end is a chunk's first instruction that never came */
    for (size_t i = 0; i < b->n_threads; i++)
        ODB_TRY(builder_snapshot(b, b->threads[i]));
    if (b->chunk % ODB_GROUP_CHUNKS)
        ODB_TRY(flush_lines(b, b->chunk / ODB_GROUP_CHUNKS));
    if (!b->cur->tid)
        b->cur->tid = b->first_pid;
    struct builder_proc *first = tasks_find_proc(b, b->first_pid);
    if (end->have_status && first) {
        first->have_status = true;
        first->status = end->status;
    }
    ODB_TRY(pipes_finish(&b->pipes));
    ODB_TRY(tasks_finish(b));
    ODB_TRY(shadow_finish(&b->shadow));
    return put_meta(b, end);
}

struct odb_err *index_builder_finish(struct index_builder *b, const struct index_end *end)
{
    struct odb_err *e = finish(b, end);
    if (!e)
        e = store_commit(take_ptr(b->store), &end->guest);
    index_builder_discard(b);
    return e;
}
