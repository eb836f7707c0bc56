/* The code cache and what is known about it: blocks by program address and by cache address, exits,
 * landing pads of indirect branches, and the guard on pages whose code was translated.
 *
 * The cache has two ends. Blocks grow up from the bottom, in the order of their making, so that a cache
 * address is found by binary search. Exit stubs and 8-byte constants grow down from the top: they are
 * rarely touched and would only dilute the instruction cache.
 *
 * Nothing is ever freed alone: when any of the arrays is full, everything is dropped at once
 * (cache_flush), which is safe because C code runs only between blocks. A dead block's two entries are
 * overwritten by jumps to exits, so that links and landing pads that lead to it find its successor.
 *
 * Indirect branches. A site puts the target into rcx, its low 16 bits into rdx, and jumps through
 * IBL_TABLE[rdx]. The entry leads to a landing pad, which subtracts its own address with lea (no flags)
 * and falls into its block when nothing is left; otherwise it goes on to the next pad of the same 16
 * bits, whose constant is the difference to the one before, and at last to the miss path, which adds
 * the last pad's address again. The program's rcx and rdx wait in ctx.spill[0] and [1].
 *
 * Guarded pages. Code on a writable page is translated only after the page was made read-only; a store
 * to it faults, the blocks go, and the page is writable again. A page that keeps being written is
 * "checked" instead: its blocks compare their own bytes whenever they are entered. */
#include <linux/mman.h>

#include "preload/core.h"
#include "preload/raw.h"
#include "preload/thread.h"

struct block *blocks;
struct exit_rec *exits;
struct insn_mark *marks;
static uint32_t n_blocks, n_exits, n_marks, n_nodes;
static uint8_t *cursor; /* next free byte, bottom part */
static uint8_t *cold;   /* lowest used byte, top part */

/* Blocks by program address and variant: open addressing, dead blocks stay in until a flush. A slot holds half of the
 * hash, so that a look-up that fails, the common case while translating, reads this table only. */
struct slot {
    uint32_t block, tag; /* tag 0: free */
};
static struct slot *slots;
static unsigned slot_bits;
/* Most addresses looked up while translating have no block yet: a bit for each that may have one, small enough to
 * stay in the cache, tells. */
#define FILTER_BITS 20
static uint64_t filter[1 << FILTER_BITS >> 6];
static unsigned filter_bits; /* in use: small programs touch few pages */
/* Where the pads of one entry of the look-up table end: a hash of the entries that have any. */
struct tail {
    uint32_t entry; /* + 1; 0: free */
    uint32_t jump;  /* cache offset of the last pad's jump */
    gaddr tag;      /* the last pad's program address */
};
static struct tail *tails;
static unsigned tail_bits;
static uint32_t n_tails;
static bool is_fresh; /* the tables are zero: first use */
uint32_t flush_count;
uint32_t indirect_miss;

/* Pages with translated code: a hash of pages, each with a list of blocks. */
struct page {
    gaddr addr;
    uint32_t next;  /* page in the same hash bucket */
    uint32_t first; /* node */
    uint16_t n_faults;
    bool guarded, checked;
    uint32_t prot; /* the program's protection, while guarded */
};
struct node {
    uint32_t block, next;
};
#define MAX_PAGES (1u << 18)
static struct page *pages;
static struct node *nodes;
static uint32_t *page_heads;
static uint32_t n_pages, n_guarded;
bool
    flush_pending; /* no room to lead dead blocks' entries away: drop everything before translated code runs */

#define SLOT_BITS_MIN 12
#define TAIL_BITS_MIN 10

/* Write faults after which a page's blocks check themselves. */
#define PAGE_FAULTS_TO_CHECKED 8

static void reset_code(void)
{
    cursor = CACHE + 64;
    cold = CACHE + ODB_CACHE_BYTES;
    n_blocks = n_exits = n_marks = n_nodes = 1;
    n_tails = 0;
    if (is_fresh)
        return;
    memset(slots, 0, sizeof *slots << slot_bits);
    memset(filter, 0, sizeof filter);
    memset(tails, 0, sizeof *tails << tail_bits);
    for (uint32_t i = 1; i < n_pages; i++)
        pages[i].first = 0;
}

