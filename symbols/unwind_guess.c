/* Steps without unwind information.
 *
 * Of a signal frame nothing is guessed: the kernel's layout says it all. Else, in this order: what the function's first
 * instructions do to the stack, as far as they are pushes and a subtraction (while pc is still among them, the return address is at
 * a known distance from rsp; if they make rbp the frame pointer, it is above that; else it is likely to be at the distance
 * that they leave); the chain of rbp; and as the last resort the next word on the stack that may be a return address.
 *
 * A return address is believed only if it is in an executable mapping and a call instruction ends there; where only
 * likelihood speaks for it, and the function is known, that call must also be able to lead to the function. */
#include <string.h>

#include "symbols/internal.h"
#include "symbols/unwind.h"

#define SCAN_WORDS 4096
#define PROLOGUE_MAX 64

/* ---- signal frames ---- */

bool unwind_is_sigreturn(struct unwinder *u, gaddr pc)
{
    /* mov $15, %rax (or %eax); syscall */
    static const uint8_t full[] = {0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05};
    static const uint8_t brief[] = {0xb8, 15, 0, 0, 0, 0x0f, 0x05};
    uint8_t code[9];
    const struct sym_map *m = sym_map_at(u->s, pc);
    if (!m || !m->executable)
        return false;
    if (!sym_read(u->s, pc, code, sizeof(brief)))
        return false;
    if (!memcmp(code, brief, sizeof(brief)))
        return true;
    if (code[0] == 0x0f && code[1] == 0x05)
        return (sym_read(u->s, pc - 7, code, 9) && !memcmp(code, full, 9)) ||
               (sym_read(u->s, pc - 5, code, 7) && !memcmp(code, brief, 7));
    return sym_read(u->s, pc, code, sizeof(full)) && !memcmp(code, full, sizeof(full));
}

enum unwind_step unwind_by_sigframe(struct unwinder *u, const struct unwind_regs *r, struct unwind_regs *ret,
                                    gaddr *ret_cfa)
{
    /* struct sigcontext (arch/x86/include/uapi/asm/sigcontext.h), behind 40 bytes of struct ucontext */
    static const uint8_t order[] = {ODB_R8,  ODB_R9,  ODB_R10, ODB_R11, ODB_R12, ODB_R13, ODB_R14, ODB_R15,
                                    ODB_RDI, ODB_RSI, ODB_RBP, ODB_RBX, ODB_RDX, ODB_RAX, ODB_RCX, ODB_RSP};
    uint64_t saved[17];
    if (!(r->known >> ODB_RSP & 1) || !sym_read(u->s, r->gpr[ODB_RSP] + 40, saved, sizeof(saved)))
        return UNWIND_NONE;
    *ret = (struct unwind_regs){.known = 0xffff, .pc = saved[16]};
    for (int i = 0; i < 16; i++)
        ret->gpr[order[i]] = saved[i];
    *ret_cfa = ret->gpr[ODB_RSP];
    return UNWIND_OK;
}

/* ---- return addresses ---- */

static bool is_code(const struct unwinder *u, gaddr addr)
{
    const struct sym_map *m = sym_map_at(u->s, addr);
    return m && m->executable;
}

/* Length of the indirect call whose bytes are at p (at most 7 of them are looked at); 0: it is none. */
static size_t indirect_call(const uint8_t *p, size_t n)
{
    if (n < 2 || p[0] != 0xff || (p[1] >> 3 & 7) != 2)
        return 0;
    unsigned mod = p[1] >> 6, rm = p[1] & 7;
    size_t len = 2;
    if (mod != 3 && rm == 4) {
        if (n < 3)
            return 0;
        len += 1 + (mod == 0 && (p[2] & 7) == 5 ? 4 : 0);
    }
    if (mod == 0 && rm == 5)
        len += 4;
    return len + (mod == 1) + (mod == 2 ? 4 : 0);
}

/* The call that ends at addr. false: there is none. *ret_target 0: an indirect one. */
static bool call_before(struct unwinder *u, gaddr addr, gaddr *ret_target)
{
    uint8_t before[8];
    if (!is_code(u, addr) || !sym_read(u->s, addr - 8, before, 8))
        return false;
    *ret_target = 0;
    for (size_t n = 2; n <= 7; n++)
        if (indirect_call(before + 8 - n, n) == n)
            return true;
    int32_t rel;
    memcpy(&rel, before + 4, 4);
    *ret_target = addr + (uint64_t)(int64_t)rel;
    return before[3] == 0xe8 && is_code(u, *ret_target);
}

