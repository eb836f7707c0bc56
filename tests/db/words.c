/* What query_symbols.sh asks about. */
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
/* clang-format off */
#define NOINLINE __attribute__((noinline))
enum color { RED, GREEN = 5 };
struct point {
    int x, y;
};
struct shape {
    const char *name;
    struct point at;
    double area;
    enum color color;
    unsigned layer : 3, filled : 1;
    struct shape *next;
};

int counter;
static char text[8];
static jmp_buf out;

NOINLINE int fib(int n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

NOINLINE double scale(double factor, float small, struct point p)
{
    return factor * p.x + small;
}

NOINLINE struct point mirror(struct point p)
{
    struct point r = {p.y, p.x};
    return r;
}

NOINLINE const char *name_of(const struct shape *s, char first)
{
    return s->name[0] == first ? s->name : "other";
}

NOINLINE int deep(int n)
{
    if (!n)
        longjmp(out, 1);
    return deep(n - 1) + 1;
}

NOINLINE void count(struct shape *s)
{
    for (int i = 0; i < 3; i++) {
        counter += i;
        s->at.x = counter;
        s->layer = i; /* LINE */
    }
}

static void *work(void *arg)
{
    fib(2);
    return arg;
}

int main(void)
{
    struct shape inner = {"inner", {1, 2}, 1.5, GREEN, 1, 1, NULL};
    struct shape shape = {"outer", {3, 4}, 2.25, RED, 0, 0, &inner};
    pthread_t thread;
    count(&shape);
    strcpy(text, "abc");
    if (!setjmp(out))
        deep(2);
    pthread_create(&thread, NULL, work, NULL);
    pthread_join(thread, NULL);
    struct point p = mirror(shape.at);
    double d = scale(0.5, 0.25f, p);
    const char *a = name_of(&shape, 'o'), *b = name_of(&inner, 'x');
    printf("%d %s %s %g\n", fib(3), a, b, d);
    return 0;
}
