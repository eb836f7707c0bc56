/* Floating point: SSE double and float, x87 long double, conversions, mxcsr and control word changes, integer SSE. */
#include "tests/oracle/nolibc.h"

static double m[24][24], v[24];
static float f[256];

static double root(double x)
{
    double r = x / 2 + 0.5;
    for (int i = 0; i < 8; i++)
        r = (r + x / r) / 2;
    return r;
}

int main(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int i = 0; i < 24; i++)
        for (int j = 0; j < 24; j++)
            m[i][j] = i == j ? 30.0 + i : 1.0 / (1 + i + j);
    for (int i = 0; i < 24; i++)
        v[i] = i - 11.5;
    for (int k = 0; k < 24; k++)
        for (int i = k + 1; i < 24; i++) {
            double q = m[i][k] / m[k][k];
            for (int j = k; j < 24; j++)
                m[i][j] -= q * m[k][j];
            v[i] -= q * v[k];
        }
    double sum = 0;
    for (int i = 23; i >= 0; i--) {
        for (int j = i + 1; j < 24; j++)
            v[i] -= m[i][j] * v[j];
        v[i] /= m[i][i];
        sum += root(v[i] < 0 ? -v[i] : v[i]);
    }
    uint64_t bits;
    __builtin_memcpy(&bits, &sum, 8);
    print("solve ", bits);
    long double l = 0.1L;
    for (int i = 1; i < 600; i++)
        l = l * 3.7L * (1 - l) + 1e-6L / i;
    __builtin_memcpy(&bits, &l, 8);
    print("long ", bits);
    unsigned csr = 0x7f80, old;
    __asm__ volatile("stmxcsr %0; ldmxcsr %1" : "=m"(old) : "m"(csr));
    for (int i = 0; i < 256; i++)
        f[i] = (float)i / 3.0f - 20.0f;
    int64_t total = 0;
    for (int i = 0; i < 256; i++)
        total += (int64_t)(f[i] * 100.0f) + (f[i] > 0 ? 1 : -1);
    __asm__ volatile("ldmxcsr %0" ::"m"(old));
    print("total ", (uint64_t)total);
    __asm__ volatile("fldpi; fsincos; fpatan; fld1; fyl2x; frndint; fistpll %0" : "=m"(total));
    print("x87 ", (uint64_t)total);
    return 0;
}
