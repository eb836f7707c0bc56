/* Every way to pass and return by the calling convention: each function is stopped at its first instruction and behind its
 * return, by hand of abi.py. */
#include <complex.h>
#include <stdbool.h>
#include <stdio.h>
/* clang-format off */
struct two_ints { int a, b; };
struct int_double { long i; double d; };
struct two_doubles { double x, y; };
struct floats3 { float a, b, c; };
struct big { long a[5]; };
struct chars { char c[11]; };
struct mixed { char c; float f; short s; };
struct inner { struct two_ints in; union { float f; int i; } u; };
typedef float vec4 __attribute__((vector_size(16)));
enum e { E_A, E_B = 7 };
typedef int (*fn)(int);

#define F __attribute__((noinline, noclone))
F int f_ints(char a, short b, int c, long d, unsigned e, bool f, int g, long h) { return (int)(a + b + c + d + e + f + g + h); }
F double f_floats(float a, double b, int c, float d, double e) { return a + b + c + d + e; }
F float f_float(float a) { return a * 2; }
F struct two_ints f_two(struct two_ints a, int b) { return (struct two_ints){a.a + b, a.b - b}; }
F struct int_double f_id(struct int_double a) { a.i++; a.d /= 2; return a; }
F struct two_doubles f_dd(struct two_doubles a, struct floats3 b) { a.x += b.a; a.y += b.c; return a; }
F struct floats3 f_f3(struct floats3 a) { a.b = 9; return a; }
F struct big f_big(struct big a, int b) { a.a[4] = b; return a; }
F struct chars f_chars(struct chars a) { a.c[0] = 'Z'; return a; }
F struct mixed f_mixed(struct mixed a, int x) { a.s = (short)x; return a; }
F struct inner f_inner(struct inner a) { a.u.i++; return a; }
F vec4 f_vec(vec4 a, vec4 b) { return a + b; }
F __int128 f_128(__int128 a, int b, __int128 c) { return a + b + c; }
F double complex f_cd(double complex a) { return a * 2; }
F float complex f_cf(float complex a) { return a + 1; }
F const char *f_ptr(const char *s, int n, fn g) { return s + n + (g ? 1 : 0); }
F enum e f_enum(enum e x, unsigned char y) { return y ? x : E_A; }
F bool f_bool(bool x) { return !x; }
F char f_char(char c) { return (char)(c + 1); }
F unsigned short f_us(unsigned short u) { return (unsigned short)(u * 2); }
F int f_ld(long double x, int y, long double z) { return (int)(x + y + z); }
F long f_many(long a, long b, long c, long d, long e, struct two_ints f, struct two_ints g, double h, struct big i, char j)
{
    return a + b + c + d + e + f.a + g.b + (long)h + i.a[0] + j;
}
F int f_var(const char *fmt, ...) { return fmt[0]; }
F void f_void(int *p) { *p += 1; }

int main(void)
{
    int r = f_ints('a', -2, 3, 4L << 33, 5, true, 7, -8) + (int)f_floats(1.5f, 2.25, 3, 4.5f, 5.125) + (int)f_float(0.5f);
    struct two_ints t = f_two((struct two_ints){1, 2}, 3);
    struct int_double id = f_id((struct int_double){-4, 5.5});
    struct two_doubles dd = f_dd((struct two_doubles){6.5, 7.5}, (struct floats3){1, 2, 3});
    struct floats3 f3 = f_f3((struct floats3){1.25f, 2.5f, 3.75f});
    struct big big = f_big((struct big){{1, 2, 3, 4, 5}}, 6);
    struct chars ch = f_chars((struct chars){"hello wor"});
    struct mixed mx = f_mixed((struct mixed){'m', 1.5f, 2}, 77);
    struct inner in = f_inner((struct inner){{8, 9}, {.i = 10}});
    vec4 v = f_vec((vec4){1, 2, 3, 4}, (vec4){5, 6, 7, 8});
    __int128 w = f_128(((__int128)1 << 70) + 1, 2, -3);
    double complex cd = f_cd(1.5 + 2.5 * I);
    float complex cf = f_cf(3.5f + 4.5f * I);
    const char *p = f_ptr("pointer", 3, NULL);
    r += f_enum(E_B, 200) + f_bool(false) + f_char('x') + f_us(40000) + f_ld(1.5L, 2, 3.5L);
    r += (int)f_many(1, 2, 3, 4, 5, (struct two_ints){6, 7}, (struct two_ints){8, 9}, 10.5, big, 'j') + f_var("fmt", 1, 2.0);
    f_void(&r);
    printf("%d %d %f %f %f %ld %s %d %d %f %d %f %f %s\n", r, t.a, id.d, dd.x, (double)f3.b, big.a[4], ch.c, mx.s, in.u.i,
           (double)v[2], (int)w, creal(cd), (double)crealf(cf), p);
    return 0;
}
