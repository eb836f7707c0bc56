/* Thread names: prctl, pthread_setname_np on another thread, /proc/self/task/TID/comm. */
#include <sys/prctl.h>

#include "tests/tracee/tasks.h"

static pthread_barrier_t named, seen;
static pid_t tid;

static void *body(void *arg)
{
    char name[16];
    CHECK(prctl(PR_SET_NAME, "a name far too long for it") == 0);
    CHECK(prctl(PR_GET_NAME, name) == 0 && strcmp(name, "a name far too ") == 0);
    tid = gettid();
    pthread_barrier_wait(&named);
    pthread_barrier_wait(&seen);
    CHECK(prctl(PR_GET_NAME, name) == 0 && strcmp(name, "from outside") == 0);
    puts(name);
    return arg;
}

int main(void)
{
    CHECK(pthread_barrier_init(&named, NULL, 2) == 0 && pthread_barrier_init(&seen, NULL, 2) == 0);
    pthread_t thread = start(body, NULL);
    pthread_barrier_wait(&named);
    char name[32] = "", path[64];
    CHECK(pthread_getname_np(thread, name, sizeof(name)) == 0);
    puts(name);
    CHECK(pthread_setname_np(thread, "from outside") == 0);
    CHECK(pthread_setname_np(thread, "from outside, but far too long") == ERANGE);
    snprintf(path, sizeof(path), "/proc/self/task/%d/comm", tid);
    int fd = open(path, O_RDONLY);
    CHECK(fd >= 0);
    memset(name, 0, sizeof(name));
    CHECK(read(fd, name, sizeof(name) - 1) == 13 && strcmp(name, "from outside\n") == 0);
    pthread_barrier_wait(&seen);
    join(thread);
    CHECK(pthread_getname_np(pthread_self(), name, sizeof(name)) == 0 && strcmp(name, "from outside") != 0);
    return passed();
}
