/* Instructions whose result the CPU may not decide alone: cpuid, time stamps, random numbers, xgetbv, and the
 * ones that store x87 or vector state as an image.
 *
 * State images are made canonical, so that a replay on another CPU stores the same bytes: every component
 * counts as in use, and the x87 instruction and data pointers, which would show cache addresses, are
 * zero. Under the v3 policy only x87, SSE and AVX exist; the mask also keeps xrstor from rewinding the
 * tick counter in xmm31. Under `host`, images with AVX-512 are stored by the CPU itself. */
#include <linux/signal.h>

#include "preload/core.h"
#include "preload/raw.h"

#define XSTATE_V3 7ULL        /* x87, SSE, AVX */
#define XSTATE_AVX512 0xe0ULL /* opmask, ZMM_Hi256, Hi16_ZMM */
#define LEGACY_BYTES 512
#define XSAVE_HEADER_END 576
#define AVX_END 832

static uint64_t xmask = XSTATE_V3;
static size_t xbytes = AVX_END;
static bool have_fsgsbase;
static uint8_t image[4096] __attribute__((aligned(64)));

static void real_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    __asm__ volatile("cpuid"
                     : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3])
                     : "a"(leaf), "c"(subleaf));
}

void special_init(void)
{
    uint32_t r[4];
    if (CONTROL->cpu_policy == ODB_CPU_HOST)
        xmask = CONTROL->xcr0 & (XSTATE_V3 | XSTATE_AVX512);
    if (!xmask)
        xmask = XSTATE_V3;
    for (uint32_t i = 5; i < 8; i++)
        if (xmask >> i & 1) {
            real_cpuid(0xd, i, r);
            if (r[0] + r[1] > xbytes)
                xbytes = r[0] + r[1];
        }
    engine_assert(xbytes <= sizeof image);
}

uint64_t fs_base(void)
{
    uint64_t v = 0;
    if (!have_fsgsbase && guard_rdfsbase(&v) == 0)
        have_fsgsbase = true;
    else if (have_fsgsbase)
        guard_rdfsbase(&v);
    else
        raw2(__NR_arch_prctl, 0x1003 /* ARCH_GET_FS */, &v);
    return v;
}

uint64_t gs_base(void)
{
    uint64_t v = 0;
    if (guard_rdgsbase(&v) != 0)
        raw2(__NR_arch_prctl, 0x1004 /* ARCH_GET_GS */, &v);
    return v;
}

gaddr insn_address(const struct insn *in)
{
    gaddr a = (uint64_t)(int64_t)in->disp;
    if (in->base == GPR_RIP)
        a += ctx.rip + in->len;
    else if (in->base != GPR_NONE)
        a += ctx.gpr[in->base];
    if (in->index != GPR_NONE && !in->is_vsib)
        a += ctx.gpr[in->index] << in->scale_log2;
    if (in->pfx_67)
        a = (uint32_t)a;
    if (in->seg == SEG_FS)
        a += fs_base();
    else if (in->seg == SEG_GS)
        a += gs_base();
    return a;
}

bool insn_at(gaddr rip, struct insn *ret)
{
    uint8_t bytes[INSN_MAX_BYTES];
    size_t n = engine_peek_some(rip, bytes, sizeof bytes);
    return n && insn_decode(bytes, n, ret) > 0;
}

/* ---- images ---- */

static void clear_x87_pointers(uint8_t *legacy) { memset(legacy + 6, 0, 18); /* FOP, FIP, FDP */ }

/* The canonical image of the live state into `image`. */
static void image_take(void)
{
    uint64_t in_use;
    memset(image, 0, xbytes);
    guard_xsave(image, xmask);
    memcpy(&in_use, image + LEGACY_BYTES, 8);
    if (!(in_use & 1)) {
        const uint8_t fcw[2] = {0x7f, 0x03};
        memset(image, 0, 24);
        memset(image + 32, 0, 128);
        memcpy(image, fcw, 2);
    }
    if (!(in_use & 2))
        memset(image + 160, 0, 256);
    if (!(in_use & 4))
        memset(image + XSAVE_HEADER_END, 0, AVX_END - XSAVE_HEADER_END);
    memset(image + 416, 0, 96);
    clear_x87_pointers(image);
    memset(image + LEGACY_BYTES, 0, 64);
    memcpy(image + LEGACY_BYTES, &xmask, 8);
}