/* Does a call of target lead to the function at `callee`, as far as can be said? Through a pointer it may. */
static bool may_lead_to(struct unwinder *u, gaddr target, gaddr callee)
{
    struct sym_place there, here;
    if (!target || target == callee)
        return true;
    struct odb_err *e = symbols_place(u->s, target, &there);
    if (!e && !there.is_plt) /* only what has a name is known not to be the callee */
        return !there.scopes[there.n_scopes - 1].function;
    if (!e)
        e = symbols_place(u->s, callee, &here);
    const char *plt = e ? NULL : there.scopes[0].function,
               *name = e ? NULL : here.scopes[here.n_scopes - 1].linkage;
    odb_err_free(e);
    return plt && name && !strncmp(plt, name, strlen(name)) && plt[strlen(name)] == '@';
}

/* The caller whose return address is in the word at `slot`. callee: where the function begins that it called, 0: anywhere. */
static bool return_through(struct unwinder *u, const struct unwind_regs *r, gaddr slot, gaddr callee,
                           struct unwind_regs *ret, gaddr *ret_cfa)
{
    gaddr pc, target;
    if (slot % 8 || !sym_read(u->s, slot, &pc, 8))
        return false;
    if (!unwind_is_sigreturn(u, pc) &&
        (!call_before(u, pc, &target) || (callee && !may_lead_to(u, target, callee))))
        return false;
    *ret = (struct unwind_regs){.pc = pc, .known = 1u << ODB_RSP};
    ret->gpr[ODB_RSP] = slot + 8;
    if (r->known >> ODB_RBP & 1) {
        ret->gpr[ODB_RBP] = r->gpr[ODB_RBP];
        ret->known |= 1u << ODB_RBP;
    }
    *ret_cfa = slot + 8;
    return true;
}

/* ---- prologues ---- */

struct prologue {
    uint64_t depth;  /* bytes below the return address at pc, or behind the prologue */
    uint64_t rbp_at; /* depth at which rbp was pushed; 0: not */
    bool has_frame;  /* rbp was made the frame pointer before pc */
    bool inside;     /* pc is at or before the first instruction that is not understood: depth is exact */
};

static struct prologue read_prologue(struct unwinder *u, gaddr entry, gaddr pc)
{
    struct prologue p = {0};
    uint8_t code[PROLOGUE_MAX];
    size_t n = 0, i = 0;
    while (n < sizeof(code) && sym_read(u->s, entry + n, code + n, 1))
        n++;
    while (i + 8 <= n && entry + i < pc) {
        const uint8_t *c = code + i;
        int32_t big;
        if (!memcmp(c, "\xf3\x0f\x1e\xfa", 4)) { /* endbr64 */
            i += 4;
        } else if ((c[0] & 0xf8) == 0x50) { /* push */
            p.depth += 8;
            if (c[0] == 0x55)
                p.rbp_at = p.depth;
            i++;
        } else if (c[0] == 0x41 && (c[1] & 0xf8) == 0x50) {
            p.depth += 8;
            i += 2;
        } else if (!memcmp(c, "\x48\x89\xe5", 3) || !memcmp(c, "\x48\x8b\xec", 3)) { /* mov %rsp, %rbp */
            p.has_frame = p.rbp_at == p.depth && p.depth;
            i += 3;
        } else if (!memcmp(c, "\x48\x83\xec", 3)) { /* sub $n, %rsp */
            p.depth += (uint64_t)(int8_t)c[3];
            i += 4;
        } else if (!memcmp(c, "\x48\x81\xec", 3)) {
            memcpy(&big, c + 3, 4);
            p.depth += (uint64_t)(int64_t)big;
            i += 7;
        } else if (c[0] == 0xff &&
                   (c[1] == 0x25 || c[1] == 0x35)) { /* of a PLT: jmp *x(%rip), push x(%rip) */
            p.depth += c[1] == 0x35 ? 8 : 0;
            i += 6;
        } else if (!memcmp(c, "\xf2\xff\x25", 3)) { /* bnd jmp */
            i += 7;
        } else if (c[0] == 0x68) { /* push $n */
            p.depth += 8;
            i += 5;
        } else {
            break;
        }
    }
    p.inside = entry + i >= pc;
    return p;
}

/* ---- the guesses ---- */

static bool by_rbp(struct unwinder *u, const struct unwind_regs *r, struct unwind_regs *ret, gaddr *ret_cfa)
{
    gaddr rbp = r->gpr[ODB_RBP], rsp = r->gpr[ODB_RSP];
    uint64_t saved;
    const struct sym_map *stack = sym_map_at(u->s, rsp);
    if (!(r->known >> ODB_RBP & 1) || rbp < rsp || !stack || rbp >= stack->end || rbp % 8 ||
        !return_through(u, r, rbp + 8, 0, ret, ret_cfa) || !sym_read(u->s, rbp, &saved, 8))
        return false;
    ret->gpr[ODB_RBP] = saved;
    return true;
}

