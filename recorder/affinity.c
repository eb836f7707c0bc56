/* Choosing a processor. Recordings that run at the same time keep apart by a socket with an abstract name for each
 * processor: to bind it works once, it leaves nothing behind, and it is gone with its owner. */
#include "recorder/affinity.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"

#define N_CPUS (8 * (int)sizeof(((struct odb_shared *)0)->affinity))

static bool is_allowed(const struct odb_shared *s, int cpu)
{
    return cpu >= 0 && cpu < N_CPUS && (s->affinity[cpu / 8] >> (cpu % 8) & 1);
}

/* A socket that nobody else has bound; -1: somebody has. */
static int lock_cpu(int cpu)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int n = snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "odb-cpu-%d", cpu);
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t n_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
    if (fd < 0 || bind(fd, (const struct sockaddr *)(const void *)&name, n_bytes) < 0)
        return -1;
    return take_fd(fd);
}

struct odb_err *affinity_choose(struct odb_shared *shared, int wanted, int *ret_lock_fd)
{
    *ret_lock_fd = -1;
    long n = syscall(SYS_sched_getaffinity, 0, sizeof(shared->affinity), shared->affinity);
    if (n <= 0)
        return NULL; /* more processors than fit: the tasks stay where they are */
    shared->affinity_bytes = (uint32_t)n;
    if (wanted >= 0 && !is_allowed(shared, wanted))
        return odb_err("processor %d is not one of those that this process may use", wanted);
    int here = sched_getcpu();
    int chosen = wanted;
    /* beginning behind our own, so that the recorder's threads are elsewhere */
    for (int i = 1; i <= N_CPUS && *ret_lock_fd < 0 && wanted < 0; i++) {
        int cpu = (here + i) % N_CPUS;
        if (!is_allowed(shared, cpu))
            continue;
        if (chosen < 0)
            chosen = cpu;
        *ret_lock_fd = lock_cpu(cpu);
        if (*ret_lock_fd >= 0)
            chosen = cpu;
    }
    shared->cpu = (uint32_t)chosen;
    return NULL;
}