size_t xstate_bytes(void) { return xbytes; }

size_t xstate_save(void *to, size_t max_bytes)
{
    engine_assert(max_bytes >= xbytes);
    image_take();
    memcpy(to, image, xbytes);
    return xbytes;
}

void xstate_load(const void *from, size_t n_bytes)
{
    uint64_t present;
    memset(image, 0, xbytes);
    memcpy(image, from, n_bytes < xbytes ? n_bytes : xbytes);
    memcpy(&present, image + LEGACY_BYTES, 8);
    present &= xmask;
    memset(image + LEGACY_BYTES, 0, 64);
    memcpy(image + LEGACY_BYTES, &present, 8);
    image[26] = image[27] = 0; /* reserved MXCSR bits would fault */
    if (guard_xrstor(image, xmask))
        xstate_reset();
}

void xstate_reset(void)
{
    memset(image, 0, xbytes);
    image[24] = 0x80, image[25] = 0x1f; /* MXCSR */
    guard_xrstor(image, xmask);
}

/* ---- the instructions ---- */

static void raise_gp(void)
{
    pending_fault = (struct pending_fault){.trapno = 13};
    core_raise(SIGSEGV, 0x80 /* SI_KERNEL */, 0);
}

/* Access to program memory failed at addr: the fault that the instruction itself would have taken. */
static void raise_access(gaddr addr, size_t n_bytes, bool write)
{
    gaddr at = addr;
    uint8_t byte;
    for (size_t i = 0; i < n_bytes; i++) {
        const struct engine_map *m = maps_find(addr + i);
        if (!m || !(m->prot & (write ? 2 : 1)) || !engine_peek(addr + i, &byte, 1)) {
            at = addr + i;
            break;
        }
    }
    if (at >> 47 && at >> 47 != 0x1ffff) {
        raise_gp();
        return;
    }
    pending_fault = (struct pending_fault){.trapno = 14, .err = write ? 6 : 4, .cr2 = at};
    core_raise(SIGSEGV, maps_find(at) ? 2 : 1, at);
}

/* True: written. Else the fault was raised. */
static bool store(gaddr addr, const void *from, size_t n_bytes)
{
    if (!engine_owns(addr, n_bytes)) {
        if (engine_poke(addr, from, n_bytes))
            return true;
        core_unprotect_all();
        if (engine_poke(addr, from, n_bytes))
            return true;
    }
    raise_access(addr, n_bytes, true);
    return false;
}

static const struct odb_cpuid *cpuid_answer(uint32_t leaf, uint32_t subleaf)
{
    const struct odb_cpuid *first = NULL;
    unsigned n_of_leaf = 0;
    for (uint32_t i = 0; i < CONTROL->n_cpuid; i++) {
        const struct odb_cpuid *c = &CONTROL->cpuid[i];
        if (c->leaf != leaf)
            continue;
        if (c->subleaf == subleaf)
            return c;
        n_of_leaf++;
        first = first ? first : c;
    }
    return n_of_leaf == 1 && first->subleaf == 0 && leaf != 7 && leaf != 0xd ? first : NULL;
}

static void do_cpuid(void)
{
    static const struct odb_cpuid none;
    uint32_t leaf = (uint32_t)ctx.gpr[ODB_RAX], subleaf = (uint32_t)ctx.gpr[ODB_RCX];
    const struct odb_cpuid *c = cpuid_answer(leaf, subleaf);
    if (!c)
        c = &none;
    ctx.gpr[ODB_RAX] = c->eax;
    ctx.gpr[ODB_RBX] = c->ebx;
    ctx.gpr[ODB_RCX] = c->ecx;
    ctx.gpr[ODB_RDX] = c->edx;
}