/* n is a constant everywhere, so the copy is a move or two. */
static inline __attribute__((always_inline)) void emit_bytes(const void *p, size_t n)
{
    __builtin_memcpy(cursor, p, n);
    cursor += n;
}

static inline void emit_rel32_to(const void *target)
{
    int32_t rel = (int32_t)((const uint8_t *)target - (cursor + 4));
    emit_bytes(&rel, 4);
}

/* mov reg, [rip+slot] (0x8b) or mov [rip+slot], reg (0x89); reg 0-7 */
static void emit_ctx_mov(uint8_t op, uint8_t reg, const void *slot)
{
    const uint8_t head[] = {0x48, op, (uint8_t)(0x05 | reg << 3)};
    emit_bytes(head, 3);
    emit_rel32_to(slot);
}

/* The end of every failed look-up: rcx = target; restore and leave. */
static void emit_indirect_miss(void)
{
    indirect_miss = (uint32_t)(cursor - CACHE);
    emit_ctx_mov(0x89, ODB_RCX, &ctx.exit_info);
    emit_ctx_mov(0x8b, ODB_RCX, &ctx.spill[0]);
    emit_ctx_mov(0x8b, ODB_RDX, &ctx.spill[1]);
    uint32_t x = exit_new(EXIT_INDIRECT, VARIANT_FAST, 0, 0);
    *cursor++ = 0xe9;
    emit_rel32_to(CACHE + stub_emit(x));
}

static void ibl_clear(void)
{
    for (uint32_t i = 0; i < IBL_ENTRIES; i++)
        IBL_TABLE[i] = ODB_CACHE_ADDR + indirect_miss;
}

/* Pages that are going to be written: made present at once, which costs a third of a fault for each. */
static void present(const void *at, size_t n_bytes)
{
    uint64_t first = (uint64_t)at & ~0xfffULL, end = ((uint64_t)at + n_bytes + 0xfff) & ~0xfffULL;
    raw3(__NR_madvise, first, end - first, 23 /* MADV_POPULATE_WRITE, Linux 5.14 */);
}

/* The empty table is the same in all processes: in a recording the first one leaves a copy behind the shared tables,
 * and the others map that, instead of filling 128 pages each. */
static void ibl_begin(void)
{
    const uint64_t at = ODB_CONTROL_BYTES + ODB_RING_BYTES + ODB_SHARED_BYTES;
    bool record = CONTROL->mode == ODB_MODE_RECORD && ring_fd >= 0;
    if (record && SHARED->ibl_ready) {
        long r = raw6(__NR_mmap, ODB_IBL_ADDR, ODB_IBL_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED,
                      ring_fd, at);
        if (r == ODB_IBL_ADDR) {
            present(IBL_TABLE, ODB_IBL_BYTES);
            return;
        }
    }
    ibl_clear();
    if (record && raw4(__NR_pwrite64, ring_fd, ODB_IBL_ADDR, ODB_IBL_BYTES, at) == ODB_IBL_BYTES)
        SHARED->ibl_ready = 1;
}

static void map_fixed(uint64_t addr, uint64_t n_bytes, int prot)
{
    long r = raw6(__NR_mmap, addr, n_bytes, prot,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE, -1, 0);
    if (r != (long)addr)
        engine_panic("cannot map the engine's memory at 0x%lx (error %ld): the program uses that address",
                     addr, -r);
}

/* What any dynamic program needs before its main(). */
static void make_present(void)
{
    present(blocks, 28 << 12);
    present(exits, 16 << 12);
    present(marks, 36 << 12);
    present(slots, sizeof *slots << slot_bits);
    present(tails, sizeof *tails << tail_bits);
    present(nodes, 5 << 12);
    present(CACHE, 54 << 12);
    present(CACHE + ODB_CACHE_BYTES - (24 << 12), 24 << 12);
}

