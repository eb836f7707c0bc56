/* Preemptive coroutines: a timer's handler switches between three contexts with swapcontext. */
#include "tests/tracee/tasks.h"

enum { N = 3 };

static ucontext_t contexts[N], main_context;
static char stacks[N][65536] __attribute__((aligned(16)));
static volatile int current;
static uint64_t end;
static volatile uint64_t work[N], switches;

static void handler(int signo)
{
    (void)signo;
    int from = current, to = (from + 1) % N;
    current = to;
    if (++switches >= end && work[0] && work[1] &&
        work[2]) /* on a busy machine a switch may follow at once */
        swapcontext(&contexts[from], &main_context);
    else
        swapcontext(&contexts[from], &contexts[to]);
}

static void coroutine(int me)
{
    mask_signal(SIG_UNBLOCK, SIGALRM);
    for (;;) {
        work[me]++;
        CHECK(current == me);
    }
}

int main(void)
{
    struct sigaction sa = {.sa_handler = handler};
    CHECK(sigaction(SIGALRM, &sa, NULL) == 0);
    mask_signal(SIG_BLOCK, SIGALRM);
    for (int i = 0; i < N; i++) {
        CHECK(getcontext(&contexts[i]) == 0);
        contexts[i].uc_stack.ss_sp = stacks[i];
        contexts[i].uc_stack.ss_size = sizeof(stacks[i]);
        makecontext(&contexts[i], (void (*)(void))(uintptr_t)coroutine, 1, i);
    }
    end = (uint64_t)rounds(40);
    every_us(ITIMER_REAL, 1000);
    CHECK(swapcontext(&main_context, &contexts[0]) == 0);
    every_us(ITIMER_REAL, 0);
    printf("%d\n", switches >= end);
    return passed();
}
