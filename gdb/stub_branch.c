/* Throw-away branches, as the protocol has them: gdb only writes registers and memory, and resumes.
 *
 * The rule (stub.h): a resume forwards of a thread whose program counter or stack pointer is not the one that the
 * branch began with runs in the branch. gdb puts all registers back after it called a function, so that the next resume is one of
 * the recording again; after `set var` they never changed. */
#include "gdb/stub_parts.h"

#include <inttypes.h>

void stub_branch_begins(struct stub *s)
{
    if (target_in_branch(s->g))
        return;
    struct target_position here;
    struct target_regs regs;
    target_where(s->g, &here);
    struct odb_err *e = target_registers(s->g, here.tid, &regs);
    if (e) { /* the write will say why */
        odb_err_free(e);
        return;
    }
    s->branch_tid = here.tid;
    s->branch_rip = regs.rip;
    s->branch_rsp = regs.gpr[ODB_RSP];
    s->branch_over = false;
    if (s->told_branch)
        return;
    s->told_branch = true;
    stub_note(
        s,
        "this is a branch: what is written and called here is gone on the next resume; the recording stays "
        "as it is");
}

struct odb_err *stub_branch_leave(struct stub *s)
{
    if (!target_in_branch(s->g))
        return NULL;
    ODB_TRY(target_leave_branch(s->g));
    return NULL;
}

struct odb_err *stub_branch_resumes(struct stub *s, bool reverse)
{
    struct target_regs regs;
    if (!target_in_branch(s->g))
        return NULL;
    if (!reverse && !s->branch_over) {
        ODB_TRY(target_registers(s->g, s->branch_tid, &regs));
        if (regs.rip != s->branch_rip || regs.gpr[ODB_RSP] != s->branch_rsp)
            return NULL;
    }
    return stub_branch_leave(s);
}