void cache_init(void)
{
    map_fixed(ODB_HEAP_ADDR, ODB_HEAP_BYTES, PROT_READ | PROT_WRITE);
    map_fixed(ODB_CACHE_ADDR, ODB_CACHE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC);
    map_fixed(ODB_IBL_ADDR, ODB_IBL_BYTES, PROT_READ | PROT_WRITE);
    blocks = engine_alloc(MAX_BLOCKS * sizeof *blocks);
    exits = engine_alloc(MAX_EXITS * sizeof *exits);
    marks = engine_alloc(MAX_MARKS * sizeof *marks);
    slot_bits = SLOT_BITS_MIN;
    slots = engine_alloc(sizeof *slots << slot_bits);
    tail_bits = TAIL_BITS_MIN;
    tails = engine_alloc(sizeof *tails << tail_bits);
    filter_bits = slot_bits + 4;
    pages = engine_alloc(MAX_PAGES * sizeof *pages);
    nodes = engine_alloc(MAX_NODES * sizeof *nodes);
    page_heads = engine_alloc(PAGE_HASH_SIZE * sizeof *page_heads);
    n_pages = 1;
    is_fresh = true;
    reset_code();
    is_fresh = false;
    if (CONTROL->mode == ODB_MODE_RECORD)
        make_present();
    emit_indirect_miss();
    ibl_begin();
}

bool cache_has_room(void)
{
    return cursor + (1 << 17) < cold && n_blocks + 2 < MAX_BLOCKS && n_exits + 512 < MAX_EXITS &&
           n_marks + 1024 < MAX_MARKS && n_nodes + 16 < MAX_NODES && n_pages + 16 < MAX_PAGES;
}

void cache_flush(void)
{
    reset_code();
    emit_indirect_miss();
    ibl_clear();
    flush_count++;
    flush_pending = false;
    CONTROL->n_flushes++;
}

static uint64_t hash_rip(gaddr rip, uint8_t variant)
{
    return (rip ^ (uint64_t)variant << 62) * 0x9e3779b97f4a7c15ULL;
}

/* The word and bit of the filter come from other bits of the hash than the slot. */
static uint64_t *filter_word(uint64_t h) { return &filter[h >> 32 & ((1u << filter_bits >> 6) - 1)]; }

struct block *block_find(gaddr rip, uint8_t variant)
{
    uint64_t h = hash_rip(rip, variant);
    uint32_t mask = (1u << slot_bits) - 1, tag = (uint32_t)h | 1;
    if (!(*filter_word(h) >> (h >> 26 & 63) & 1))
        return NULL;
    for (uint32_t i = (uint32_t)(h >> (64 - slot_bits)); slots[i].tag; i = (i + 1) & mask) {
        if (slots[i].tag != tag)
            continue;
        struct block *b = &blocks[slots[i].block];
        if (b->start == rip && b->variant == variant && !(b->flags & BLOCK_DEAD))
            return b;
    }
    return NULL;
}

static void slot_put(const struct block *b)
{
    uint64_t h = hash_rip(b->start, b->variant);
    uint32_t mask = (1u << slot_bits) - 1, i = (uint32_t)(h >> (64 - slot_bits));
    while (slots[i].tag)
        i = (i + 1) & mask;
    slots[i] = (struct slot){(uint32_t)(b - blocks), (uint32_t)h | 1};
    *filter_word(h) |= 1ULL << (h >> 26 & 63);
}

/* Twice the room; the old table is lost to the heap, which sums up to less than the last one. */
static void slots_grow(void)
{
    slot_bits++;
    slots = engine_alloc(sizeof *slots << slot_bits);
    if (filter_bits < FILTER_BITS) {
        memset(filter, 0, 1u << filter_bits >> 3);
        filter_bits++;
    }
    for (uint32_t i = 1; i < n_blocks; i++)
        if (!(blocks[i].flags & BLOCK_DEAD))
            slot_put(&blocks[i]);
}

struct block *block_at(uint64_t pc)
{
    if (pc < ODB_CACHE_ADDR || pc >= ODB_CACHE_ADDR + ODB_CACHE_BYTES || n_blocks <= 1)
        return NULL;
    uint32_t off = (uint32_t)(pc - ODB_CACHE_ADDR), lo = 1, hi = n_blocks;
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (blocks[mid].cache_begin <= off)
            lo = mid;
        else
            hi = mid;
    }
    return off >= blocks[lo].cache_begin && off <= blocks[lo].cache_end ? &blocks[lo] : NULL;
}

