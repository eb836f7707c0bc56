/* Stripped, with a separate debug file: recursion, callbacks from libc, a signal handler, an alternate stack, longjmp, a call that
 * never returns at the end of its function, and code of every shape that a compiler makes at -O2. */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile unsigned sum;
static jmp_buf out;

static inline unsigned mix(unsigned a, unsigned b)
{
    a ^= b * 2654435761u;
    return a << 7 | a >> 25;
}

__attribute__((noinline)) static unsigned leaf(unsigned n, const char *text)
{
    unsigned h = n;
    for (size_t i = 0; text[i]; i++)
        h = mix(h, (unsigned char)text[i]);
    return h;
}

__attribute__((noinline)) static unsigned tree(unsigned depth, unsigned seed)
{
    char text[64];
    if (!depth)
        return leaf(seed, "leaf");
    snprintf(text, sizeof(text), "%u-%u", depth, seed);
    return mix(tree(depth - 1, seed * 3), leaf(seed, text)) + tree(depth - 1, seed + 1);
}

static int compare(const void *a, const void *b)
{
    unsigned x = mix(*(const unsigned *)a, 1), y = mix(*(const unsigned *)b, 1);
    sum += x;
    return x < y ? -1 : x > y;
}

__attribute__((noinline, noreturn)) static void leave(int how)
{
    sum += leaf((unsigned)how, "leave");
    longjmp(out, how);
}

__attribute__((noinline)) static void jumps(int how)
{
    unsigned room[32];
    memset(room, how, sizeof(room));
    sum += room[how % 32];
    if (how)
        leave(how); /* the call is the last instruction */
}

static void on_signal(int signo, siginfo_t *info, void *context)
{
    (void)info;
    (void)context;
    sum += tree(2, (unsigned)signo);
}

/* Arrays of variable length need a frame pointer. */
__attribute__((noinline)) static unsigned variable(unsigned n)
{
    unsigned room[n];
    for (unsigned i = 0; i < n; i++)
        room[i] = mix(i, n);
    qsort(room, n, sizeof(*room), compare);
    return room[n / 2];
}

int main(void)
{
    static char stack[1 << 16];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction on = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaltstack(&alternate, NULL);
    sigaction(SIGUSR1, &on, NULL);
    on.sa_flags = SA_SIGINFO;
    sigaction(SIGUSR2, &on, NULL);
    for (volatile int i = 1; i < 40; i++) {
        sum += tree(3 + i % 3, (unsigned)i);
        sum += variable((unsigned)i * 7);
        raise(i & 1 ? SIGUSR1 : SIGUSR2);
        if (!setjmp(out))
            jumps(i);
    }
    char *text = malloc(100);
    snprintf(text, 100, "%u %.3f", sum, (double)sum / 3);
    puts(text);
    free(text);
    return 0;
}