static bool by_prologue(struct unwinder *u, const struct unwind_regs *r, gaddr callee,
                        const struct prologue *p, struct unwind_regs *ret, gaddr *ret_cfa)
{
    gaddr rsp = r->gpr[ODB_RSP];
    if (!return_through(u, r, rsp + p->depth, callee, ret, ret_cfa))
        return false;
    if (p->rbp_at && !sym_read(u->s, rsp + p->depth - p->rbp_at, &ret->gpr[ODB_RBP], 8))
        return false;
    if (p->rbp_at)
        ret->known |= 1u << ODB_RBP;
    return true;
}

static bool by_scan(struct unwinder *u, const struct unwind_regs *r, gaddr callee, struct unwind_regs *ret,
                    gaddr *ret_cfa)
{
    gaddr rsp = r->gpr[ODB_RSP] & ~(gaddr)7;
    const struct sym_map *stack = sym_map_at(u->s, rsp);
    gaddr word;
    for (size_t i = 0; stack && i < SCAN_WORDS && rsp + 8 * i + 8 <= stack->end; i++)
        /* signal handlers are rare */
        if (!(callee && sym_read(u->s, rsp + 8 * i, &word, 8) && unwind_is_sigreturn(u, word)) &&
            return_through(u, r, rsp + 8 * i, callee, ret, ret_cfa))
            return true;
    return false;
}

static bool is_ret(struct unwinder *u, gaddr pc)
{
    uint8_t c[2];
    return sym_read(u->s, pc, c, 1) &&
           (c[0] == 0xc3 || c[0] == 0xc2 || (c[0] == 0xf3 && sym_read(u->s, pc, c, 2) && c[1] == 0xc3));
}

/* What the beginning of the function says. */
static bool by_entry(struct unwinder *u, const struct unwind_regs *r, bool exact, gaddr entry,
                     struct unwind_regs *ret, gaddr *ret_cfa, enum sym_frame_how *ret_how)
{
    struct prologue p = read_prologue(u, entry, r->pc);
    *ret_how = SYM_FRAME_POINTER;
    if (exact && p.inside)
        return by_prologue(u, r, 0, &p, ret, ret_cfa);
    if (p.has_frame)
        return by_rbp(u, r, ret, ret_cfa);
    *ret_how = SYM_FRAME_SCAN;
    return by_prologue(u, r, entry, &p, ret, ret_cfa) || by_scan(u, r, entry, ret, ret_cfa);
}

/* Before or between `push %rbp; mov %rsp, %rbp` of a function that has no name. */
static bool by_first_instructions(struct unwinder *u, const struct unwind_regs *r, struct unwind_regs *ret,
                                  gaddr *ret_cfa)
{
    static const struct prologue at_entry = {.inside = true};
    static const struct prologue pushed = {.inside = true, .depth = 8, .rbp_at = 8};
    uint8_t c[4];
    if (sym_read(u->s, r->pc, c, 4) && !memcmp(c, "\x55\x48\x89\xe5", 4))
        return by_prologue(u, r, 0, &at_entry, ret, ret_cfa);
    return sym_read(u->s, r->pc - 1, c, 4) && !memcmp(c, "\x55\x48\x89\xe5", 4) &&
           by_prologue(u, r, 0, &pushed, ret, ret_cfa);
}

enum unwind_step unwind_by_guess(struct unwinder *u, const struct unwind_regs *r, bool exact, gaddr entry,
                                 struct unwind_regs *ret, gaddr *ret_cfa, enum sym_frame_how *ret_how)
{
    bool nowhere = !is_code(u, r->pc); /* a call into nothing */
    if (!(r->known >> ODB_RSP & 1))
        return UNWIND_NONE;
    *ret_how = SYM_FRAME_POINTER;
    if (exact && (nowhere || is_ret(u, r->pc)) && return_through(u, r, r->gpr[ODB_RSP], 0, ret, ret_cfa))
        return UNWIND_OK;
    if (nowhere)
        return UNWIND_NONE;
    if (entry && entry <= r->pc && by_entry(u, r, exact, entry, ret, ret_cfa, ret_how))
        return UNWIND_OK;
    *ret_how = SYM_FRAME_POINTER;
    if ((exact && by_first_instructions(u, r, ret, ret_cfa)) || by_rbp(u, r, ret, ret_cfa))
        return UNWIND_OK;
    if (r->known >> ODB_RBP & 1 && !r->gpr[ODB_RBP] && !exact)
        return UNWIND_END; /* the calling convention's mark of the outermost frame */
    *ret_how = SYM_FRAME_SCAN;
    return by_scan(u, r, 0, ret, ret_cfa) ? UNWIND_OK : UNWIND_NONE;
}
