/* Static, and in odd places: the vDSO, code made at run time (with a frame pointer, without unwind information), a call of address 0 whose
 * fault is handled, a fault in the middle of a prologue on a stack of its own, hand-written assembly with its own unwind information. */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

static volatile long sum;
static sigjmp_buf out;

/* Realigns the stack: where the frame is, is an expression of DWARF. */
__asm__(
    ".text\n.type realigned, @function\n.globl realigned\nrealigned:\n.cfi_startproc\n"
    "lea 8(%rsp), %r10\n.cfi_def_cfa %r10, 0\nand $-64, %rsp\npush -8(%r10)\npush %rbp\n"
    ".cfi_escape 0x10, 0x6, 0x2, 0x76, 0\nmov %rsp, %rbp\npush %r10\n.cfi_escape 0xf, 0x3, 0x76, 0x78, 0x6\n"
    "sub $8, %rsp\ncall called\nadd $8, %rsp\npop %r10\n.cfi_def_cfa %r10, 0\npop %rbp\nlea -8(%r10), %rsp\n"
    ".cfi_def_cfa %rsp, 8\nret\n.cfi_endproc\n.size realigned, . - realigned\n");
long realigned(void);
long called(void);

__attribute__((noinline)) long called(void)
{
    char text[40];
    snprintf(text, sizeof(text), "%ld", sum);
    return (long)strlen(text);
}

__attribute__((noinline)) static void times(void)
{
    struct timespec ts;
    struct timeval tv;
    for (int i = 0; i < 20; i++) {
        clock_gettime(CLOCK_MONOTONIC, &ts);
        gettimeofday(&tv, NULL);
        sum += ts.tv_nsec + tv.tv_usec + time(NULL);
    }
}

static void on_fault(int signo)
{
    sum += called() + signo;
    siglongjmp(out, 1);
}

__attribute__((noinline)) static void call_nothing(void (*f)(void))
{
    if (!sigsetjmp(out, 1))
        f();
    sum++;
}

int main(void)
{
    /* push %rbp; mov %rsp, %rbp; push %rbx; push %rbx; call *%rdi; pop %rbx; pop %rbx; pop %rbp; ret */
    static const unsigned char code[] = {0x55, 0x48, 0x89, 0xe5, 0x53, 0x53,
                                         0xff, 0xd7, 0x5b, 0x5b, 0x5d, 0xc3};
    static char stack[1 << 16];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction on = {.sa_handler = on_fault, .sa_flags = SA_ONSTACK};
    unsigned char *made =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(made, code, sizeof(code));
    sigaltstack(&alternate, NULL);
    sigaction(SIGSEGV, &on, NULL);
    void (*volatile nothing)(void) = NULL;
    for (int i = 0; i < 30; i++) {
        times();
        sum += realigned();
        sum += ((long (*)(long (*)(void)))(void *)made)(called);
        call_nothing(nothing);
    }
    puts(sum ? "done" : "");
    return 0;
}
