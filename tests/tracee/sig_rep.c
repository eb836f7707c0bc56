/* rep movs, stos, scas, cmps over big buffers under a 1 ms timer; the handler finds rcx and rdi consistent. */
#include "tests/tracee/tasks.h"

enum { SIZE = 1 << 20 };

static char *a, *b;
static volatile int count, inside;

static void handler(int signo, siginfo_t *si, void *context)
{
    (void)signo, (void)si;
    greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
    const unsigned char *ip = (const unsigned char *)(uintptr_t)g[REG_RIP];
    if (ip[0] == 0xf3 && ip[1] == 0xa4) { /* rep movsb from a to b: both have gone equally far */
        CHECK(g[REG_RSI] - (greg_t)(uintptr_t)a == g[REG_RDI] - (greg_t)(uintptr_t)b);
        CHECK(g[REG_RSI] - (greg_t)(uintptr_t)a + g[REG_RCX] == SIZE || g[REG_RCX] == 0);
        inside++;
    }
    __asm__ volatile("rep stosb" : : "D"(b + SIZE), "c"(100), "a"(count) : "memory");
    count++;
}

int main(void)
{
    a = malloc(SIZE), b = malloc(SIZE + 200);
    CHECK(a && b);
    catch_signal(SIGALRM, handler, 0);
    every_us(ITIMER_REAL, 1000);
    for (int i = 0; count < rounds(40); i++) {
        void *to = a;
        const void *from = a;
        size_t n = SIZE;
        __asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(i) : "memory");
        to = b, n = SIZE;
        __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n)::"memory");
        CHECK(n == 0 && (char *)to == b + SIZE && b[SIZE / 2] == (char)i && b[SIZE - 1] == (char)i);
        to = b, from = a, n = SIZE;
        __asm__ volatile("repe cmpsb" : "+D"(to), "+S"(from), "+c"(n)::"memory", "cc");
        CHECK(n == 0);
        to = b, n = SIZE;
        __asm__ volatile("repe scasb" : "+D"(to), "+c"(n) : "a"(i) : "memory", "cc");
        CHECK(n == 0);
    }
    every_us(ITIMER_REAL, 0);
    return passed();
}
