/* makecontext and swapcontext: coroutines with stacks of their own; returns go where no call came from. */
#include "tests/tracee/tracee.h"

static ucontext_t main_context, co[3];
static char stacks[3][65536];
static int log_[100], n_log;

static void body(int id)
{
    for (int i = 0; i < 10; i++) {
        log_[n_log++] = id * 100 + i;
        swapcontext(&co[id], &main_context);
    }
}

int main(void)
{
    for (volatile int i = 0; i < 3; i++) {
        CHECK(getcontext(&co[i]) == 0);
        co[i].uc_stack.ss_sp = stacks[i], co[i].uc_stack.ss_size = sizeof(stacks[i]),
        co[i].uc_link = &main_context;
        makecontext(&co[i], (void (*)(void))body, 1, i);
    }
    for (int r = 0; r < 10; r++)
        for (int i = 0; i < 3; i++)
            CHECK(swapcontext(&main_context, &co[i]) == 0);
    CHECK(n_log == 30);
    for (int i = 0; i < 30; i++)
        CHECK(log_[i] == i % 3 * 100 + i / 3);
    return passed();
}
