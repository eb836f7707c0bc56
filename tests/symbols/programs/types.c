/* One of everything C has, for the comparison of our printing and evaluating with gdb's. */
#include <complex.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <uchar.h>
/* clang-format off */
enum color { RED, GREEN = 5, BLUE };
enum flags { F_A = 1, F_B = 2, F_C = 4, F_DE = 24 };
enum odd { O_NEG = -1, O_ZERO, O_BIG = 100 };
typedef unsigned char byte;
typedef struct list {
    int value;
    const char *name;
    struct list *next;
} list_t;
typedef int (*binary_fn)(int, int);
struct bits {
    unsigned a : 3;
    int b : 5;
    unsigned long long c : 40;
    bool d : 1;
    enum color e : 4;
    signed char f : 2;
};
union either {
    int i;
    float f;
    char bytes[8];
};
struct nested {
    struct {
        int x, y;
    } point;
    union {
        long l;
        double d;
    };
    struct list inner[2];
    binary_fn fn;
    char text[16], *str;
    int flexible[];
};
struct opaque;
struct opaque *hidden;

int global_int = 42;
static double global_static = 2.5;
const char *global_str = "a global string";
char global_buf[64] = "buffer";
int matrix[3][4] = {{1, 2, 3, 4}, {5, 6, 7, 8}};
__thread int tls_var = 77;
static __thread struct list tls_list = {9, "tls", NULL};
int big[300];
struct nested *heap;

static int add(int a, int b) { return a + b; }
static int mul(int a, int b) { return a * b; }

__attribute__((noinline)) int floats(float f, double d, long double ld, double complex z)
{
    float inf = INFINITY, neg = -INFINITY, not_number = NAN;
    double tiny = 1e-300, big_d = 1e300, third = 1.0 / 3;
    float third_f = 1.0f / 3;
    float vec __attribute__((vector_size(16))) = {1, 2, 3, 4};
    return (int)(f + d + (double)ld + creal(z) + inf * 0 + neg * 0 + not_number + tiny + big_d + third + third_f + vec[0]) +
           1;
}

__attribute__((noinline)) int strings(const char *s, int n)
{
    char small[8] = "abc", zeros[40] = {0}, full[4] = {'f', 'u', 'l', 'l'}, escapes[] = "a\tb\n\"q\"\\ \001\0339\377z";
    char repeats[64];
    memset(repeats, 'x', 63);
    repeats[63] = 0;
    memcpy(repeats, "begin", 5);
    char long_text[400];
    for (int i = 0; i < 399; i++)
        long_text[i] = (char)('a' + i % 26);
    long_text[399] = 0;
    char *p_long = long_text, *none = NULL, *bad = (char *)8;
    unsigned char *bytes = (unsigned char *)small;
    const wchar_t *wide = L"wide";
    const char16_t *u16 = u"sixteen";
    char32_t u32 = U'x';
    int8_t tiny = -5;
    char many[3][4] = {"ab", "cd", ""};
    const char *table[] = {"one", "two", NULL};
    printf("%s %d %s %p %p %ls %d %d %s %s %s\n", s, n, p_long + 390, none, bad, wide, (int)u16[0], (int)u32, many[1],
           table[0], escapes);
    return (int)strlen(repeats) + zeros[3] + full[0] + bytes[1] + tiny;
}

__attribute__((noinline)) int vla(int n)
{
    int array[n];
    int two[n][3];
    char text[n + 3];
    memset(text, 'v', sizeof(text));
    for (int i = 0; i < n; i++) {
        array[i] = i * i;
        for (int j = 0; j < 3; j++)
            two[i][j] = i + j;
    }
    return array[n - 1] + two[n - 1][2] + text[0];
}

__attribute__((noinline)) int records(struct nested s, union either u, struct bits b, struct list *l)
{
    struct nested copy = s;
    struct list array[12] = {{1, "first", l}};
    struct list *pointers[3] = {l, &array[0], NULL};
    enum color color = GREEN, wild = (enum color)9;
    enum flags flags = F_A | F_C, more = F_A | 64, none = 0;
    enum odd odd = O_NEG;
    binary_fn fn = add, fns[2] = {add, mul};
    int (*array_ptr)[4] = matrix;
    void *v = &copy;
    const volatile int cv = 3;
    bool yes = true, no = false;
    char c = 'c', newline = '\n', nul = 0;
    unsigned char uc = 200;
    short sh = -2;
    unsigned short us = 65535;
    long lo = -1234567890123L;
    unsigned long ul = 18446744073709551615UL;
    __int128 wide = ((__int128)1 << 100) + 7;
    int *ip = &global_int, **ipp = &ip;
    list_t *const cl = l;
    int zeros[20] = {0};
    int runs[30] = {1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3};
    struct {
        int in;
    } anonymous = {8};
    const byte *bp = &uc;
    for (int i = 0; i < 2; i++) {
        int shadow = i * 10;
        char c2 = (char)('x' + shadow);
        color = (enum color)(color + shadow + c2);
    }
    return fn(1, 2) + fns[1](3, 4) + (*array_ptr)[1] + (v != NULL) + cv + yes + no + c + newline + nul + uc + sh + us +
           (int)lo + (int)ul + (int)wide + **ipp + cl->value + zeros[3] + runs[3] + anonymous.in + (int)color + (int)wild +
           (int)flags + (int)more + (int)none + (int)odd + pointers[0]->value + u.i + (int)b.c + *bp;
}

int main(int argc, char **argv)
{
    struct list third = {3, "third", NULL}, second = {2, "second", &third}, first = {1, "first", &second};
    struct bits bits = {5, -3, 0x1234567890, true, BLUE, -1};
    union either either = {.f = 1.5f};
    heap = malloc(sizeof(*heap) + 16);
    memset(heap, 0, sizeof(*heap) + 16);
    heap->point.x = argc;
    heap->d = 3.25;
    heap->fn = mul;
    strcpy(heap->text, "heap text");
    heap->str = argv[0];
    tls_var += argc;
    tls_list.value++;
    for (int i = 0; i < 300; i++)
        big[i] = i / 20;
    int r = records(*heap, either, bits, &first);
    r += floats(1.1f, 2.2, 3.3L, 1.0 + 2.0 * I);
    r += strings(global_str, argc);
    r += vla(5 + argc);
    r += (int)global_static + global_buf[0] + (hidden != NULL);
    return r == 0;
}
