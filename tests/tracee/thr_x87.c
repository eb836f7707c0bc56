/* x87 stack, control word and mxcsr are each thread's own, inherited at creation and kept over switches. */
#include "tests/tracee/tasks.h"

static atomic_int turn;

static uint16_t get_fcw(void)
{
    uint16_t w;
    __asm__ volatile("fnstcw %0" : "=m"(w));
    return w;
}

static uint32_t get_mxcsr(void)
{
    uint32_t w;
    __asm__ volatile("stmxcsr %0" : "=m"(w));
    return w;
}

static void *body(void *arg)
{
    int me = (int)(intptr_t)arg;
    CHECK(get_fcw() == 0x0f7f && (get_mxcsr() & 0x6000) == 0x2000); /* the creator's */
    uint16_t fcw = (uint16_t)(0x037f | me << 10);
    uint32_t mxcsr = 0x1f80u | (uint32_t)me << 13;
    __asm__ volatile("fldcw %0\n ldmxcsr %1" ::"m"(fcw), "m"(mxcsr));
    double sum = 0, one = me + 1, top;
    for (int i = 0; i < 20; i++) {
        __asm__ volatile("fldl %0\n fldl %1" ::"m"(sum), "m"(one)); /* two values in the x87 stack */
        turn++;
        for (int k = 0; k < 3000; k++)
            __asm__ volatile("");
        sched_yield();
        __asm__ volatile("faddp\n fstpl %0" : "=m"(top));
        CHECK(top == sum + one && get_fcw() == fcw && (get_mxcsr() & 0xffc0) == mxcsr);
        sum = top;
    }
    return (void *)(intptr_t)(long)sum;
}

int main(void)
{
    uint16_t fcw = 0x0f7f;
    uint32_t mxcsr = 0x3f80;
    __asm__ volatile("fldcw %0\n ldmxcsr %1" ::"m"(fcw), "m"(mxcsr));
    pthread_t threads[4];
    for (intptr_t i = 0; i < 4; i++)
        threads[i] = start(body, (void *)i);
    fcw = 0x037f, mxcsr = 0x1f80;
    __asm__ volatile("fldcw %0\n ldmxcsr %1" ::"m"(fcw), "m"(mxcsr));
    for (int i = 0; i < 4; i++)
        printf("%ld\n", (long)(intptr_t)join(threads[i]));
    return passed();
}
