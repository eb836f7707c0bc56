/* A lock-free bounded queue (sequence numbers per slot), two producers and two consumers. */
#include "tests/tracee/tasks.h"

enum { SLOTS = 16, EACH = 3000 };

static struct {
    atomic_size_t sequence;
    size_t value;
} ring[SLOTS];
static atomic_size_t head, tail, sum;
static atomic_int taken;

static bool push(size_t value)
{
    size_t at = tail;
    size_t have = ring[at % SLOTS].sequence;
    if (have != at || !atomic_compare_exchange_strong(&tail, &at, at + 1))
        return false;
    ring[at % SLOTS].value = value;
    ring[at % SLOTS].sequence = at + 1;
    return true;
}

static bool pop(size_t *ret)
{
    size_t at = head;
    size_t have = ring[at % SLOTS].sequence;
    if (have != at + 1 || !atomic_compare_exchange_strong(&head, &at, at + 1))
        return false;
    *ret = ring[at % SLOTS].value;
    ring[at % SLOTS].sequence = at + SLOTS;
    return true;
}

static void *produces(void *arg)
{
    for (size_t i = 1; i <= EACH; i++)
        YIELD_UNTIL(push(i));
    return arg;
}

static void *consumes(void *arg)
{
    size_t value;
    while (taken < 2 * EACH)
        if (pop(&value)) {
            sum += value;
            taken++;
        } else {
            sched_yield();
        }
    return arg;
}

int main(void)
{
    for (size_t i = 0; i < SLOTS; i++)
        ring[i].sequence = i;
    pthread_t threads[] = {start(produces, NULL), start(consumes, NULL), start(produces, NULL),
                           start(consumes, NULL)};
    for (int i = 0; i < 4; i++)
        join(threads[i]);
    printf("%lu\n", sum);
    return passed();
}
