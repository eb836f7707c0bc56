/* The shared side of a replay: slots and the feeder.
 *
 * The feeder decompresses the whole stream into a memfd (where a checkpoint keeps all of it, into a temporary file), file
 * offset = stream offset, and stays at most READ_AHEAD_BYTES before the fastest vessel. What every living vessel has behind
 * it is punched out of the file again, so a recording of any length needs bounded memory as long as no checkpoint holds it. */
#include "replayer/session.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/fs.h"

#define READ_AHEAD_BYTES (256ull << 20)
#define PUNCH_BYTES (16ull << 20)
#define CONTROL_BYTES ((size_t)SESSION_SLOTS * ODB_CONTROL_BYTES)
#define LOG_BYTES ((size_t)SESSION_SLOTS * ODB_LOG_BYTES)
#define WORLD_BYTES ((size_t)SESSION_SLOTS * ODB_SHARED_BYTES)
_Static_assert(SESSION_SLOTS *(WORLD_MAX_OBJECTS *WORLD_OBJECT_BYTES) <= WORLD_LIVE_END, "all worlds fit");

void session_wake(_Atomic uint32_t *word) { syscall(SYS_futex, word, FUTEX_WAKE, 0x7fffffff, NULL, NULL, 0); }

void session_wait(_Atomic uint32_t *word, uint32_t value, int timeout_ms)
{
    struct timespec t = {.tv_sec = timeout_ms / 1000, .tv_nsec = timeout_ms % 1000 * 1000000L};
    syscall(SYS_futex, word, FUTEX_WAIT, value, &t, NULL, 0);
}

/* Sparse files of any length: a soft limit of the user's is not meant for them. */
static struct odb_err *set_size(int fd, size_t n_bytes)
{
    struct rlimit limit;
    bool limited = getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < n_bytes;
    if (limited && limit.rlim_max < n_bytes)
        return odb_err("the limit on file sizes (ulimit -Hf) leaves no room for shared memory");
    if (limited)
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){limit.rlim_max, limit.rlim_max});
    int failed = ftruncate(fd, (off_t)n_bytes) < 0 ? errno : 0;
    if (limited)
        setrlimit(RLIMIT_FSIZE, &limit);
    return failed ? odb_err_errno(failed, "cannot size shared memory") : NULL;
}

static struct odb_err *shared_file(const char *name, size_t n_bytes, int *ret_fd, uint8_t **ret_map)
{
    int fd = memfd_create(name, MFD_CLOEXEC);
    if (fd < 0)
        return odb_err_errno(errno, "cannot create shared memory");
    struct odb_err *e = n_bytes ? set_size(fd, n_bytes) : NULL;
    if (e) {
        close(fd);
        return e;
    }
    if (ret_map) {
        void *p = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
        if (p == MAP_FAILED) {
            e = odb_err_errno(errno, "cannot map shared memory");
            close(fd);
            return e;
        }
        *ret_map = p;
    }
    *ret_fd = fd;
    return NULL;
}

