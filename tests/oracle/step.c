/* Single-stepping: registers before and after, and the memory that an instruction writes, found by decoding it. */
#include "tests/oracle/step.h"

#include <Zydis/Zydis.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

unsigned step_reg_bytes(unsigned reg)
{
    if (reg >= ODB_REG_ST0 && reg < ODB_REG_ST0 + 8)
        return 10;
    if (reg >= ODB_REG_VEC0 && reg < ODB_REG_VEC0 + 32)
        return 32;
    return reg == ODB_REG_MXCSR ? 4 : reg >= ODB_REG_FCW ? 2 : 8;
}

uint64_t stepper_read(const struct stepper *s, uint64_t addr, void *to, uint64_t n_bytes)
{
    ssize_t n = pread(s->mem_fd, to, n_bytes, (off_t)addr);
    return n < 0 ? 0 : (uint64_t)n;
}

static struct odb_err *read_regs(struct stepper *s)
{
    static uint8_t x[16384] __attribute__((aligned(64)));
    struct iovec iov = {x, sizeof(x)};
    if (ptrace(PTRACE_GETREGS, s->pid, NULL, &s->user) != 0 ||
        ptrace(PTRACE_GETREGSET, s->pid, (void *)NT_X86_XSTATE, &iov) != 0)
        return odb_err_errno(errno, "oracle: cannot read registers");
    const struct user_regs_struct *u = &s->user;
    const uint64_t gpr[16] = {u->rax, u->rcx, u->rdx, u->rbx, u->rsp, u->rbp, u->rsi, u->rdi,
                              u->r8,  u->r9,  u->r10, u->r11, u->r12, u->r13, u->r14, u->r15};
    struct step_regs *n = &s->now;
    for (int i = 0; i < 16; i++)
        memcpy(n->value[i], &gpr[i], 8);
    uint64_t flags = u->eflags & 0xcd5;
    memcpy(n->value[ODB_REG_RFLAGS], &flags, 8);
    memcpy(n->value[ODB_REG_FS_BASE], &u->fs_base, 8);
    memcpy(n->value[ODB_REG_GS_BASE], &u->gs_base, 8);
    memcpy(n->value[ODB_REG_MXCSR], x + 24, 4);
    for (int i = 0; i < 16; i++) {
        memcpy(n->value[ODB_REG_VEC0 + i], x + 160 + 16 * i, 16);
        memcpy(n->value[ODB_REG_VEC0 + i] + 16, x + 576 + 16 * i, 16);
    }
    for (int i = 0; i < 8; i++)
        memcpy(n->value[ODB_REG_ST0 + i], x + 32 + 16 * i, 10);
    memcpy(n->value[ODB_REG_FCW], x, 2);
    memcpy(n->value[ODB_REG_FSW], x + 2, 2);
    n->rip = u->rip;
    return NULL;
}

struct odb_err *stepper_init(struct stepper *s, char **argv)
{
    memset(s, 0, sizeof(*s));
    for (int i = 0; i < STEP_MAX_RANGES; i++) {
        s->range[i].before = malloc(STEP_RANGE_BYTES);
        s->range[i].after = malloc(STEP_RANGE_BYTES);
    }
    s->pid = fork();
    if (s->pid == 0) {
        dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), 1);
        personality(ADDR_NO_RANDOMIZE);
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        execv(argv[0], argv);
        _exit(127);
    }
    int status;
    if (waitpid(s->pid, &status, 0) != s->pid || !WIFSTOPPED(status))
        return odb_err("oracle: cannot start %s", argv[0]);
    ptrace(PTRACE_SETOPTIONS, s->pid, NULL, (void *)(long)PTRACE_O_EXITKILL);
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/mem", (int)s->pid);
    s->mem_fd = open(path, O_RDONLY | O_CLOEXEC);
    if (s->mem_fd < 0)
        return odb_err_errno(errno, "oracle: %s", path);
    return read_regs(s);
}

void stepper_deinit(struct stepper *s)
{
    for (int i = 0; i < STEP_MAX_RANGES; i++) {
        free(s->range[i].before);
        free(s->range[i].after);
    }
    if (s->mem_fd > 0)
        close(s->mem_fd);
}