const struct insn_mark *block_mark(const struct block *b, uint64_t pc)
{
    uint32_t off = (uint32_t)(pc - ODB_CACHE_ADDR) - b->cache_begin;
    const struct insn_mark *found = NULL;
    for (uint32_t i = 0; i < b->n_marks && marks[b->marks + i].cache_off <= off; i++)
        found = &marks[b->marks + i];
    return found;
}

uint32_t cache_n_blocks(void) { return n_blocks; }

uint8_t *cache_cursor(void) { return cursor; }

void cache_set_cursor(uint8_t *p) { cursor = p; }

void cache_align(unsigned n)
{
    while ((uintptr_t)cursor & (n - 1))
        *cursor++ = 0xcc;
}

struct block *block_begin(gaddr rip, uint8_t variant)
{
    if (n_blocks + 1 > 3u << slot_bits >> 2)
        slots_grow();
    struct block *b = &blocks[n_blocks++];
    *b = (struct block){.start = rip, .variant = variant, .marks = n_marks};
    b->cache_begin = (uint32_t)(cursor - CACHE);
    return b;
}

/* ---- pages ---- */

static struct page *page_find(gaddr addr)
{
    for (uint32_t i = page_heads[(addr >> 12) & (PAGE_HASH_SIZE - 1)]; i; i = pages[i].next)
        if (pages[i].addr == addr)
            return &pages[i];
    return NULL;
}

static struct page *page_get(gaddr addr)
{
    struct page *p = page_find(addr);
    if (p)
        return p;
    uint32_t *head = &page_heads[(addr >> 12) & (PAGE_HASH_SIZE - 1)];
    p = &pages[n_pages];
    *p = (struct page){.addr = addr, .next = *head};
    *head = n_pages++;
    return p;
}

bool page_is_checked(gaddr addr)
{
    const struct page *p = page_find(addr);
    return p && p->checked;
}

static void page_guard(struct page *p)
{
    const struct engine_map *m = maps_find(p->addr);
    if (p->guarded || p->checked || !m || !(m->prot & PROT_WRITE))
        return;
    p->prot = m->prot;
    p->guarded = true;
    n_guarded++;
    raw3(__NR_mprotect, p->addr, ODB_PAGE_BYTES, m->prot & ~(uint32_t)PROT_WRITE);
}

static void page_unguard(struct page *p)
{
    if (!p->guarded)
        return;
    p->guarded = false;
    n_guarded--;
    raw3(__NR_mprotect, p->addr, ODB_PAGE_BYTES, p->prot);
}

void block_finish(struct block *b)
{
    b->cache_end = (uint32_t)(cursor - CACHE);
    n_marks += b->n_marks;
    slot_put(b);
    gaddr first = b->start & ~0xfffULL;
    uint64_t n_pages_of_block =
        (b->start - first + (b->len_bytes ? b->len_bytes - 1 : 0)) / ODB_PAGE_BYTES + 1;
    for (uint64_t i = 0; i < n_pages_of_block; i++) {
        struct page *p = page_get(first + i * ODB_PAGE_BYTES);
        nodes[n_nodes] = (struct node){(uint32_t)(b - blocks), p->first};
        p->first = n_nodes++;
        page_guard(p);
    }
    CONTROL->n_blocks++;
}

static void patch_jump(uint32_t at, uint32_t to)
{
    CACHE[at] = 0xe9;
    cache_patch_rel32(at + 1, to);
}

static void block_kill(struct block *b)
{
    if (b->flags & BLOCK_DEAD)
        return;
    b->flags |= BLOCK_DEAD;
    if (n_exits + 8 >= MAX_EXITS || cursor + 4096 > cold) {
        flush_pending = true;
        return;
    }
    uint32_t x = exit_new(EXIT_LINK, b->variant, b->start, b->main_entry + 1);
    patch_jump(b->main_entry, stub_emit(x));
    if (b->tick_entry == b->main_entry)
        return;
    x = exit_new(EXIT_LINK_TICK, b->variant, b->start, b->tick_entry + 1);
    patch_jump(b->tick_entry, stub_emit(x));
}

