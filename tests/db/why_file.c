/* Recorded by why.sh: values from a file, through memcpy, a struct and registers, and from arguments and arithmetic. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct item {
    uint32_t a, b;
    uint64_t pointer;
};
struct node {
    long id;
    struct item item;
};

uint64_t from_file, from_arithmetic, from_argument, from_time;
uint32_t from_bytes;
char text[32];
uint64_t repeated[8];
static uint64_t zeros[4];
uint64_t from_zeros, from_constant, from_image;
static const uint64_t image[2] = {0x1234567812345678, 0x2345678923456789};

__attribute__((noinline)) static struct node *make(const char *buf, size_t n)
{
    struct node *x = malloc(sizeof(*x));
    if (!x)
        abort();
    memset(x, 0, sizeof(*x));
    memcpy(&x->item, buf, n);
    return x;
}

int main(int argc, char **argv)
{
    char buf[64];
    int fd = argc > 2 ? open(argv[1], O_RDONLY) : -1;
    if (lseek(fd, 8, SEEK_SET) != 8 || read(fd, buf, 16) != 16)
        return 1;
    struct node *x = make(buf, 16), y = *x;
    from_file = y.item.pointer;
    from_arithmetic = from_file + 8;
    from_bytes = (uint32_t)buf[0] | (uint32_t)buf[1] << 8;
    strcpy(text, argv[2]);
    memcpy(&from_argument, text, 8);
    uint64_t *to = repeated;
    size_t n = 8;
    __asm__ volatile("rep stosq" : "+D"(to), "+c"(n) : "a"(from_file) : "memory");
    from_zeros = *(volatile uint64_t *)&zeros[2];
    from_image = ((volatile const uint64_t *)image)[1];
    *(volatile uint64_t *)&from_constant = 42;
    void *bad = (void *)from_file;
    __asm__ volatile("mov %0, %%rbx; call *%%rbx" : : "r"(bad) : "rbx", "memory");
    return 0;
}
