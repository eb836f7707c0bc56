/* FUTEX_WAKE_OP: changes the second word, wakes on the first, and on the second if the old value compares. */
#include "tests/tracee/tasks.h"

static _Atomic uint32_t first, second = 5, awake;

static void *waiter(void *arg)
{
    long got;
    do
        got = futex(arg, FUTEX_WAIT_PRIVATE, arg == &first ? 0 : second, NULL, NULL, 0);
    while (got == -1 && errno == EAGAIN);
    CHECK(got == 0);
    awake++;
    return NULL;
}

static long wake_op(int op, int oparg, int cmp, int cmparg)
{
    return futex(&first, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &second,
                 (uint32_t)FUTEX_OP(op, oparg, cmp, cmparg));
}

int main(void)
{
    CHECK(wake_op(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 0) == 0 && second == 8);
    CHECK(wake_op(FUTEX_OP_SET, 6, FUTEX_OP_CMP_EQ, 0) == 0 && second == 6);
    CHECK(wake_op(FUTEX_OP_OR, 9, FUTEX_OP_CMP_EQ, 0) == 0 && second == 15);
    CHECK(wake_op(FUTEX_OP_ANDN, 1, FUTEX_OP_CMP_EQ, 0) == 0 && second == 14);
    CHECK(wake_op(FUTEX_OP_XOR, 3, FUTEX_OP_CMP_EQ, 0) == 0 && second == 13);
    CHECK(wake_op(FUTEX_OP_OR | FUTEX_OP_OPARG_SHIFT, 8, FUTEX_OP_CMP_EQ, 0) == 0 && second == 0x10d);
    pthread_t one = start(waiter, &first), two = start(waiter, &second);
    /* The old value is 0x10d: greater than 0x100, so the second's waiter is woken too. */
    long woken = 0;
    while (woken < 2) {
        woken += wake_op(FUTEX_OP_ADD, 0, FUTEX_OP_CMP_GT, 0x100);
        sched_yield();
    }
    join(one), join(two);
    printf("%u %x\n", awake, second);
    return passed();
}
