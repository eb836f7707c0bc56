/* One memfd mapped twice: written through one address, executed through the other. */
#include "tests/tracee/tracee.h"

int main(void)
{
    int fd = memfd_create("code", 0);
    CHECK(fd >= 0 && ftruncate(fd, 4096) == 0);
    unsigned char *w = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    unsigned char *x = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    CHECK(w != MAP_FAILED && x != MAP_FAILED);
    for (int i = 0; i < 100; i++) {
        memcpy(w, "\xb8\0\0\0\0\xc3", 6);
        memcpy(w + 1, &i, 4);
        CHECK(((int (*)(void))(uintptr_t)x)() == i);
    }
    return passed();
}