/* Pages of a file go out of memory when others need it; those of a memory file only to swap. */
static int temporary_file(void)
{
    const char *dir = getenv("TMPDIR");
    return open(dir && *dir ? dir : "/var/tmp", O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
}

static struct odb_err *open_all(struct session *s, const char *dir, bool on_disk)
{
    s->recdir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (s->recdir_fd < 0)
        return odb_err_errno(errno, "cannot open recording %s", dir);
    ODB_TRY(trace_reader_open(dir, &s->reader));
    ODB_TRY(shared_file("odb-control", CONTROL_BYTES, &s->control_fd, &s->control));
    ODB_TRY(shared_file("odb-log", LOG_BYTES, &s->log_fd, &s->log));
    ODB_TRY(shared_file("odb-world", WORLD_BYTES, &s->world_fd, &s->world));
    ODB_TRY(shared_file("odb-live", WORLD_LIVE_END, &s->live_fd, NULL));
    s->events_fd = on_disk ? temporary_file() : -1;
    return s->events_fd >= 0 ? NULL : shared_file("odb-events", 0, &s->events_fd, NULL);
}

struct odb_err *session_create(const char *dir, bool on_disk, struct session **ret)
{
    struct session *s = calloc(1, sizeof(*s));
    if (!s)
        return odb_err("out of memory");
    s->control_fd = s->events_fd = s->log_fd = s->recdir_fd = s->world_fd = s->live_fd = -1;
    pthread_mutex_init(&s->lock, NULL);
    struct odb_err *e = open_all(s, dir, on_disk);
    if (e) {
        session_destroy(s);
        return e;
    }
    *ret = s;
    return NULL;
}

void session_destroy(struct session *s)
{
    if (!s)
        return;
    if (s->feeding) {
        pthread_mutex_lock(&s->lock);
        s->quit = true;
        pthread_mutex_unlock(&s->lock);
        pthread_join(s->feeder, NULL);
    }
    trace_reader_close(s->reader);
    if (s->control)
        munmap(s->control, CONTROL_BYTES);
    if (s->log)
        munmap(s->log, LOG_BYTES);
    if (s->world)
        munmap(s->world, WORLD_BYTES);
    const int fds[] = {s->control_fd, s->events_fd, s->log_fd, s->recdir_fd, s->world_fd, s->live_fd};
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* ---- slots ---- */

static void publish(const struct session *s, uint32_t slot)
{
    struct odb_control *c = session_control(s, slot);
    atomic_store(&c->events_available, s->available);
    atomic_store(&c->events_complete, s->complete);
    atomic_fetch_add(&c->events_seq, 1);
    session_wake(&c->events_seq);
}

void session_begin_copy(struct session *s) { pthread_mutex_lock(&s->lock); }

void session_end_copy(struct session *s, uint32_t slot)
{
    publish(s, slot);
    pthread_mutex_unlock(&s->lock);
}

struct odb_err *session_take_slot(struct session *s, uint32_t *ret)
{
    pthread_mutex_lock(&s->lock);
    uint32_t slot = 0;
    while (slot < SESSION_SLOTS && s->used[slot])
        slot++;
    if (slot < SESSION_SLOTS) {
        s->used[slot] = true;
        s->refs++;
        publish(s, slot);
    }
    pthread_mutex_unlock(&s->lock);
    if (slot == SESSION_SLOTS)
        return odb_err("too many checkpoints at once (%d)", SESSION_SLOTS);
    *ret = slot;
    return NULL;
}

static void release_pages(int fd, uint64_t offset, uint64_t len_bytes)
{
    /* only gives memory back: a failure costs nothing but that */
    if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)len_bytes) < 0)
        return;
}

/* What the slot holds becomes zero before somebody else may take it. */
void session_drop_slot(struct session *s, uint32_t slot)
{
    pthread_mutex_lock(&s->lock);
    bool last = s->refs == 1;
    pthread_mutex_unlock(&s->lock);
    if (last) {
        session_destroy(s);
        return;
    }
    if (session_world(s, slot)->n_objects)
        release_pages(s->live_fd, WORLD_LIVE_OFFSET(slot, 0), WORLD_LIVE_OFFSET(1, 0));
    release_pages(s->world_fd, (uint64_t)slot * ODB_SHARED_BYTES, ODB_SHARED_BYTES);
    release_pages(s->control_fd, (uint64_t)slot * ODB_CONTROL_BYTES, ODB_CONTROL_BYTES);
    release_pages(s->log_fd, (uint64_t)slot * ODB_LOG_BYTES, ODB_LOG_BYTES);
    pthread_mutex_lock(&s->lock);
    s->used[slot] = false;
    s->refs--;
    pthread_mutex_unlock(&s->lock);
}

static struct odb_err *copy_bytes(int fd, off_t from, off_t to, off_t n_bytes)
{
    static _Thread_local uint8_t buffer[1 << 16];
    while (n_bytes > 0) {
        ssize_t n =
            pread(fd, buffer, n_bytes < (off_t)sizeof(buffer) ? (size_t)n_bytes : sizeof(buffer), from);
        if (n > 0)
            n = pwrite(fd, buffer, (size_t)n, to);
        if (n <= 0)
            return odb_err_errno(n ? errno : EIO, "cannot copy shared memory");
        from += n;
        to += n;
        n_bytes -= n;
    }
    return NULL;
}

