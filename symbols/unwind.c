/* Backtraces: from frame to frame by the best knowledge there is.
 *
 * In this order: the kernel's signal frame, where pc is at the code that returns from one; unwind information; guesses. What a
 * frame is looked up by is pc - 1 behind a call, since the call may be the last instruction of its function, but pc itself in
 * the innermost frame and in one that a signal interrupted. Unwind information that leads to where no code is, is not
 * followed while a guess leads to a return address.
 *
 * Always ends: each step must change the frame, and there are at most max. */
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "symbols/internal.h"
#include "symbols/unwind.h"

#define TAIL_CALLS_MAX 16

/* A backtrace being made. */
struct walk {
    struct unwinder *u;
    struct unwind_regs regs; /* of the frame */
    bool exact;              /* regs.pc is the instruction to execute next, not behind a call */
    enum sym_frame_how how;
    const char *end;
};

static bool is_code(const struct walk *w, gaddr pc)
{
    const struct sym_map *m = sym_map_at(w->u->s, pc);
    return m && m->executable;
}

/* Where the function that holds the address begins; 0: not known. */
static gaddr entry_of(struct walk *w, gaddr addr)
{
    struct sym_place place;
    struct odb_err *e = symbols_place(w->u->s, addr, &place);
    if (e) {
        odb_err_free(e);
        return 0;
    }
    if (!place.scopes[place.n_scopes - 1].function)
        return 0;
    return place.scopes[place.n_scopes - 1].low;
}

static enum unwind_step guess(struct walk *w, struct unwind_regs *ret, gaddr *ret_cfa,
                              enum sym_frame_how *ret_how)
{
    gaddr entry = is_code(w, w->regs.pc) ? entry_of(w, w->regs.lookup_pc) : 0;
    return unwind_by_guess(w->u, &w->regs, w->exact, entry, ret, ret_cfa, ret_how);
}

static enum unwind_step step(struct walk *w, struct unwind_regs *ret, gaddr *ret_cfa,
                             enum sym_frame_how *ret_how)
{
    bool is_signal = false;
    if (unwind_is_sigreturn(w->u, w->regs.pc)) {
        *ret_how = SYM_FRAME_SIGNAL;
        if (unwind_by_sigframe(w->u, &w->regs, ret, ret_cfa) == UNWIND_OK)
            return UNWIND_OK;
    }
    enum unwind_step by_cfi = unwind_by_cfi(w->u, &w->regs, ret, ret_cfa, &is_signal);
    *ret_how = is_signal ? SYM_FRAME_SIGNAL : SYM_FRAME_CFI;
    if (by_cfi == UNWIND_END || (by_cfi == UNWIND_OK && (!ret->pc || is_signal || is_code(w, ret->pc))))
        return by_cfi;
    struct unwind_regs guessed;
    gaddr cfa;
    enum sym_frame_how how;
    enum unwind_step by_guess = guess(w, &guessed, &cfa, &how);
    if (by_guess == UNWIND_NONE)
        return by_cfi;
    *ret = guessed;
    *ret_cfa = cfa;
    *ret_how = how;
    return by_guess;
}

/* Why there is no way on: "" at the code that the kernel starts a program with. */
static const char *dead_end(struct walk *w)
{
    struct sym_place place;
    const char *what = is_code(w, w->regs.pc) ? "unwind information" : "code";
    struct odb_err *e = symbols_place(w->u->s, w->regs.lookup_pc, &place);
    const char *name = e ? NULL : place.scopes[place.n_scopes - 1].function;
    odb_err_free(e);
    if (name && (!strcmp(name, "_start") || !strcmp(name, "_dl_start_user")))
        return "";
    return sym_intern_printf(w->u->s, "no %s at 0x%llx", what, (unsigned long long)w->regs.pc);
}