static void do_rdtsc(uint32_t kind)
{
    uint32_t aux = 0;
    uint64_t v = sys_insn_value(kind, &aux);
    ctx.gpr[ODB_RAX] = (uint32_t)v;
    ctx.gpr[ODB_RDX] = v >> 32;
    if (kind == ODB_INSN_RDTSCP)
        ctx.gpr[ODB_RCX] = aux;
}

static void set_operand(const struct insn *in, uint64_t v)
{
    uint64_t *r = &ctx.gpr[in->rm & 15];
    if (in->opsize_bytes == 2)
        *r = (*r & ~0xffffULL) | (uint16_t)v;
    else
        *r = in->opsize_bytes == 4 ? (uint32_t)v : v;
}

static void do_random(const struct insn *in, uint32_t kind)
{
    uint32_t carry = 0;
    uint64_t v = sys_insn_value(kind, &carry);
    set_operand(in, carry ? v : 0);
    ctx.rflags = (ctx.rflags & ~(uint64_t)FL_ARITH) | (carry ? FL_CF : 0);
}

static bool do_xgetbv(void)
{
    uint32_t index = (uint32_t)ctx.gpr[ODB_RCX];
    if (index > 1) {
        raise_gp();
        return false;
    }
    ctx.gpr[ODB_RAX] = (uint32_t)CONTROL->xcr0;
    ctx.gpr[ODB_RDX] = CONTROL->xcr0 >> 32;
    return true;
}

static bool do_fxsave(gaddr addr)
{
    if (addr & 15) {
        raise_gp();
        return false;
    }
    memset(image, 0, LEGACY_BYTES);
    guard_fxsave(image);
    clear_x87_pointers(image);
    return store(addr, image, 416);
}

/* Under `host` the CPU stores the image itself: compacted offsets of AVX-512 are its business. */
static bool xsave_native(const struct insn *in, gaddr addr, uint64_t mask)
{
    uint8_t zero[18] = {0};
    long failed =
        in->special == SP_XSAVEC ? guard_xsavec((void *)addr, mask) : guard_xsave((void *)addr, mask);
    if (failed) {
        raise_access(addr, xbytes, true);
        return false;
    }
    return !(mask & 1) || store(addr + 6, zero, sizeof zero);
}

static bool do_xsave(const struct insn *in, gaddr addr)
{
    uint64_t mask = (ctx.gpr[ODB_RDX] << 32 | (uint32_t)ctx.gpr[ODB_RAX]) & xmask;
    if (addr & 63) {
        raise_gp();
        return false;
    }
    if (xmask & XSTATE_AVX512)
        return xsave_native(in, addr, mask);
    image_take();
    uint64_t header[8] = {0};
    if (!engine_peek(addr + LEGACY_BYTES, header, in->special == SP_XSAVEC ? 0 : 8)) {
        raise_access(addr + LEGACY_BYTES, 8, false);
        return false;
    }
    header[0] = (header[0] & ~mask) | mask;
    header[1] = 1ULL << 63 | mask;
    /* Part by part: a component outside the mask keeps what the program has there. */
    if (mask & 1 && !(store(addr, image, 24) && store(addr + 32, image + 32, 128)))
        return false;
    uint64_t with_mxcsr = in->special == SP_XSAVEC ? 2 : 6;
    if (mask & with_mxcsr && !store(addr + 24, image + 24, 8))
        return false;
    if (mask & 2 && !store(addr + 160, image + 160, 256))
        return false;
    if (mask & 4 && !store(addr + XSAVE_HEADER_END, image + XSAVE_HEADER_END, AVX_END - XSAVE_HEADER_END))
        return false;
    return store(addr + LEGACY_BYTES, header, in->special == SP_XSAVEC ? 16 : 8);
}

