/* The vDSO is ordinary memory to the program: it can be parsed, copied and written out. */
#include <elf.h>
#include <sys/auxv.h>

#include "tests/tracee/tracee.h"

int main(void)
{
    const char *vdso = (const char *)getauxval(AT_SYSINFO_EHDR);
    if (!vdso)
        skip("no vDSO");
    Elf64_Ehdr eh;
    memcpy(&eh, vdso, sizeof(eh));
    CHECK(!memcmp(eh.e_ident, ELFMAG, SELFMAG) && eh.e_machine == EM_X86_64 && eh.e_phnum > 0);
    CHECK(write(1, vdso + 1, 3) == 3 && write(1, "\n", 1) == 1);
    char copy[4096];
    memcpy(copy, vdso, sizeof(copy));
    int fds[2];
    CHECK(pipe(fds) == 0 && write(fds[1], vdso, 64) == 64 && read(fds[0], copy, 64) == 64 &&
          !memcmp(copy, vdso, 64));
    return passed();
}
