/* SIGABRT with and without leave to dump core: the bit in the status. */
#include "tests/tracee/proc.h"

int main(void)
{
    char pattern[256] = "";
    int fd = open("/proc/sys/kernel/core_pattern", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, pattern, sizeof(pattern) - 1) <= 0 || strchr("|/\n", pattern[0]))
        skip("core files do not go to the working folder here");
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_CORE, &limit) == 0);
    const char *dir = enter_temp_dir();
    for (int with_core = 0; with_core < 2; with_core++) {
        pid_t pid = start();
        if (pid == 0) {
            limit.rlim_cur = with_core ? limit.rlim_max : 0;
            CHECK(setrlimit(RLIMIT_CORE, &limit) == 0);
            abort();
        }
        int status = ended(pid);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
        CHECK(!WCOREDUMP(status) || with_core);
        if (limit.rlim_max == RLIM_INFINITY)
            printf("core %d\n", WCOREDUMP(status) != 0);
    }
    CHECK(system("rm -f core*") == 0);
    leave_temp_dir(dir);
    return passed();
}
