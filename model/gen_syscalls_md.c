/* Prints docs/syscalls.md, the reference page of the table of calls. Hosted; run by the test model_docs,
 * which compares, and by hand after a change of syscalls.tbl:
 *
 *     build/model/gen_syscalls_md >docs/syscalls.md */
#include <stdio.h>

#include "model/model.h"

static const char *const classes[] = {
    [MODEL_EMULATE] = "emulate", [MODEL_REEXEC] = "run again", [MODEL_IRREGULAR] = "engine",
    [MODEL_ENOSYS] = "ENOSYS",   [MODEL_REFUSE] = "refused",
};

static void print_rule(const struct model_syscall *m, const struct model_out *out)
{
    const char *arg = m->args[out->arg].name, *len = m->args[out->len_arg].name;
    switch (out->rule) {
    case MO_FIXED: printf("%s: %u", arg, out->n); break;
    case MO_FIXED_POS: printf("%s: %u if result > 0", arg, out->n); break;
    case MO_RET:
    case MO_STRING_RET:
    case MO_RET_ELEMS: printf(out->n == 1 ? "%s: result" : "%s: result × %u", arg, out->n); break;
    case MO_ARG: printf(out->n == 1 ? "%s: %s" : "%s: %s × %u", arg, len, out->n); break;
    case MO_SOCKLEN: printf("%s: by %s; %s: 4", arg, len, len); break;
    case MO_IOVEC: printf("%s: result over its buffers", arg); break;
    case MO_MSGHDR:
    case MO_MMSGHDR: printf("%s: its fields, names, control data, buffers", arg); break;
    default: printf("%s: see code", arg); break;
    }
}

static void print_row(const struct model_syscall *m)
{
    static const struct {
        uint32_t flag;
        const char *name;
    } flags[] = {
        {MODEL_MAY_BLOCK, "blocks"},
        {MODEL_CHANGES_MAPS, "maps"},
        {MODEL_WRITES_ON_ERROR, "writes on errors"},
        {MODEL_MAKES_FD, "new fd"},
        {MODEL_OUTPUT_DATA, "sends"},
    };
    const char *separator = "";
    printf("| %u | %s(", m->nr, m->name);
    for (unsigned i = 0; i < m->n_args; i++)
        printf("%s%s", i ? ", " : "", m->args[i].name);
    printf(") | %s | ", classes[m->cls]);
    for (unsigned i = 0; i < m->n_outs; i++) {
        printf("%s", i ? "; " : "");
        print_rule(m, &m->outs[i]);
    }
    printf(" | ");
    for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
        if (m->flags & flags[i].flag) {
            printf("%s%s", separator, flags[i].name);
            separator = ", ";
        }
    }
    printf(" | %s |\n", m->note ? m->note : "");
}

int main(void)
{
    unsigned n = 0, n_class[5] = {0};
    for (uint64_t nr = 0; nr < MODEL_N_SYSCALLS; nr++) {
        const struct model_syscall *m = model_lookup(nr);
        if (m) {
            n++;
            n_class[m->cls]++;
        }
    }
    printf("# System calls\n\n"
           "Generated from `model/syscalls.tbl` by `model/gen_syscalls_md.c`; do not edit. [How to add "
           "one](howto-add-a-syscall.md).\n\n"
           "What odb does with each of the %u calls of x86-64 Linux:\n\n"
           "- **emulate** (%u): recorded with what the kernel wrote; replay writes that again and returns "
           "the recorded result.\n"
           "- **run again** (%u): replay runs the call, at the recorded address: mappings.\n"
           "- **engine** (%u): the engine has a handler of its own.\n"
           "- **ENOSYS** (%u): the program is told that the kernel has no such call.\n"
           "- **refused** (%u): the program gets an error, and odb names the call once "
           "(`preload/sys_deny.c`).\n\n"
           "A number outside the table is answered with ENOSYS. Inside some calls single options are "
           "refused: `ioctl`\n"
           "(`model/ioctls.tbl`), `prctl` (`model/prctls.tbl`), and those whose note says so. An option that "
           "the table\n"
           "does not know, but the kernel does, ends the recording with a message that names it.\n\n"
           "What is not the kernel's while recording, although the class does not say so:\n\n"
           "- **seccomp filters** of the program are interpreted by the engine (`preload/sys_seccomp.c`); "
           "listeners are refused.\n"
           "- **CPU masks**, getcpu and real-time policies are answered as if the tree were not on one CPU "
           "(`preload/sys_sched.c`).\n"
           "- **Priority-inheritance futexes** and **robust lists** are done by the engine, under the baton\n"
           "  (`preload/sys_futex.c`, `preload/sys_robust.c`).\n"
           "- **Shared memory**, by mmap of a file or memfd and by shmat, is shared on replay between the "
           "recorded processes. What\n"
           "  a process outside the recording writes into it later is not seen: such a replay diverges, and "
           "says so.\n"
           "- **write** and its kin to a file that a recorded process has mapped shared also record the data "
           "for it "
           "(`preload/sys_extra.c`).\n"
           "- **sendfile, splice, copy_file_range** to descriptors 1 and 2 get EINVAL, so that programs "
           "write their output "
           "themselves.\n"
           "- **/dev/kvm, /dev/userfaultfd** seem absent; `/proc/self/mem` cannot be opened for writing; "
           "devices cannot be mapped.\n\n"
           "| nr | call | on replay | writes, in bytes | flags | note |\n|---:|---|---|---|---|---|\n",
           n, n_class[MODEL_EMULATE], n_class[MODEL_REEXEC], n_class[MODEL_IRREGULAR], n_class[MODEL_ENOSYS],
           n_class[MODEL_REFUSE]);
    for (uint64_t nr = 0; nr < MODEL_N_SYSCALLS; nr++) {
        const struct model_syscall *m = model_lookup(nr);
        if (m)
            print_row(m);
    }
    return 0;
}
