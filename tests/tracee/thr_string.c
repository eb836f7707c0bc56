/* String instructions in four threads at once: rep movsb, stosq, scasb, cmpsb over buffers of their own. */
#include "tests/tracee/tasks.h"

enum { SIZE = 200000 };

static void *body(void *arg)
{
    int me = (int)(intptr_t)arg;
    char *a = malloc(SIZE), *b = malloc(SIZE);
    uint64_t hits = 0;
    for (int i = 0; i < 15; i++) {
        void *to = a;
        const void *from = a;
        size_t n = SIZE / 8;
        __asm__ volatile("rep stosq" : "+D"(to), "+c"(n) : "a"(0x0101010101010101 * (me + 1)) : "memory");
        a[SIZE - 10 - i] = 'x';
        to = b, n = SIZE;
        __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n)::"memory");
        to = b, n = SIZE;
        __asm__ volatile("repne scasb" : "+D"(to), "+c"(n) : "a"('x') : "memory", "cc");
        CHECK((char *)to == b + SIZE - 10 - i + 1 && n == (size_t)(9 + i));
        b[SIZE - 5]++;
        to = b, from = a, n = SIZE;
        __asm__ volatile("repe cmpsb" : "+D"(to), "+S"(from), "+c"(n)::"memory", "cc");
        CHECK((char *)to == b + SIZE - 4 && n == 4);
        hits += n;
    }
    free(a), free(b);
    return (void *)(uintptr_t)hits;
}

int main(void)
{
    pthread_t threads[4];
    for (intptr_t i = 0; i < 4; i++)
        threads[i] = start(body, (void *)i);
    for (int i = 0; i < 4; i++)
        printf("%lu\n", (uintptr_t)join(threads[i]));
    return passed();
}
