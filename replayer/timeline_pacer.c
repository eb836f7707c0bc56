/* The pacer: a thread that looks every few milliseconds at the run under way, and interrupts it when the user wants that or
 * when runs have lasted a while since the last time, one long or many short ones. The timeline decides what an interruption means.
 *
 * `running` changes under the lock, so the world that is interrupted is one that lives. The thread sleeps without a timeout
 * when nothing has run for a while; short runs do not wake it each time. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "replayer/timeline_impl.h"

#define POLL_NS 5000000ull
#define IDLE_POLLS 100

struct pacer {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    const struct timeline *tl;     /* borrowed */
    struct replay *running;        /* borrowed */
    uint64_t deadline_ns, left_ns; /* of a run; how long the next ones may last */
    bool asleep, quit;
};

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void wait_a_bit(struct pacer *p)
{
    uint64_t until = now_ns() + POLL_NS;
    struct timespec t = {.tv_sec = (time_t)(until / 1000000000u), .tv_nsec = (long)(until % 1000000000u)};
    int err = 0;
    while (!p->quit && err != ETIMEDOUT)
        err = pthread_cond_timedwait(&p->wake, &p->lock, &t);
}

static void look(struct pacer *p)
{
    uint64_t now = now_ns();
    if (!timeline_is_interrupted(p->tl) && now < p->deadline_ns)
        return;
    replay_interrupt(p->running);
    p->deadline_ns = now + TIMELINE_PACE_NS;
}

static void *pacer_main(void *arg)
{
    struct pacer *p = arg;
    pthread_mutex_lock(&p->lock);
    for (int idle = 0; !p->quit;) {
        if (p->running) {
            idle = 0;
            look(p);
        } else if (++idle > IDLE_POLLS) {
            idle = 0;
            p->asleep = true;
            pthread_cond_wait(&p->wake, &p->lock);
            p->asleep = false;
            continue;
        }
        wait_a_bit(p);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

struct odb_err *pacer_create(struct timeline *tl, struct pacer **ret)
{
    struct pacer *p = calloc(1, sizeof(*p));
    pthread_condattr_t attr;
    if (!p)
        return odb_err("out of memory");
    p->tl = tl;
    p->left_ns = TIMELINE_PACE_NS;
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&p->wake, &attr);
    pthread_condattr_destroy(&attr);
    int err = pthread_create(&p->thread, NULL, pacer_main, p);
    if (err) {
        pthread_cond_destroy(&p->wake);
        pthread_mutex_destroy(&p->lock);
        free(p);
        return odb_err_errno(err, "cannot start a thread");
    }
    *ret = p;
    return NULL;
}

void pacer_destroy(struct pacer *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->quit = true;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

void pacer_begin(struct pacer *p, struct replay *r)
{
    pthread_mutex_lock(&p->lock);
    p->running = r;
    p->deadline_ns = now_ns() + p->left_ns;
    if (p->asleep)
        pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
}

void pacer_end(struct pacer *p)
{
    uint64_t now = now_ns();
    pthread_mutex_lock(&p->lock);
    p->left_ns = p->deadline_ns > now ? p->deadline_ns - now : 0;
    p->running = NULL;
    pthread_mutex_unlock(&p->lock);
}
