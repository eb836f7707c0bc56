/* The state of a thread that does not run. See struct thread_state in engine.h. */
#include "preload/core.h"

uint64_t gpr_base[ODB_N_GPR];

void thread_state_save(struct thread_state *t)
{
    t->ctx = ctx;
    t->sig_mask = sig_mask;
    t->sig_mask_saved = sig_mask_saved;
    memcpy(t->sig_altstack, sig_altstack, sizeof(sig_altstack));
    memcpy(t->gpr_base, gpr_base, sizeof(gpr_base));
    t->sig_mask_is_temporary = sig_mask_is_temporary;
}

void thread_state_load(const struct thread_state *t)
{
    ctx = t->ctx;
    sig_mask = t->sig_mask;
    sig_mask_saved = t->sig_mask_saved;
    memcpy(sig_altstack, t->sig_altstack, sizeof(sig_altstack));
    memcpy(gpr_base, t->gpr_base, sizeof(gpr_base));
    sig_mask_is_temporary = t->sig_mask_is_temporary;
}