struct odb_err *session_copy_live(struct session *s, uint32_t from, uint32_t to)
{
    off_t distance = (off_t)WORLD_LIVE_OFFSET(to, 0) - (off_t)WORLD_LIVE_OFFSET(from, 0);
    off_t at = (off_t)WORLD_LIVE_OFFSET(from, 0);
    off_t end = (off_t)WORLD_LIVE_OFFSET(from, session_world(s, from)->n_objects);
    while (at < end) {
        off_t data = lseek(s->live_fd, at, SEEK_DATA);
        if (data < 0 || data >= end)
            break; /* ENXIO: only a hole is left */
        off_t hole = lseek(s->live_fd, data, SEEK_HOLE);
        at = hole < 0 || hole > end ? end : hole;
        ODB_TRY(copy_bytes(s->live_fd, data, data + distance, at - data));
    }
    return NULL;
}

/* ---- the feeder ---- */

/* Waits until somebody comes near; gives back what all have passed. False: quit. */
static bool wait_for_room(struct session *s)
{
    for (;;) {
        uint64_t first = UINT64_MAX, last = 0;
        pthread_mutex_lock(&s->lock);
        bool quit = s->quit;
        for (uint32_t i = 0; i < SESSION_SLOTS; i++) {
            if (!s->used[i])
                continue;
            uint64_t at = atomic_load(&session_control(s, i)->events_consumed);
            first = at < first ? at : first;
            last = at > last ? at : last;
        }
        pthread_mutex_unlock(&s->lock);
        if (quit)
            return false;
        if (first != UINT64_MAX && first < s->available && first - s->punched >= PUNCH_BYTES &&
            first > s->punched) {
            uint64_t to = first & ~(PUNCH_BYTES - 1);
            release_pages(s->events_fd, s->punched, to - s->punched);
            s->punched = to;
        }
        if (s->available < last + READ_AHEAD_BYTES)
            return true;
        struct timespec t = {.tv_nsec = 2000000};
        nanosleep(&t, NULL);
    }
}

static void publish_all(struct session *s, uint64_t available, bool complete)
{
    pthread_mutex_lock(&s->lock);
    s->available = available;
    s->complete = complete;
    for (uint32_t i = 0; i < SESSION_SLOTS; i++)
        if (s->used[i])
            publish(s, i);
    pthread_mutex_unlock(&s->lock);
}

static struct odb_err *append(struct session *s, const uint8_t *data, size_t n_bytes)
{
    size_t done = 0;
    while (done < n_bytes) {
        ssize_t n = pwrite(s->events_fd, data + done, n_bytes - done, (off_t)(s->available + done));
        if (n < 0 && errno != EINTR)
            return odb_err_errno(errno, "cannot keep the event stream");
        done += n > 0 ? (size_t)n : 0;
    }
    return NULL;
}

static struct odb_err *feed(struct session *s)
{
    while (wait_for_room(s)) {
        const uint8_t *data;
        size_t len;
        uint64_t offset;
        ODB_TRY(trace_reader_next_block(s->reader, &data, &len, &offset));
        if (!len)
            return NULL;
        if (offset != s->available)
            return odb_err("stream offset %llu where %llu was expected", (unsigned long long)offset,
                           (unsigned long long)s->available);
        ODB_TRY(append(s, data, len));
        publish_all(s, s->available + len, false);
    }
    return NULL;
}

static void *feeder_main(void *arg)
{
    struct session *s = arg;
    struct odb_err *e = feed(s);
    const char *damage = e ? odb_err_text(e) : trace_reader_damage(s->reader);
    pthread_mutex_lock(&s->lock);
    snprintf(s->damage, sizeof(s->damage), "%s", damage ? damage : "");
    pthread_mutex_unlock(&s->lock);
    odb_err_free(e);
    publish_all(s, s->available, true);
    return NULL;
}

struct odb_err *session_feed(struct session *s)
{
    int err = pthread_create(&s->feeder, NULL, feeder_main, s);
    if (err)
        return odb_err_errno(err, "cannot start a thread");
    s->feeding = true;
    return NULL;
}
