/* Random filters: what the kernel accepts and what it then says to calls, in children. The output is the same natively. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "tests/tracee/proc.h"

enum { ROUNDS = 100, LEN = 12 };

static uint32_t state = 12345;

static uint32_t dice(uint32_t n)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state % n;
}

static struct sock_filter insn(void)
{
    static const uint16_t codes[] = {BPF_LD | BPF_W | BPF_ABS,  BPF_LD | BPF_W | BPF_ABS,
                                     BPF_LD | BPF_IMM,          BPF_LDX | BPF_IMM,
                                     BPF_ALU | BPF_ADD | BPF_K, BPF_ALU | BPF_SUB | BPF_X,
                                     BPF_ALU | BPF_MUL | BPF_K, BPF_ALU | BPF_DIV | BPF_X,
                                     BPF_ALU | BPF_AND | BPF_K, BPF_ALU | BPF_XOR | BPF_X,
                                     BPF_ALU | BPF_RSH | BPF_X, BPF_ALU | BPF_LSH | BPF_K,
                                     BPF_ALU | BPF_NEG,         BPF_MISC | BPF_TAX,
                                     BPF_MISC | BPF_TXA,        BPF_JMP | BPF_JEQ | BPF_K,
                                     BPF_JMP | BPF_JGT | BPF_X, BPF_JMP | BPF_JSET | BPF_K,
                                     BPF_JMP | BPF_JA,          BPF_ST,
                                     BPF_LD | BPF_W | BPF_ABS,  BPF_LD | BPF_W | BPF_LEN,
                                     BPF_ALU | BPF_OR | BPF_K,  BPF_LD | BPF_MEM,
                                     BPF_ALU | BPF_MOD | BPF_K};
    /* The last one is unknown to seccomp. */
    struct sock_filter f = {codes[dice(sizeof(codes) / sizeof(*codes) - 2 * (dice(9) != 0))], 0, 0,
                            dice(4) ? dice(40) : dice(0x7fffffff)};
    if (BPF_CLASS(f.code) == BPF_JMP) {
        f.jt = (uint8_t)dice(3);
        f.jf = (uint8_t)dice(3);
        f.k = BPF_OP(f.code) == BPF_JA ? dice(3) : f.k;
    }
    if (f.code == (BPF_LD | BPF_W | BPF_ABS))
        f.k = dice(60) ? 16 + 4 * dice(12) : 61 + dice(16); /* not the instruction pointer: it is random */
    if (BPF_CLASS(f.code) == BPF_ST || f.code == (BPF_LD | BPF_MEM))
        f.k = dice(40) ? dice(3) : dice(17);
    return f;
}

static void child(volatile long *results)
{
    struct sock_filter f[LEN + 5];
    struct sock_fprog prog = {LEN + 5, f};
    for (int pc = 0; pc < LEN; pc++)
        f[pc] = insn();
    f[LEN] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xfff);
    f[LEN + 1] = (struct sock_filter)BPF_STMT(BPF_MISC | BPF_TAX, 0);
    f[LEN + 2] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_IMM, SECCOMP_RET_ERRNO);
    f[LEN + 3] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_OR | BPF_X, 0);
    f[LEN + 4] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_A, 0);
    long result[6] = {0};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        _exit(1);
    /* Nothing but raw calls from here: every one is answered with an errno. */
    result[0] = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) ? errno : 0;
    for (int i = 1; i < 6 && !result[0]; i++)
        result[i] = syscall(i * 3, 1000 + i, 7 * i, i, 0xffffffff, i, i) == -1 ? errno : 0;
    for (int i = 0; i < 6; i++)
        results[i] = result[i];
    for (;;) /* exit may be stopped, too; a fault is not */
        *(volatile int *)0 = 0;
}

int main(void)
{
    volatile long *results = shared_pages(4096);
    for (int i = 0; i < ROUNDS; i++) {
        results[0] = -1;
        pid_t pid = start();
        if (pid == 0)
            child(results);
        int status = ended(pid);
        CHECK(WIFSIGNALED(status));
        printf("%d: signal %d:", i, WTERMSIG(status));
        for (int k = 0; k < 6; k++)
            printf(" %ld", results[k]);
        puts("");
        for (int k = 0; k < LEN; k++) /* what the child drew */
            insn();
    }
    return passed();
}
