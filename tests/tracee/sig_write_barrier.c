/* A collector's write barrier: pages are read-only, the first store of each faults, is allowed and tried again. */
#include "tests/tracee/tasks.h"

enum { PAGES = 16 };

static char *heap;
static bool dirty[PAGES];
static volatile int faults;

static void handler(int signo, siginfo_t *si, void *context)
{
    (void)signo, (void)context;
    size_t page = (size_t)((char *)si->si_addr - heap) / 4096;
    CHECK(page < PAGES && si->si_code == SEGV_ACCERR && !dirty[page]);
    dirty[page] = true;
    CHECK(mprotect(heap + page * 4096, 4096, PROT_READ | PROT_WRITE) == 0);
    faults++;
}

int main(void)
{
    heap = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(heap != MAP_FAILED);
    catch_signal(SIGSEGV, handler, 0);
    uint32_t seed = 1;
    for (int round = 0; round < 20; round++) {
        memset(dirty, 0, sizeof(dirty));
        CHECK(mprotect(heap, PAGES * 4096, PROT_READ) == 0);
        int before = faults, expected = 0;
        bool touched[PAGES] = {false};
        for (int i = 0; i < 20; i++) {
            seed = seed * 1103515245 + 12345;
            size_t at = (seed >> 8) % (PAGES * 4096);
            expected += !touched[at / 4096];
            touched[at / 4096] = true;
            if (i % 3 == 0)
                __asm__ volatile("lock incb (%0)" ::"r"(heap + at) : "memory", "cc");
            else
                heap[at]++;
        }
        CHECK(faults == before + expected);
    }
    printf("%d\n", faults);
    return passed();
}
