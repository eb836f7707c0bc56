/* A filter of the program's own that answers with an errno, by number and by argument. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include "tests/tracee/proc.h"

int main(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 123),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_dup, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof(code) / sizeof(code[0]), code};
    pid_t pid = start();
    if (pid == 0) {
        CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
        if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0)
            _exit(77);
        CHECK(prctl(PR_GET_SECCOMP) == 2);
        CHECK(syscall(SYS_getppid) == -1 && errno == 123 && dup(1) == -1 && errno == EPERM);
        CHECK(dup(0) >= 0 && getpid() > 0);
        _exit(5);
    }
    int status = ended(pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip("no seccomp filters here");
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 5 && getppid() > 0);
    return passed();
}
