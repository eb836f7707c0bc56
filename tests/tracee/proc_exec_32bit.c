/* exec of a 32-bit program: it runs, or the exec fails, or it dies; the parent goes on in any case. */
#include <elf.h>

#include "tests/tracee/proc.h"

int main(void)
{
    static const unsigned char code[] = {0xb8, 1, 0, 0, 0,    0xbb,
                                         5,    0, 0, 0, 0xcd, 0x80}; /* exit(5) by int 0x80 */
    struct {
        Elf32_Ehdr e;
        Elf32_Phdr p;
        unsigned char code[sizeof(code)];
    } file = {
        .e = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT},
              .e_type = ET_EXEC,
              .e_machine = EM_386,
              .e_version = EV_CURRENT,
              .e_entry = 0x10000 + 84,
              .e_phoff = 52,
              .e_ehsize = 52,
              .e_phentsize = 32,
              .e_phnum = 1},
        .p = {PT_LOAD, 0, 0x10000, 0x10000, sizeof(file), sizeof(file), PF_R | PF_X, 4096},
    };
    memcpy(file.code, code, sizeof(code));
    const char *dir = enter_temp_dir();
    int fd = open("old", O_CREAT | O_WRONLY | O_CLOEXEC, 0700);
    CHECK(fd >= 0 && write(fd, &file, sizeof(file)) == sizeof(file) && close(fd) == 0);
    pid_t pid = start();
    if (pid == 0) {
        no_core();
        execl("./old", "old", NULL);
        _exit(errno == ENOEXEC ? 5 : 1);
    }
    int status = ended(pid);
    CHECK(WIFSIGNALED(status) || WEXITSTATUS(status) == 5);
    CHECK(unlink("old") == 0);
    leave_temp_dir(dir);
    return passed();
}
