/* cputime RESULT OUTPUT PROGRAM [ARG...]: runs a program with stdin from /dev/null and stdout into the file
 * OUTPUT, and writes "CPU_SECONDS WALL_SECONDS STATUS\n" to the file RESULT. CPU time is user plus system
 * time of the program and of every descendant that was waited for, so a recorder and what it records count
 * together. STATUS is as a shell shows it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(struct timeval t) { return (double)t.tv_sec + (double)t.tv_usec / 1e6; }

static void redirect(const char *path, int flags, int to)
{
    int fd = open(path, flags, 0644);
    if (fd < 0 || dup2(fd, to) < 0) {
        fprintf(stderr, "cputime: %s: %s\n", path, strerror(errno));
        _exit(126);
    }
    if (fd != to)
        close(fd);
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: cputime RESULT OUTPUT PROGRAM [ARG...]\n");
        return 2;
    }
    struct timespec from, to;
    (void)clock_gettime(CLOCK_MONOTONIC, &from);
    pid_t pid = fork();
    if (pid == 0) {
        redirect("/dev/null", O_RDONLY, 0);
        redirect(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 1);
        execvp(argv[3], argv + 3);
        fprintf(stderr, "cputime: %s: %s\n", argv[3], strerror(errno));
        _exit(127);
    }
    int status;
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        perror("cputime");
        return 1;
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &to);
    struct rusage used;
    (void)getrusage(RUSAGE_CHILDREN, &used);
    FILE *f = fopen(argv[1], "w");
    if (!f) {
        perror(argv[1]);
        return 1;
    }
    fprintf(f, "%.4f %.4f %d\n", seconds(used.ru_utime) + seconds(used.ru_stime),
            (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9,
            WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
    return fclose(f) == 0 ? 0 : 1;
}