static uint64_t reg64(const struct stepper *s, ZydisRegister r)
{
    ZydisRegister full = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, r);
    if (r == ZYDIS_REGISTER_RIP || r == ZYDIS_REGISTER_EIP || full < ZYDIS_REGISTER_RAX ||
        full > ZYDIS_REGISTER_R15)
        return 0;
    uint64_t v;
    memcpy(&v, s->now.value[full - ZYDIS_REGISTER_RAX], 8);
    return ZydisRegisterGetWidth(ZYDIS_MACHINE_MODE_LONG_64, r) == 32 ? (uint32_t)v : v;
}

static uint64_t operand_address(const struct stepper *s, const ZydisDecodedInstruction *in,
                                const ZydisDecodedOperand *op)
{
    uint64_t a = op->mem.disp.has_displacement ? (uint64_t)op->mem.disp.value : 0;
    if (op->mem.base == ZYDIS_REGISTER_RIP)
        a += s->now.rip + in->length;
    else if (op->mem.base != ZYDIS_REGISTER_NONE)
        a += reg64(s, op->mem.base);
    if (op->mem.index != ZYDIS_REGISTER_NONE)
        a += reg64(s, op->mem.index) * op->mem.scale;
    if (in->address_width == 32)
        a = (uint32_t)a;
    if (op->mem.segment == ZYDIS_REGISTER_FS)
        a += s->user.fs_base;
    if (op->mem.segment == ZYDIS_REGISTER_GS)
        a += s->user.gs_base;
    return a;
}

static void add_range(struct stepper *s, uint64_t addr, uint64_t len_bytes, bool certain)
{
    if (s->n_ranges == STEP_MAX_RANGES || len_bytes == 0)
        return;
    struct step_range *r = &s->range[s->n_ranges++];
    r->addr = addr, r->len_bytes = len_bytes < STEP_RANGE_BYTES ? len_bytes : STEP_RANGE_BYTES,
    r->certain = certain;
    memset(r->before, 0, r->len_bytes);
    stepper_read(s, addr, r->before, r->len_bytes);
}

/* The CPU repeats movs and stos under f2 as well. */
static bool is_repeated(const ZydisDecodedInstruction *in)
{
    if (in->meta.category != ZYDIS_CATEGORY_STRINGOP)
        return false;
    for (int i = 0; i < in->raw.prefix_count; i++)
        if (in->raw.prefixes[i].value == 0xf2 || in->raw.prefixes[i].value == 0xf3)
            return true;
    return false;
}

static void add_operand(struct stepper *s, const ZydisDecodedInstruction *in, const ZydisDecodedOperand *op)
{
    uint64_t addr = operand_address(s, in, op), size = op->size / 8;
    bool certain = op->actions & ZYDIS_OPERAND_ACTION_WRITE;
    ZydisInstructionCategory cat = in->meta.category;
    if (is_repeated(in)) {
        uint64_t n = reg64(s, in->address_width == 32 ? ZYDIS_REGISTER_ECX : ZYDIS_REGISTER_RCX);
        bool down = s->user.eflags & 0x400;
        add_range(s, down && n ? addr - (n - 1) * size : addr, n * size, true);
    } else if (op->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN && op->mem.base == ZYDIS_REGISTER_RSP &&
               (cat == ZYDIS_CATEGORY_PUSH || cat == ZYDIS_CATEGORY_CALL ||
                in->mnemonic == ZYDIS_MNEMONIC_ENTER)) {
        uint64_t bytes = in->operand_width == 16 ? 2 : 8;
        add_range(s, reg64(s, ZYDIS_REGISTER_RSP) - bytes, bytes, true);
    } else if (in->mnemonic == ZYDIS_MNEMONIC_FXSAVE || in->mnemonic == ZYDIS_MNEMONIC_FXSAVE64) {
        add_range(s, addr, 416, true); /* the rest is the program's, or reserved */
    } else if (cat == ZYDIS_CATEGORY_BITBYTE && op[1].type == ZYDIS_OPERAND_TYPE_REGISTER) {
        int64_t bit = (int64_t)reg64(s, op[1].reg.value); /* the bit string reaches beyond the operand */
        bit = size == 8 ? bit : size == 4 ? (int32_t)bit : (int16_t)bit;
        add_range(s, addr + (uint64_t)((bit >> 3) & -(int64_t)size), size, true);
    } else {
        if (op->mem.base == ZYDIS_REGISTER_RSP && cat == ZYDIS_CATEGORY_POP)
            addr += size; /* computed after the increment */
        add_range(s, addr, size, certain && cat != ZYDIS_CATEGORY_SEMAPHORE && cat != ZYDIS_CATEGORY_AVX);
    }
}

