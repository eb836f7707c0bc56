/* Processes that write to shared pages at addresses of their own, and keep book on who wrote which byte last. The first
 * process prints the book: "byte ADDRESS ALIAS PID VALUE" for bytes of its own two mappings. */
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BYTES = 8192, CHILDREN = 4, ROUNDS = 150 };

struct book {
    volatile int lock;
    pid_t owner[BYTES];
};
static struct book *book;
static unsigned seed;

static unsigned number(unsigned n)
{
    seed = seed * 1103515245 + 12345;
    return (seed >> 8) % n;
}

static void write_once(uint8_t *page)
{
    unsigned len = 1u << number(4), at = number(BYTES - 8);
    uint64_t v = ((uint64_t)number(1 << 20) << 40) | ((uint64_t)number(1 << 20) << 20) | number(1 << 20);
    while (__sync_lock_test_and_set(&book->lock, 1))
        sched_yield();
    memcpy(page + at, &v, len);
    for (unsigned i = 0; i < len; i++)
        book->owner[at + i] = getpid();
    __sync_lock_release(&book->lock);
    if (!number(4))
        sched_yield();
}

static void child(int fd, uint8_t *page, int i)
{
    seed = (unsigned)i * 7919 + 1;
    if (i & 1) /* a mapping of its own, elsewhere */
        page = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    for (int k = 0; k < ROUNDS; k++)
        write_once(page);
    _exit(0);
}

int main(int argc, char **argv)
{
    int fd = -1, anonymous = argc > 1 && !strcmp(argv[1], "anonymous");
    book = mmap(NULL, sizeof(*book), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (!anonymous) {
        fd = memfd_create("shared", 0);
        if (fd < 0 || ftruncate(fd, BYTES))
            return 1;
    }
    uint8_t *a =
        mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | (anonymous ? MAP_ANONYMOUS : 0), fd, 0);
    uint8_t *b = anonymous ? mremap(a, 0, BYTES, MREMAP_MAYMOVE) /* the same once more */
                           : mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (a == MAP_FAILED || b == MAP_FAILED)
        return 1;
    for (int i = 0; i < CHILDREN; i++)
        if (!fork())
            child(fd, b, anonymous ? 2 * i : i);
    seed = 99;
    for (int k = 0; k < ROUNDS; k++)
        write_once(k & 1 ? a : b);
    for (int i = 0; i < CHILDREN; i++)
        wait(NULL);
    for (int i = 0; i < BYTES; i++)
        if (book->owner[i] && !(i % 16))
            printf("byte %llu %llu %d %d\n", (unsigned long long)(uintptr_t)(a + i),
                   (unsigned long long)(uintptr_t)(b + i), (int)book->owner[i], a[i]);
    return 0;
}
