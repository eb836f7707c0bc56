/* A handler repairs what faulted: changes registers and rip, maps the page, patches the code, and returns. */
#include "tests/tracee/tracee.h"

static char *page, good[64];
static volatile int mode, count;

static void handler(int signo, siginfo_t *si, void *context)
{
    (void)signo;
    greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
    count++;
    switch (mode) {
    case 0: g[REG_RDI] = (greg_t)good; break; /* the same instruction again, other operand */
    case 1:
        CHECK(mprotect((void *)((uintptr_t)si->si_addr & ~4095ul), 4096, PROT_READ | PROT_WRITE) == 0);
        break;
    case 2: memcpy((void *)g[REG_RIP], "\x90\x90", 2); break; /* ud2 -> nop; nop */
    case 3: g[REG_RIP] += 2, g[REG_RAX] = 1234, g[REG_EFL] |= 1; break;
    default: CHECK(!"mode");
    }
}

int main(void)
{
    catch_signal(SIGSEGV, handler, 0);
    catch_signal(SIGILL, handler, 0);
    page = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t di = 8, ax = 0x41, carry;
    __asm__ volatile("movb %%al, 3(%%rdi); mov %%rdi, %0" : "+D"(di) : "a"(ax) : "memory");
    CHECK(good[3] == 0x41 && di == (uintptr_t)good && count == 1);
    mode = 1;
    for (int i = 0; i < 8192; i++)
        page[i] = (char)i;
    CHECK(count == 3);
    mprotect(page, 8192, PROT_NONE);
    uint64_t n = 8192;
    char *d = page;
    __asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(7) : "memory"); /* continues in the middle */
    CHECK(count == 5 && n == 0 && d == page + 8192 && page[8191] == 7 && page[4096] == 7);
    mode = 2;
    unsigned char *code =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(code, "\x0f\x0b\xb8\7\0\0\0\xc3", 8);
    CHECK(((int (*)(void))(uintptr_t)code)() == 7 && count == 6);
    CHECK(((int (*)(void))(uintptr_t)code)() == 7 && count == 6);
    mode = 3;
    __asm__ volatile("clc; ud2; setc %b1; movzbl %b1, %k1" : "=a"(ax), "=&c"(carry)::"memory", "cc");
    CHECK(ax == 1234 && carry == 1 && count == 7);
    return passed();
}
