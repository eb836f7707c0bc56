/* Vector and x87 state: intact after a handler that uses them; in the frame; changed there and taken back. */
#include "tests/tracee/tracee.h"

static int change;
static struct _libc_fpstate last;

static void handler(int signo, siginfo_t *si, void *context)
{
    (void)signo, (void)si;
    ucontext_t *uc = context;
    memcpy(&last, uc->uc_mcontext.fpregs, sizeof(last));
    if (change)
        uc->uc_mcontext.fpregs->_xmm[9].element[1] = 0xc0ffee;
    uc->uc_mcontext.gregs[REG_RIP] += 2;
    __asm__ volatile("fninit; fldz; fldz; pcmpeqd %%xmm9, %%xmm9; pxor %%xmm1, %%xmm1" ::: "xmm9", "xmm1");
    if (__builtin_cpu_supports("avx2"))
        __asm__ volatile("vpcmpeqd %%ymm9, %%ymm9, %%ymm9; vzeroall" ::: "xmm9", "memory");
    unsigned csr = 0x7f80;
    __asm__ volatile("ldmxcsr %0" ::"m"(csr));
}

int main(void)
{
    catch_signal(SIGILL, handler, 0);
    bool avx = __builtin_cpu_supports("avx2");
    uint32_t in[8] = {1, 2, 3, 4, 5, 6, 7, 8}, out[8] = {0};
    for (change = 0; change < 2; change++) {
        long double top;
        unsigned csr;
        __asm__ volatile("fninit; fldpi" ::: "memory");
        if (avx)
            __asm__ volatile("vmovdqu %2, %%ymm9; ud2; vmovdqu %%ymm9, %0; stmxcsr %1"
                             : "=m"(out), "=m"(csr)
                             : "m"(in)
                             : "xmm9", "xmm1", "memory");
        else
            __asm__ volatile("movdqu %2, %%xmm9; ud2; movdqu %%xmm9, %0; stmxcsr %1"
                             : "=m"(out), "=m"(csr)
                             : "m"(in)
                             : "xmm9", "xmm1", "memory");
        __asm__ volatile("fstpt %0" : "=m"(top));
        CHECK(!memcmp(&top, "\x35\xc2\x68\x21\xa2\xda\x0f\xc9\x00\x40", 10) && csr == 0x1f80); /* pi */
        CHECK(out[0] == 1 && out[3] == 4 && (!avx || out[7] == 8));
        CHECK(out[1] == (change ? 0xc0ffee : 2));
        CHECK(last._xmm[9].element[1] == 2 && last.mxcsr == 0x1f80 && last.cwd == 0x37f);
    }
    const uint8_t *sw = (const uint8_t *)&last + 464; /* struct _fpx_sw_bytes */
    uint32_t magic, xstate_size;
    memcpy(&magic, sw, 4), memcpy(&xstate_size, sw + 16, 4);
    printf("%x %d\n", magic, xstate_size >= (avx ? 832 : 512));
    return passed();
}
