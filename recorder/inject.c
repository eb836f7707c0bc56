/* Puts the engine into a program that ptrace has stopped at the end of its execve.
 *
 * Two system calls are made in its name, by a few bytes of code written over its entry for a moment: mmap of
 * anonymous memory for the whole image at its fixed address, then shmat of its text and constants over the first part.
 * (The code loads the calls' numbers itself: at the stop of PTRACE_O_TRACEEXEC the kernel is still to write execve's
 * result into rax.) At the int3 behind them it stops again. Then the image's other bytes are written into it, the
 * original registers to the engine's struct odb_boot, rip to the engine's entry. Two stops in all; that is what an
 * execve costs. Where the shared memory cannot be had (another IPC namespace) all bytes are written.
 *
 * No descriptor is used, because an exec of a recorded program happens under its seccomp guard, which lets nothing
 * but these two through. */
#include "recorder/inject.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"

#define CS_64_BIT 0x33

#define N_WORDS 4
static const uint8_t map_code[N_WORDS * 8] = {
    0xb8, SYS_mmap,  0,    0, 0, 0x0f, 0x05, /* mov $mmap, %eax; syscall */
    0x49, 0x89,      0xc7,                   /* mov %rax, %r15 */
    0x4c, 0x89,      0xe7,                   /* mov %r12, %rdi: shmid */
    0x4c, 0x89,      0xee,                   /* mov %r13, %rsi: address */
    0x4c, 0x89,      0xf2,                   /* mov %r14, %rdx: flags */
    0xb8, SYS_shmat, 0,    0, 0, 0x0f, 0x05, /* mov $shmat, %eax; syscall */
    0xcc,                                    /* int3 */
};
#define STOP_OFFSET 27

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

bool inject_is_64_bit(pid_t pid)
{
    struct user_regs_struct regs;
    return ptrace(PTRACE_GETREGS, pid, NULL, &regs) < 0 || regs.cs == CS_64_BIT;
}

/* Lets the program run to the int3 at `stop_rip`; signals that come meanwhile are the program's. */
static struct odb_err *run_to(pid_t pid, uint64_t stop_rip, struct user_regs_struct *regs, int *ret_death)
{
    int signo = 0;
    for (;;) {
        int status;
        if (ptrace(PTRACE_CONT, pid, NULL, (void *)(long)signo) < 0 && errno != ESRCH)
            return odb_err_errno(errno, "cannot run the program");
        while (waitpid(pid, &status, __WALL | __WNOTHREAD) < 0)
            if (errno != EINTR)
                return odb_err_errno(errno, "waiting for the program");
        if (!WIFSTOPPED(status)) {
            *ret_death = status;
            return odb_err("the program died while odb was being mapped into it");
        }
        signo = WSTOPSIG(status);
        if (signo == SIGTRAP && status >> 16 == 0) {
            if (ptrace(PTRACE_GETREGS, pid, NULL, regs) < 0)
                return odb_err_errno(errno, "cannot read the program's registers");
            if (regs->rip == stop_rip)
                return NULL;
        }
        if (status >> 16 != 0 || signo == ODB_SIG_YIELD)
            signo =
                0; /* a group stop: it comes again after the detach; a request to yield: nobody there yet */
    }
}

/* Exchanges the words at the program's entry. */
static struct odb_err *exchange_code(pid_t pid, uint64_t rip, const long to[N_WORDS], long ret_old[N_WORDS])
{
    for (int i = 0; i < N_WORDS; i++) {
        void *at =
            (void *)(rip + (uint64_t)i * 8); /* NOLINT(performance-no-int-to-ptr): of another process */
        errno = 0;
        if (ret_old)
            ret_old[i] = ptrace(PTRACE_PEEKTEXT, pid, at, NULL);
        if (errno || ptrace(PTRACE_POKETEXT, pid, at, (void *)to[i]) < 0)
            return odb_err_errno(errno, "cannot exchange the code at the program's entry");
    }
    return NULL;
}