static void page_drop_blocks(struct page *p, gaddr start, gaddr end)
{
    uint32_t *at = &p->first;
    while (*at) {
        struct node *n = &nodes[*at];
        struct block *b = &blocks[n->block];
        bool overlaps = b->start < end && b->start + (b->len_bytes ? b->len_bytes : 1) > start;
        if (overlaps)
            block_kill(b);
        if (overlaps || b->flags & BLOCK_DEAD)
            *at = n->next;
        else
            at = &n->next;
    }
}

/* Memory of the page changed by a call of the program's. Some of them (mmap, mprotect) have set the page's
 * protection anew, others (madvise) have left ours: either way it becomes the program's again. */
static void page_changed(struct page *p, gaddr start, gaddr end)
{
    page_drop_blocks(p, start, end);
    if (p->guarded) {
        const struct engine_map *m = maps_find(p->addr);
        n_guarded--;
        p->guarded = false;
        if (m && m->prot & PROT_WRITE)
            raw3(__NR_mprotect, p->addr, ODB_PAGE_BYTES, m->prot);
    }
    if (p->first)
        page_guard(p);
}

void core_invalidate(gaddr start, gaddr end)
{
    gaddr first = start & ~0xfffULL;
    if ((end - first) / ODB_PAGE_BYTES > n_pages) {
        for (uint32_t i = 1; i < n_pages; i++)
            if (pages[i].addr < end && pages[i].addr + ODB_PAGE_BYTES > start)
                page_changed(&pages[i], start, end);
        return;
    }
    for (gaddr a = first; a < end; a += ODB_PAGE_BYTES) {
        struct page *p = page_find(a);
        if (p)
            page_changed(p, start, end);
    }
}

bool page_write_fault(gaddr addr, gaddr rip)
{
    struct page *p = page_find(addr & ~0xfffULL);
    if (!p || !p->guarded)
        return false;
    page_unguard(p);
    p->n_faults++;
    if (p->n_faults >= PAGE_FAULTS_TO_CHECKED || (rip & ~0xfffULL) == p->addr ||
        ((rip + 15) & ~0xfffULL) == p->addr)
        p->checked = true;
    page_drop_blocks(p, p->addr, p->addr + ODB_PAGE_BYTES);
    return true;
}

bool core_unprotect_all(void)
{
    if (!n_guarded)
        return false;
    for (uint32_t i = 1; i < n_pages; i++)
        if (pages[i].guarded) {
            page_unguard(&pages[i]);
            page_drop_blocks(&pages[i], pages[i].addr, pages[i].addr + ODB_PAGE_BYTES);
        }
    return true;
}

/* ---- exits ---- */

uint32_t exit_new(uint8_t kind, uint8_t variant, gaddr target, uint32_t patch)
{
    exits[n_exits] = (struct exit_rec){.kind = kind, .variant = variant, .patch = patch, .target = target};
    return n_exits++;
}

/* mov [ctx.rax], rax; mov eax, x; jmp exit_common */
uint32_t stub_emit(uint32_t x)
{
    uint8_t *hot = cursor;
    cold -= 17;
    cursor = cold;
    emit_ctx_mov(0x89, ODB_RAX, &ctx.gpr[ODB_RAX]);
    *cursor++ = 0xb8;
    emit_bytes(&x, 4);
    *cursor++ = 0xe9;
    emit_rel32_to(exit_common);
    cursor = hot;
    return (uint32_t)(cold - CACHE);
}

uint32_t pool_u64(uint64_t v)
{
    cold = (uint8_t *)(((uintptr_t)cold - 8) & ~7ULL);
    *(uint64_t *)cold = v;
    return (uint32_t)(cold - CACHE);
}

uint32_t pool_bytes(const void *p, size_t n_bytes)
{
    cold -= n_bytes;
    memcpy(cold, p, n_bytes);
    return (uint32_t)(cold - CACHE);
}

void cache_patch_rel32(uint32_t patch, uint32_t to)
{
    int32_t rel = (int32_t)(to - (patch + 4));
    __builtin_memcpy(CACHE + patch, &rel, 4);
}

