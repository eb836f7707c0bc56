/* argc, argv, environment, auxiliary vector and the initial stack lie where and as the kernel put them. */
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>

#include "tests/tracee/tracee.h"

extern char **environ;

int main(int argc, char **argv, char **envp)
{
    CHECK(envp == argv + argc + 1 && environ == envp && argv[argc] == NULL);
    CHECK((uintptr_t)argv % 8 == 0 && *((long *)(void *)argv - 1) == argc);
    char **p = envp;
    while (*p) {
        CHECK(strncmp(*p, "LD_PRELOAD=", 11) && strncmp(*p, "ODB_ENGINE", 10));
        p++;
    }
    int n = 0;
    for (ElfW(auxv_t) *a = (void *)(p + 1); a->a_type != AT_NULL; a++, n++)
        CHECK(getauxval(a->a_type) == a->a_un.a_val || a->a_type == AT_HWCAP || a->a_type >= 40 ||
              getauxval(a->a_type) == 0);
    CHECK(n > 10 && getauxval(AT_PAGESZ) == 4096 && getauxval(AT_RANDOM) && getauxval(AT_PHNUM) > 3);
    CHECK(strlen((const char *)getauxval(AT_EXECFN)) > 0 && getauxval(AT_UID) == getuid());
    const ElfW(Ehdr) *vdso = (void *)getauxval(AT_SYSINFO_EHDR);
    if (vdso)
        CHECK(!memcmp(vdso->e_ident, ELFMAG, 4) && vdso->e_type == ET_DYN);
    CHECK(getenv("PATH") != NULL);
    unsigned char random = 0;
    for (int i = 0; i < 16; i++)
        random |= ((unsigned char *)getauxval(AT_RANDOM))[i];
    CHECK(random != 0);
    for (int i = 1; i < argc; i++)
        puts(argv[i]);
    return passed();
}
