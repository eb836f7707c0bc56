/* Code that does not exist yet when it starts: written into memory, run, written again. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

/* mov eax, N; ret */
static unsigned char code[] = {0xb8, 1, 0, 0, 0, 0xc3};
typedef int (*made)(void);
int results[3];

int main(void)
{
    unsigned char *p = mmap((void *)0x10000000, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0); /* MAP */
    for (int i = 0; i < 3; i++) {
        code[1] = (unsigned char)(10 + i);
        memcpy(p, code, sizeof(code));
        results[i] = ((made)p)(); /* CALL */
    }
    printf("%d %d %d\n", results[0], results[1], results[2]); /* PRINT */
    return 0;
}
