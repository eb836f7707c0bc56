/* The ring file: made, mapped, and slept on. */
#include "recorder/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fs.h"

static struct odb_err *open_file(const char *dir, int *ret)
{
    if (!dir) {
        *ret = memfd_create("odb-control", MFD_CLOEXEC);
        return *ret < 0 ? odb_err_errno(errno, "cannot create shared memory") : NULL;
    }
    _cleanup_free_ char *path = NULL;
    ODB_TRY(fs_join(dir, "ring", &path));
    *ret = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return *ret < 0 ? odb_err_errno(errno, "cannot create %s", path) : NULL;
}

/* The file is new and empty: read-ahead would fill the page cache with zeros, 5 ms in every recording. */
static void no_read_ahead(void *at, size_t n_bytes) { madvise(at, n_bytes, MADV_RANDOM); }

static struct odb_err *map_ring(struct ring *r)
{
    uint8_t *at =
        mmap(NULL, 2ul * ODB_RING_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        return odb_err_errno(errno, "cannot reserve memory for the ring");
    r->bytes = at;
    for (int i = 0; i < 2; i++)
        if (mmap(at + (size_t)i * ODB_RING_BYTES, ODB_RING_BYTES, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_FIXED, r->fd, ODB_CONTROL_BYTES) == MAP_FAILED)
            return odb_err_errno(errno, "cannot map the ring");
    no_read_ahead(at, 2ul * ODB_RING_BYTES);
    at = mmap(NULL, ODB_SHARED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd,
              ODB_CONTROL_BYTES + ODB_RING_BYTES);
    if (at == MAP_FAILED)
        return odb_err_errno(errno, "cannot map the shared tables");
    no_read_ahead(at, ODB_SHARED_BYTES);
    r->shared = (struct odb_shared *)(void *)at;
    return NULL;
}

struct odb_err *ring_init(struct ring *r, const char *dir)
{
    *r = (struct ring){.fd = -1};
    ODB_TRY(open_file(dir, &r->fd));
    uint64_t n_bytes = ODB_CONTROL_BYTES + (dir ? ODB_RING_BYTES + ODB_SHARED_BYTES + ODB_IBL_BYTES : 0);
    /* Blocks are reserved now: a full disk must be an error here, not a SIGBUS in the program later. */
    int err = dir ? posix_fallocate(r->fd, 0, (off_t)n_bytes) : 0;
    if (err && err != EOPNOTSUPP && err != EINVAL)
        return odb_err_errno(err, "cannot reserve %llu bytes for the ring", (unsigned long long)n_bytes);
    if (ftruncate(r->fd, (off_t)n_bytes) < 0)
        return odb_err_errno(errno, "cannot size the ring");
    void *at = mmap(NULL, ODB_CONTROL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);
    if (at == MAP_FAILED)
        return odb_err_errno(errno, "cannot map the control page");
    no_read_ahead(at, ODB_CONTROL_BYTES);
    r->control = at;
    r->control->magic = ODB_CONTROL_MAGIC;
    r->control->version = ODB_CONTROL_VERSION;
    r->control->recdir_fd = -1;
    return dir ? map_ring(r) : NULL;
}

void ring_deinit(struct ring *r)
{
    if (r->control)
        munmap(r->control, ODB_CONTROL_BYTES);
    if (r->bytes)
        munmap(r->bytes, 2ul * ODB_RING_BYTES);
    if (r->shared)
        munmap(r->shared, ODB_SHARED_BYTES);
    if (r->fd >= 0)
        close(r->fd);
    *r = (struct ring){.fd = -1};
}

void ring_wake(_Atomic uint32_t *word) { syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0); }

void ring_sleep(_Atomic uint32_t *word, uint32_t seen, int timeout_ms)
{
    struct timespec timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000000L};
    syscall(SYS_futex, word, FUTEX_WAIT, seen, &timeout, NULL, 0);
}