static void exit_link_early(struct exit_rec *e)
{
    bool is_link = e->kind == EXIT_LINK || e->kind == EXIT_LINK_TICK;
    if (e->variant != VARIANT_FAST || (!is_link && (e->kind != EXIT_SYSCALL || e->patch)))
        return;
    const struct block *b = block_find(is_link ? e->target : e->target + 2, VARIANT_FAST);
    if (!b)
        return;
    uint32_t entry = e->kind == EXIT_LINK_TICK ? b->tick_entry : b->main_entry;
    int32_t rel, want = (int32_t)(entry - (e->patch + 4));
    if (!is_link) {
        e->patch = entry;
        return;
    }
    __builtin_memcpy(&rel, CACHE + e->patch, 4);
    if (rel != want) /* else the page would be written for nothing */
        cache_patch_rel32(e->patch, entry);
}

void cache_link_all(void)
{
    for (uint32_t x = 1; x < n_exits; x++)
        exit_link_early(&exits[x]);
}

/* ---- landing pads ---- */

/* lea rcx, [rcx - delta], by way of rdx when delta needs 64 bits */
static void emit_rcx_minus(uint64_t delta)
{
    int64_t minus = (int64_t)-delta;
    if (minus == (int32_t)minus) {
        const uint8_t lea[] = {0x48, 0x8d, 0x89};
        int32_t disp = (int32_t)minus;
        emit_bytes(lea, 3);
        emit_bytes(&disp, 4);
        return;
    }
    const uint8_t mov[] = {0x48, 0xba}, lea[] = {0x48, 0x8d, 0x0c, 0x11};
    emit_bytes(mov, 2);
    emit_bytes(&minus, 8);
    emit_bytes(lea, 4);
}

/* Where a failed last pad goes: adds the pad's address again and takes the shared miss path. */
static uint32_t miss_stub(gaddr tag)
{
    uint8_t *hot = cursor;
    cold -= 24;
    cursor = cold;
    emit_rcx_minus(-tag);
    *cursor++ = 0xe9;
    emit_rel32_to(CACHE + indirect_miss);
    cursor = hot;
    return (uint32_t)(cold - CACHE);
}

/* The tail of entry i; a free place for it when it has none. */
static struct tail *tail_find(uint32_t i)
{
    uint32_t mask = (1u << tail_bits) - 1, at = i * 0x9e3779b1u >> (32 - tail_bits);
    while (tails[at].entry && tails[at].entry != i + 1)
        at = (at + 1) & mask;
    return &tails[at];
}

static void tails_grow(void)
{
    struct tail *old = tails;
    uint32_t n = 1u << tail_bits;
    tail_bits++;
    tails = engine_alloc(sizeof *tails << tail_bits);
    for (uint32_t k = 0; k < n; k++)
        if (old[k].entry)
            *tail_find(old[k].entry - 1) = old[k];
}

void pad_emit(gaddr target)
{
    uint32_t i = target & (IBL_ENTRIES - 1);
    uint32_t at = (uint32_t)(cursor - CACHE);
    if (n_tails >= 3u << tail_bits >> 2)
        tails_grow();
    struct tail *t = tail_find(i);
    emit_rcx_minus(t->entry ? target - t->tag : target);
    const uint8_t jrcxz_over[] = {0xe3, 0x05, 0xe9};
    emit_bytes(jrcxz_over, 3);
    uint32_t jump = (uint32_t)(cursor - CACHE);
    cursor += 4;
    cache_patch_rel32(jump, miss_stub(target));
    emit_ctx_mov(0x8b, ODB_RCX, &ctx.spill[0]);
    emit_ctx_mov(0x8b, ODB_RDX, &ctx.spill[1]);
    if (t->entry)
        cache_patch_rel32(t->jump, at);
    else
        IBL_TABLE[i] = ODB_CACHE_ADDR + at;
    n_tails += !t->entry;
    *t = (struct tail){i + 1, jump, target};
}

void pad_ensure(struct block *b)
{
    if (b->pad)
        return;
    cache_align(16);
    b->pad = (uint32_t)(cursor - CACHE);
    pad_emit(b->start);
    *cursor++ = 0xe9;
    emit_rel32_to(CACHE + b->tick_entry);
}
