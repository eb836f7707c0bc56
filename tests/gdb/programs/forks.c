/* A fork and a vfork; both children do a little and exit with a status. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int state;

__attribute__((noinline)) void in_child(void)
{
    state = 100; /* CHILD */
    _exit(5);
}

__attribute__((noinline)) void in_parent(void) { state = 50; /* PARENT */ }

int main(void)
{
    int status;
    pid_t pid = fork(); /* FORK */
    if (pid == 0)
        in_child();
    in_parent();
    waitpid(pid, &status, 0);
    state += WEXITSTATUS(status);
    pid = vfork(); /* VFORK */
    if (pid == 0)
        _exit(6);
    waitpid(pid, &status, 0);
    state += WEXITSTATUS(status);
    printf("state %d\n", state); /* PRINT */
    return 0;
}
