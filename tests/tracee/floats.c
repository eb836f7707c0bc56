/* printf and strtod of floating point, libm through its ifuncs, qsort, sums in float, double and long double. */
#include <math.h>

#include "tests/tracee/tracee.h"

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(void)
{
    static double v[5000];
    uint64_t s = 42;
    for (int i = 0; i < 5000; i++) {
        s = s * 6364136223846793005ull + 1442695040888963407ull;
        v[i] =
            sin((double)(s >> 40)) * exp(cos(i)) + pow(1.0001, i) - log1p(i) + tan(i * 0.001) + fmod(i, 7.3);
    }
    qsort(v, 5000, sizeof(v[0]), by_value);
    float f = 0;
    double d = 0;
    long double l = 0;
    for (int i = 0; i < 5000; i++)
        f += (float)v[i], d += v[i], l += v[i];
    printf("%.9g %.17g %.21Lg %a\n", (double)f, d, l, v[2500]);
    CHECK(strtod("0x1.8p3", NULL) == 12 && strtod("1e-320", NULL) > 0 && isnan(strtod("nan", NULL)));
    printf("%.40f %e %g\n", 0.1, 1e300, NAN);
    return passed();
}