/* *ret_shared: text and constants are there. */
static struct odb_err *map_image(pid_t pid, const struct user_regs_struct *base,
                                 const struct inject_image *image, bool *ret_shared, int *ret_death)
{
    struct user_regs_struct regs = *base;
    long code[N_WORDS], old[N_WORDS];
    memcpy(code, map_code, sizeof(code));
    ODB_TRY(exchange_code(pid, base->rip, code, old));
    regs.rdi = ODB_IMAGE_ADDR;
    regs.rsi = image->header.image_bytes;
    regs.rdx = PROT_READ | PROT_WRITE | PROT_EXEC;
    regs.r10 = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
    regs.r8 = ~0ul;
    regs.r9 = 0;
    regs.r12 = (unsigned long)(long)image->share.shmid;
    regs.r13 = ODB_IMAGE_ADDR;
    regs.r14 = SHM_RDONLY | SHM_EXEC | SHM_REMAP;
    regs.eflags &= ~0x100ul;
    regs.orig_rax = ~0ul;
    if (ptrace(PTRACE_SETREGS, pid, NULL, &regs) < 0)
        return odb_err_errno(errno, "cannot run a system call in the program");
    ODB_TRY(run_to(pid, base->rip + STOP_OFFSET, &regs, ret_death));
    long got = (long)regs.r15;
    if (got != (long)ODB_IMAGE_ADDR)
        return odb_err_errno(got < 0 && got > -4096 ? (int)-got : EEXIST,
                             "cannot map the engine into the program");
    *ret_shared = (long)regs.rax == (long)ODB_IMAGE_ADDR;
    return exchange_code(pid, base->rip, old, NULL);
}

static void keep_registers(const struct user_regs_struct *r, struct odb_boot *boot)
{
    const struct odb_regs regs = {
        .gpr = {r->rax, r->rcx, r->rdx, r->rbx, r->rsp, r->rbp, r->rsi, r->rdi, r->r8, r->r9, r->r10, r->r11,
                r->r12, r->r13, r->r14, r->r15},
        .rip = r->rip,
        .rflags = r->eflags,
        .fs_base = r->fs_base,
        .gs_base = r->gs_base,
    };
    _Static_assert(sizeof(regs) == sizeof(boot->regs), "registers at boot");
    memcpy(boot->regs, &regs, sizeof(regs));
}

static struct odb_err *write_image(pid_t pid, const struct inject_image *image, bool shared,
                                   const struct odb_boot *boot)
{
    struct image_piece pieces[IMAGE_MAX_PIECES];
    struct iovec here[IMAGE_MAX_PIECES + 1], there[IMAGE_MAX_PIECES + 1];
    unsigned n_pieces = image_pieces(pieces), n = 0;
    size_t n_bytes = sizeof(*boot);
    for (unsigned i = shared ? 1 : 0; i < n_pieces; i++, n++) {
        here[n] = (struct iovec){(void *)(uintptr_t)pieces[i].bytes, pieces[i].n_bytes};
        there[n] = (struct iovec){(void *)(uintptr_t)pieces[i].addr, pieces[i].n_bytes};
        n_bytes += pieces[i].n_bytes;
    }
    here[n] = (struct iovec){(void *)(uintptr_t)boot, sizeof(*boot)};
    there[n] = (struct iovec){(void *)(uintptr_t)image->header.boot, sizeof(*boot)};
    if (process_vm_writev(pid, here, n + 1, there, n + 1, 0) != (ssize_t)n_bytes)
        return odb_err_errno(errno, "cannot write into the program");
    return NULL;
}

struct odb_err *inject_engine(pid_t pid, const struct inject_image *image, struct odb_boot *boot,
                              int *ret_death)
{
    struct user_regs_struct regs;
    bool shared = false;
    if (ptrace(PTRACE_GETREGS, pid, NULL, &regs) < 0)
        return odb_err_errno(errno, "cannot read the program's registers");
    ODB_TRY(map_image(pid, &regs, image, &shared, ret_death));
    regs.rax = 0;
    keep_registers(&regs, boot);
    ODB_TRY(write_image(pid, image, shared, boot));
    regs.rip = image->header.entry_record;
    regs.orig_rax = ~0ul;
    if (ptrace(PTRACE_SETREGS, pid, NULL, &regs) < 0)
        return odb_err_errno(errno, "cannot start the engine");
    return NULL;
}