/* Fills the frame and goes to its caller. false: it has none. */
static bool walk_on(struct walk *w, struct sym_frame *frame)
{
    struct unwind_regs caller = {0};
    gaddr cfa = 0;
    enum sym_frame_how how = SYM_FRAME_SCAN;
    w->regs.lookup_pc = w->exact || !w->regs.pc ? w->regs.pc : w->regs.pc - 1;
    *frame = (struct sym_frame){.pc = w->regs.pc,
                                .lookup_pc = w->regs.lookup_pc,
                                .how = w->how,
                                .known = w->regs.known,
                                .is_signal_handler_caller = w->how == SYM_FRAME_SIGNAL};
    memcpy(frame->gpr, w->regs.gpr, sizeof(frame->gpr));
    enum unwind_step rc = step(w, &caller, &cfa, &how);
    frame->cfa = rc == UNWIND_NONE ? 0 : cfa;
    if (rc != UNWIND_OK || (!caller.pc && how != SYM_FRAME_SIGNAL)) {
        if (rc == UNWIND_NONE)
            w->end = dead_end(w);
        return false;
    }
    if (caller.pc == w->regs.pc && caller.gpr[ODB_RSP] == w->regs.gpr[ODB_RSP]) {
        w->end = "a frame is its own caller: the stack is damaged";
        return false;
    }
    if (how != SYM_FRAME_SIGNAL && !is_code(w, caller.pc)) {
        w->end =
            sym_intern_printf(w->u->s, "no code at the return address 0x%llx", (unsigned long long)caller.pc);
        return false;
    }
    w->regs = caller;
    w->how = how;
    w->exact = how == SYM_FRAME_SIGNAL;
    return true;
}

static struct odb_err *unwinder_of(struct symbols *s, struct unwinder **ret)
{
    if (!s->unwinder) {
        s->unwinder = calloc(1, sizeof(*s->unwinder));
        if (!s->unwinder)
            return odb_err("out of memory");
        s->unwinder->s = s;
    }
    *ret = s->unwinder;
    return NULL;
}

/* Frames, growing. */
struct frames {
    struct sym_frame *at; /* owned */
    size_t n, room, max;
};

static struct odb_err *add_frame(struct frames *f, const struct sym_frame *frame)
{
    if (f->n == f->room) {
        size_t room = f->room ? 2 * f->room : 32;
        struct sym_frame *bigger = realloc(f->at, room * sizeof(*bigger));
        if (!bigger)
            return odb_err("out of memory");
        f->at = bigger;
        f->room = room;
    }
    f->at[f->n++] = *frame;
    return NULL;
}

/* Between the last frame and the caller that w is at: what jumped from one to the other. A function that jumps has put the stack
 * and the registers that belong to its caller back. */
static struct odb_err *add_tail_calls(struct walk *w, struct frames *f)
{
    gaddr pcs[TAIL_CALLS_MAX];
    struct sym_frame gone = f->at[f->n - 1];
    size_t n = unwind_tail_calls(w->u, gone.lookup_pc, w->regs.pc, pcs, TAIL_CALLS_MAX);
    memcpy(gone.gpr, w->regs.gpr, sizeof(gone.gpr));
    gone.gpr[ODB_RSP] = gone.cfa - 8;
    gone.known = w->regs.known;
    gone.how = SYM_FRAME_TAIL_CALL;
    gone.is_signal_handler_caller = false;
    for (size_t i = 0; i < n && f->n < f->max; i++) {
        gone.pc = pcs[i];
        gone.lookup_pc = pcs[i] - 1;
        ODB_TRY(add_frame(f, &gone));
    }
    return NULL;
}

static struct odb_err *walk_all(struct walk *w, struct frames *f)
{
    for (bool more = f->max > 0; more;) {
        struct sym_frame frame;
        more = walk_on(w, &frame);
        ODB_TRY(add_frame(f, &frame));
        if (more && w->how == SYM_FRAME_CFI)
            ODB_TRY(add_tail_calls(w, f));
        if (more && f->n == f->max) {
            w->end = "more frames follow";
            break;
        }
    }
    return NULL;
}

struct odb_err *symbols_backtrace(struct symbols *s, size_t max, struct sym_frame **ret, size_t *ret_n,
                                  const char **ret_end)
{
    struct walk w = {.exact = true, .how = SYM_FRAME_INNERMOST, .end = ""};
    struct frames f = {.max = max};
    ODB_TRY(unwinder_of(s, &w.u));
    if (!s->has_view)
        return odb_err("no process to unwind");
    w.regs = (struct unwind_regs){.known = 0xffff, .pc = s->view.rip};
    memcpy(w.regs.gpr, s->view.gpr, sizeof(w.regs.gpr));
    struct odb_err *e = walk_all(&w, &f);
    if (e) {
        free(f.at);
        return e;
    }
    *ret_end = w.end;
    *ret = f.at;
    *ret_n = f.n;
    return NULL;
}
