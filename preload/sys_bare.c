/* Mode BARE: the program runs under the engine and nothing is written. For tests of the translator and for
 * measuring it alone. System calls go straight through, with the same virtual signal state. */
#include "preload/core.h"
#include "preload/raw.h"
#include "preload/sys.h"

/* The new image would run without the engine, under the guard. */
static void refuse_children(uint64_t nr)
{
    if (nr != __NR_execve && nr != __NR_execveat && nr != __NR_clone && nr != __NR_clone3 &&
        nr != __NR_fork && nr != __NR_vfork)
        return;
    sys_message("bare mode runs single processes only: the program called execve, fork or clone");
    sys_really_end(1);
}

static bool bare_hidden(uint64_t nr)
{
    return nr == __NR_rseq || nr == __NR_io_uring_setup || nr == __NR_io_uring_enter ||
           nr == __NR_io_uring_register;
}

void sys_bare_syscall(void)
{
    struct model_call c;
    sys_call_load(&c);
    enum sys_how how = sys_virtual(&c);
    if (how == SYS_REPLACED)
        return;
    if (how == SYS_PASS) {
        if (c.nr == __NR_exit || c.nr == __NR_exit_group)
            sys_end((int)(c.args[0] & 0xff));
        refuse_children(c.nr);
        if (bare_hidden(c.nr))
            c.result = -38; /* ENOSYS */
        else if (!sys_own_resource(&c))
            c.result = sys_call_run(&c);
        if (c.result == -14 && core_unprotect_all()) /* EFAULT: perhaps our write protection */
            c.result = sys_call_run(&c);
    }
    sys_effect(&c, 0, NULL);
    sys_call_finish(c.result);
    sys_virtual_after();
    signal_deliver_pending();
}

uint64_t sys_bare_insn_value(uint32_t kind, uint32_t *aux) { return sys_insn_live(kind, aux); }

_Noreturn void sys_bare_end(int status) { sys_really_end(status); }
