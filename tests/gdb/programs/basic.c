/* Arithmetic in a few functions: calls, recursion, loops, globals, a struct, system calls. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct point {
    int x, y;
    struct point *next;
};

int counter;
int table[16];
long long wide = 0x1122334455667788;
double ratio = 1.5;
char text[64];
struct point origin = {1, 2, &origin};

__attribute__((noinline)) int add(int a, int b)
{
    int sum = a + b;
    counter += sum;
    return sum;
}

__attribute__((noinline)) int factorial(int n)
{
    if (n <= 1)
        return 1; /* LEAF */
    return n * factorial(n - 1);
}

__attribute__((noinline)) void fill(int n)
{
    for (int i = 0; i < n; i++)
        table[i] = add(i, 2 * i); /* LOOP */
}

int main(int argc, char **argv)
{
    struct point here = {argc, 4, NULL};
    (void)argv;
    fill(10);                     /* FILL */
    counter = 7;                  /* SEVEN */
    here.next = &origin;          /* NEXT */
    origin.x = factorial(5);      /* FACTORIAL */
    strcpy(text, "hello, world"); /* STRCPY */
    ratio *= 2;                   /* RATIO */
    int fd = open("/dev/null", O_RDONLY);
    long got = read(fd, text, 0);
    close(fd);
    printf("counter %d factorial %d got %ld\n", counter, here.next->x, got); /* PRINT */
    fflush(stdout);
    return here.y; /* RETURN */
}
