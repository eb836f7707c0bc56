/* A thread on a stack of the program's own: it runs there, and finds its arguments and limits there. */
#include "tests/tracee/tasks.h"

static char *stack;
enum { SIZE = 128 * 1024 };

static int deep(int n)
{
    volatile char frame[512];
    frame[0] = (char)n;
    CHECK((uintptr_t)frame >= (uintptr_t)stack && (uintptr_t)frame < (uintptr_t)stack + SIZE);
    return n == 0 ? 0 : 1 + deep(n - 1) + (frame[0] != (char)n);
}

static void *body(void *arg)
{
    pthread_attr_t attr;
    void *address;
    size_t size;
    CHECK(pthread_getattr_np(pthread_self(), &attr) == 0);
    CHECK(pthread_attr_getstack(&attr, &address, &size) == 0 && address == stack && size == SIZE);
    CHECK(pthread_attr_destroy(&attr) == 0);
    return (void *)(intptr_t)deep((int)(intptr_t)arg);
}

int main(void)
{
    stack = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    CHECK(stack != MAP_FAILED);
    pthread_attr_t attr;
    CHECK(pthread_attr_init(&attr) == 0 && pthread_attr_setstack(&attr, stack, SIZE) == 0);
    for (int i = 0; i < 3; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, &attr, body, (void *)(intptr_t)(50 + i)) == 0);
        printf("%ld\n", (long)(intptr_t)join(thread));
    }
    CHECK(munmap(stack, SIZE) == 0);
    return passed();
}
