/* Puts the engine into a program that ptrace has stopped at its first instruction.
 *
 * Two system calls are made in its name, by writing a `syscall` instruction over its entry for a moment:
 * mmap of the image at its fixed address, and close of the image's descriptor. Then the original
 * registers go to the engine's struct odb_boot, rip to the engine's entry, and the tracer lets go for good. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "preload/shared.h"
#include "recorder/launch.h"

#define CS_64_BIT 0x33

struct odb_err *inject_check(pid_t pid)
{
    char path[40];
    char exe[4096];
    unsigned char ident[EI_NIDENT] = {0};
    struct user_regs_struct regs;
    snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
    ssize_t n = readlink(path, exe, sizeof(exe) - 1);
    exe[n > 0 ? n : 0] = 0;
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    /* unreadable (execute-only): the code segment decides alone */
    if (fd >= 0 && read(fd, ident, sizeof(ident)) == sizeof(ident) && ident[EI_CLASS] != ELFCLASS64)
        return odb_err("%s is a 32-bit program; odb records 64-bit x86-64 programs only", exe);
    if (ptrace(PTRACE_GETREGS, pid, NULL, &regs) < 0)
        return odb_err_errno(errno, "cannot read registers of %s", exe);
    if (regs.cs != CS_64_BIT)
        return odb_err("%s is not a 64-bit x86-64 program; odb records nothing else", exe);
    return NULL;
}

static struct odb_err *remote_syscall(pid_t pid, const struct user_regs_struct *base, long nr,
                                      const unsigned long args[6], long *ret)
{
    struct user_regs_struct regs = *base;
    int status;
    regs.rax = (unsigned long)nr;
    regs.orig_rax = ~0ul;
    regs.rdi = args[0];
    regs.rsi = args[1];
    regs.rdx = args[2];
    regs.r10 = args[3];
    regs.r8 = args[4];
    regs.r9 = args[5];
    if (ptrace(PTRACE_SETREGS, pid, NULL, &regs) < 0 || ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) < 0)
        return odb_err_errno(errno, "cannot run a system call in the program");
    if (waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status))
        return odb_err("the program died while odb was being mapped into it");
    if (ptrace(PTRACE_GETREGS, pid, NULL, &regs) < 0)
        return odb_err_errno(errno, "cannot read the program's registers");
    *ret = (long)regs.rax;
    return NULL;
}

static struct odb_err *map_image(pid_t pid, const struct user_regs_struct *regs, int image_fd,
                                 uint64_t n_bytes)
{
    long got;
    unsigned long map[6] = {ODB_IMAGE_ADDR,
                            n_bytes,
                            PROT_READ | PROT_WRITE | PROT_EXEC,
                            MAP_PRIVATE | MAP_FIXED_NOREPLACE,
                            (unsigned long)image_fd,
                            0};
    unsigned long unmap[6] = {(unsigned long)image_fd};
    ODB_TRY(remote_syscall(pid, regs, SYS_mmap, map, &got));
    if (got != (long)ODB_IMAGE_ADDR)
        return odb_err_errno(got < 0 && got > -4096 ? (int)-got : EEXIST,
                             "cannot map the engine into the program");
    return remote_syscall(pid, regs, SYS_close, unmap, &got);
}

static void keep_registers(const struct user_regs_struct *r, struct odb_regs *to)
{
    *to = (struct odb_regs){
        .gpr = {r->rax, r->rcx, r->rdx, r->rbx, r->rsp, r->rbp, r->rsi, r->rdi, r->r8, r->r9, r->r10, r->r11,
                r->r12, r->r13, r->r14, r->r15},
        .rip = r->rip,
        .rflags = r->eflags,
        .fs_base = r->fs_base,
        .gs_base = r->gs_base,
    };
}

static struct odb_err *write_boot(pid_t pid, uint64_t to, struct odb_boot *boot)
{
    struct iovec here = {boot, sizeof(*boot)};
    struct iovec there = {(void *)(uintptr_t)to, sizeof(*boot)};
    if (process_vm_writev(pid, &here, 1, &there, 1, 0) != (ssize_t)sizeof(*boot))
        return odb_err_errno(errno, "cannot write into the program");
    return NULL;
}

struct odb_err *inject_engine(pid_t pid, int image_fd_there, int ring_fd_there,
                              const struct odb_image_header *image, struct odb_control *control)
{
    struct user_regs_struct regs;
    if (ptrace(PTRACE_GETREGS, pid, NULL, &regs) < 0)
        return odb_err_errno(errno, "cannot read the program's registers");
    errno = 0;
    long word = ptrace(PTRACE_PEEKTEXT, pid, (void *)regs.rip, NULL);
    if (errno)
        return odb_err_errno(errno, "cannot read the program's entry");
    if (ptrace(PTRACE_POKETEXT, pid, (void *)regs.rip, (void *)((word & ~0xffffL) | 0x050f)) < 0)
        return odb_err_errno(errno, "cannot write at the program's entry");
    ODB_TRY(map_image(pid, &regs, image_fd_there, image->image_bytes));
    if (ptrace(PTRACE_POKETEXT, pid, (void *)regs.rip, (void *)word) < 0)
        return odb_err_errno(errno, "cannot restore the program's entry");
    regs.rip = image->entry_record;
    regs.orig_rax = ~0ul;
    if (ptrace(PTRACE_SETREGS, pid, NULL, &regs) < 0 || ptrace(PTRACE_DETACH, pid, NULL, NULL) < 0)
        return odb_err_errno(errno, "cannot start the engine");
    return NULL;
}
