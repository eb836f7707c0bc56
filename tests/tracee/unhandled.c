/* Faults that nobody handles: the run ends with the signal of the bare CPU. argv[1] says which. */
#include <sys/resource.h>

#include "tests/tracee/tracee.h"

static int overflow(int depth)
{
    volatile char frame[4096];
    frame[0] = (char)depth;
    return depth < 0 ? 0 : overflow(depth + 1) + frame[0];
}

static void die(const char *how)
{
    char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
#define IS(name) (!strcmp(how, name))
    if (IS("read"))
        *(volatile int *)opaque(16L);
    if (IS("write"))
        *(volatile char *)page = 1;
    if (IS("exec"))
        ((void (*)(void))(uintptr_t)page)();
    if (IS("null-call"))
        ((void (*)(void))opaque(0L))();
    if (IS("noncanonical"))
        *(volatile int *)opaque(0x8000000000000000);
    if (IS("noncanonical-call"))
        ((void (*)(void))opaque(0x8000000000000000))();
    if (IS("div0"))
        __asm__ volatile("xor %%edx, %%edx; xor %%ecx, %%ecx; div %%ecx" ::: "rax", "rcx", "rdx");
    if (IS("idiv"))
        __asm__ volatile("mov $1, %%edx; mov $1, %%ecx; div %%ecx" ::: "rax", "rcx", "rdx");
    if (IS("ud2"))
        __asm__ volatile("ud2");
    if (IS("int3"))
        __asm__ volatile("int3");
    if (IS("int1"))
        __asm__ volatile(".byte 0xf1");
    if (IS("int80n"))
        __asm__ volatile("int $0x33");
    if (IS("hlt"))
        __asm__ volatile("hlt");
    if (IS("in"))
        __asm__ volatile("in $0x10, %%al" ::: "rax");
    if (IS("out"))
        __asm__ volatile("out %%eax, $0" ::: "rax");
    if (IS("cli"))
        __asm__ volatile("cli");
    if (IS("align"))
        __asm__ volatile("movaps 1(%0), %%xmm0" ::"r"(page) : "xmm0");
    if (IS("stack"))
        overflow(1);
    if (IS("abort"))
        abort();
    if (IS("kill"))
        kill(getpid(), SIGKILL);
    if (IS("term"))
        raise(SIGTERM);
    if (IS("bus")) {
        int fd = memfd_create("short", 0);
        char *m = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
        *(volatile char *)m;
    }
    if (IS("trap-flag"))
        __asm__ volatile("pushf; orl $0x100, (%rsp); popf; nop; nop");
    if (IS("pop"))
        __asm__ volatile("mov $8, %rsp; pop %rax");
    if (IS("ud1"))
        __asm__ volatile("ud1 %eax, %eax");
    if (IS("exit"))
        _exit(33);
}

int main(int argc, char **argv)
{
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    puts("EXIT-SUCCESS");
    fflush(stdout);
    if (argc > 1)
        die(argv[1]);
    return argc > 1;
}