static bool do_xrstor(gaddr addr)
{
    uint64_t mask = (ctx.gpr[ODB_RDX] << 32 | (uint32_t)ctx.gpr[ODB_RAX]) & xmask;
    uint64_t header[8], present;
    if (addr & 63) {
        raise_gp();
        return false;
    }
    if (xmask & XSTATE_AVX512) {
        if (guard_xrstor((const void *)addr, mask) == 0)
            return true;
        raise_gp();
        return false;
    }
    if (!engine_peek(addr, image, LEGACY_BYTES) || !engine_peek(addr + LEGACY_BYTES, header, sizeof header)) {
        raise_access(addr, XSAVE_HEADER_END, false);
        return false;
    }
    present = header[0];
    bool compact = header[1] >> 63;
    memset(image + LEGACY_BYTES, 0, AVX_END - LEGACY_BYTES);
    if (present & mask & 4 &&
        !engine_peek(addr + XSAVE_HEADER_END, image + XSAVE_HEADER_END, AVX_END - XSAVE_HEADER_END)) {
        raise_access(addr + XSAVE_HEADER_END, AVX_END - XSAVE_HEADER_END, false);
        return false;
    }
    memcpy(image + LEGACY_BYTES, header, sizeof header);
    uint64_t extra = compact ? header[1] & ~(1ULL << 63) & ~xmask : 0;
    if (extra || guard_xrstor(image, mask)) {
        raise_gp();
        return false;
    }
    return true;
}

static bool do_fnstenv(const struct insn *in, gaddr addr)
{
    bool narrow = in->opsize_bytes == 2 || in->pfx_66;
    memset(image, 0, 128);
    if (narrow)
        x87_fnstenv16(image);
    else
        x87_fnstenv(image);
    memset(image + (narrow ? 6 : 12), 0, narrow ? 8 : 16);
    return store(addr, image, narrow ? 14 : 28);
}

static bool do_fnsave(const struct insn *in, gaddr addr)
{
    bool narrow = in->opsize_bytes == 2 || in->pfx_66;
    size_t n = narrow ? 94 : 108;
    memset(image, 0, 128);
    /* Nothing may change if the store is going to fault, and fnsave clears the x87 state. */
    if (!engine_peek(addr, image, n)) {
        raise_access(addr, n, true);
        return false;
    }
    if (!store(addr, image, n))
        return false;
    if (narrow)
        x87_fnsave16(image);
    else
        x87_fnsave(image);
    memset(image + (narrow ? 6 : 12), 0, narrow ? 8 : 16);
    return store(addr, image, n);
}

/* False: it faulted, and ctx is wherever that led. */
static bool perform(const struct insn *in)
{
    gaddr addr = in->has_mem ? insn_address(in) : 0;
    switch ((enum insn_special)in->special) {
    case SP_CPUID: do_cpuid(); return true;
    case SP_RDTSC: do_rdtsc(ODB_INSN_RDTSC); return true;
    case SP_RDTSCP: do_rdtsc(ODB_INSN_RDTSCP); return true;
    case SP_RDRAND: do_random(in, ODB_INSN_RDRAND); return true;
    case SP_RDSEED: do_random(in, ODB_INSN_RDSEED); return true;
    case SP_RDPID: {
        uint32_t aux = 0;
        ctx.gpr[in->rm & 15] = sys_insn_value(ODB_INSN_RDPID, &aux);
        return true;
    }
    case SP_XGETBV: return do_xgetbv();
    case SP_FXSAVE: return do_fxsave(addr);
    case SP_XSAVE:
    case SP_XSAVEC:
    case SP_XSAVEOPT: return do_xsave(in, addr);
    case SP_XRSTOR: return do_xrstor(addr);
    case SP_FNSTENV: return do_fnstenv(in, addr);
    case SP_FNSAVE: return do_fnsave(in, addr);
    default: engine_panic("engine: special instruction %u at 0x%lx has no rule", in->special, ctx.rip);
    }
}

void special_insn(const struct insn *in)
{
    if (perform(in))
        ctx.rip += in->len;
}