static bool find_ranges(struct stepper *s)
{
    static ZydisDecoder decoder;
    static ZydisFormatter formatter;
    if (!s->text[0]) {
        ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
        ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL);
    }
    uint8_t bytes[16];
    ZydisDecodedInstruction in;
    ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
    s->n_ranges = 0;
    uint64_t n = stepper_read(s, s->now.rip, bytes, 15);
    if (ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, bytes, n, &in, op))) {
        snprintf(s->text, sizeof(s->text), "(no instruction)");
        return false;
    }
    ZydisFormatterFormatInstruction(&formatter, &in, op, in.operand_count_visible, s->text, sizeof(s->text),
                                    s->now.rip, NULL);
    s->is_rep = is_repeated(&in);
    s->is_syscall = in.mnemonic == ZYDIS_MNEMONIC_SYSCALL;
    for (int i = 0; i < in.operand_count; i++)
        if (op[i].type == ZYDIS_OPERAND_TYPE_MEMORY && op[i].mem.type != ZYDIS_MEMOP_TYPE_AGEN &&
            op[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
            add_operand(s, &in, &op[i]);
    return true;
}

/* pushf shows the trap flag that stepping sets: take it out. */
static void hide_trap_flag(const struct stepper *s)
{
    long v = ptrace(PTRACE_PEEKDATA, s->pid, (void *)s->range[0].addr, NULL);
    ptrace(PTRACE_POKEDATA, s->pid, (void *)s->range[0].addr, (void *)(v & ~0x100l));
}

/* One step; a repeated string instruction, at which the CPU traps after every round, is one. */
static struct odb_err *step_once(struct stepper *s, int signo, int *ret_status)
{
    struct user_regs_struct u;
    do {
        if (ptrace(PTRACE_SINGLESTEP, s->pid, NULL, (void *)(long)signo) != 0 ||
            waitpid(s->pid, ret_status, 0) != s->pid)
            return odb_err_errno(errno, "oracle: cannot step");
        if (!s->is_rep || !WIFSTOPPED(*ret_status) || WSTOPSIG(*ret_status) != SIGTRAP)
            return NULL;
        if (ptrace(PTRACE_GETREGS, s->pid, NULL, &u) != 0)
            return odb_err_errno(errno, "oracle: cannot read registers");
    } while (u.rip == s->last.rip);
    return NULL;
}

struct odb_err *stepper_step(struct stepper *s, enum step_event *ret)
{
    static int pending_signal;
    find_ranges(s);
    s->last = s->now;
    int status;
    ODB_TRY(step_once(s, pending_signal, &status));
    bool delivering = pending_signal != 0;
    pending_signal = 0;
    if (!WIFSTOPPED(status)) {
        s->exit_status = status;
        *ret = STEP_EXITED;
        return NULL;
    }
    if (WSTOPSIG(status) != SIGTRAP)
        pending_signal = WSTOPSIG(status);
    ODB_TRY(read_regs(s));
    if (s->n_ranges == 1 && !strncmp(s->text, "pushf", 5))
        hide_trap_flag(s);
    for (int i = 0; i < s->n_ranges; i++) {
        memset(s->range[i].after, 0, s->range[i].len_bytes);
        stepper_read(s, s->range[i].addr, s->range[i].after, s->range[i].len_bytes);
    }
    *ret = pending_signal || delivering ? STEP_SIGNAL : STEP_DONE;
    return NULL;
}
