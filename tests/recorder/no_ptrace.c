/* no_ptrace PROGRAM [ARG...]: runs it under a seccomp filter in which ptrace fails with EPERM, as in some containers. */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (argc < 2 || !filter || seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ptrace), 0) ||
        seccomp_load(filter))
        return 99;
    seccomp_release(filter);
    execvp(argv[1], argv + 1);
    perror(argv[1]);
    return 98;
}
