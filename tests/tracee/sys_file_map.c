/* Mapped files that are changed, truncated, replaced and deleted while they are mapped, and after. */
#include "tests/tracee/tracee.h"

int main(void)
{
    char path[] = "/tmp/odb-tracee-XXXXXX";
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    for (int i = 0; i < 4096; i++)
        CHECK(write(fd, &i, 4) == 4);
    const int *m = mmap(NULL, 16384, PROT_READ, MAP_PRIVATE, fd, 0);
    CHECK(m != MAP_FAILED && m[4095] == 4095);
    int *w = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    w[100] = -1;
    int value = 12345678;
    CHECK(pwrite(fd, &value, 4, 12000) == 4 && unlink(path) == 0);
    CHECK(m[3000] == 12345678 && m[100] == 100 &&
          w[100] == -1); /* an untouched private page follows the file */
    int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 4096);
    shared[5] = 77;
    CHECK(pread(fd, &value, 4, 4096 + 20) == 4 && value == 77 && m[1024 + 5] == 77);
    CHECK(close(fd) == 0 && m[3001] == 3001);
    unsigned long sum = 0;
    for (int i = 0; i < 4096; i++)
        sum += (unsigned)m[i] + (unsigned)w[i];
    printf("%lu\n", sum);
    fd = open("/proc/self/exe", O_RDONLY);
    const char *exe = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
    CHECK(exe != MAP_FAILED &&
          !memcmp(exe,
                  "\x7f"
                  "ELF",
                  4) &&
          close(fd) == 0);
    return passed();
}
