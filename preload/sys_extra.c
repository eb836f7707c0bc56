/* MEM events that are not about the caller's own memory.
 *
 *   ODB_MEM_FILE   a descriptor's file was written, and some process of the recording has it mapped shared. Nothing else
 *                  would tell replay, which does not write files. Data comes from what the call sent, where it lies in
 *                  memory; else (sendfile, splice) from the file, opened again.
 *   ODB_MEM_OTHER  process_vm_writev into another recorded process: data from the caller's side of it. */
#include "preload/sys_extra.h"

#include <asm/unistd_64.h>
#include <linux/fcntl.h>

#include "preload/event.h"
#include "preload/procmaps.h"
#include "preload/raw.h"
#include "preload/sys_files.h"
#include "preload/thread.h"

#define MAX_PIECES 1100
#define COPY_BYTES (64u << 10)

struct piece {
    uint64_t addr, len_bytes; /* at most ODB_MEM_MAX_BYTES */
    gaddr data;               /* 0: from the file */
};
static struct piece pieces[MAX_PIECES];
static uint32_t n_pieces, target; /* file id or pid */
static uint16_t flags;
static int file_fd; /* of the call, where data is 0 */

static void add(uint64_t addr, gaddr data, uint64_t len)
{
    uint64_t most = data ? ODB_MEM_MAX_BYTES : COPY_BYTES;
    while (len && n_pieces < MAX_PIECES) {
        uint64_t n = len < most ? len : most;
        pieces[n_pieces++] = (struct piece){addr, n, data};
        addr += n;
        data += data ? n : 0;
        len -= n;
    }
}

/* ---- files ---- */

static void find_file(const struct model_syscall *m, const struct model_call *c)
{
    static struct model_range sent[MODEL_MAX_RANGES];
    struct file_part part;
    if (!sys_files_shared_part(c, &part))
        return;
    flags = ODB_MEM_FILE;
    target = part.file_id;
    file_fd = part.fd;
    if (part.resized) {
        pieces[n_pieces++] = (struct piece){part.start, 0, 0};
        return;
    }
    int n = model_sent(m, c, sent, MODEL_MAX_RANGES);
    uint64_t at = part.start;
    for (int i = 0; i < n; i++) {
        add(at, sent[i].addr, sent[i].len_bytes);
        at += sent[i].len_bytes;
    }
    if (n <= 0)
        add(part.start, 0, part.end - part.start);
}

/* ---- process_vm_writev ---- */

uint32_t sys_other_process(uint64_t pid_arg)
{
    for (uint32_t i = 0; i < odb_n_slots(SHARED); i++) {
        const struct odb_task *t = &SHARED->tasks[i];
        if (atomic_load(&t->state) == ODB_TASK_ALIVE && (t->ns_tid ? t->ns_tid : t->tid) == (uint32_t)pid_arg)
            return t->pid == self->process->pid ? 0 : t->pid;
    }
    return 0;
}

struct iov_cursor {
    gaddr iov;
    uint64_t left; /* entries */
    uint64_t addr, len;
};

static bool iov_next(struct iov_cursor *k)
{
    uint64_t entry[2];
    while (!k->len) {
        if (!k->left || !engine_peek(k->iov, entry, sizeof(entry)))
            return false;
        k->left--;
        k->iov += sizeof(entry);
        k->addr = entry[0];
        k->len = entry[1];
    }
    return true;
}

static void find_other(const struct model_call *c)
{
    struct iov_cursor local = {.iov = c->args[1], .left = c->args[2]},
                      remote = {.iov = c->args[3], .left = c->args[4]};
    uint64_t left = c->result > 0 ? (uint64_t)c->result : 0;
    flags = ODB_MEM_OTHER;
    target = (uint32_t)c->before[7];
    while (left && iov_next(&local) && iov_next(&remote)) {
        uint64_t n = local.len < remote.len ? local.len : remote.len;
        n = n < left ? n : left;
        add(remote.addr, local.addr, n);
        local.addr += n, local.len -= n;
        remote.addr += n, remote.len -= n;
        left -= n;
    }
}

/* ---- events ---- */

uint32_t sys_extra_find(const struct model_syscall *m, const struct model_call *c)
{
    n_pieces = 0;
    if (c->nr == __NR_process_vm_writev) {
        if (c->before[7])
            find_other(c);
    } else {
        find_file(m, c);
    }
    return n_pieces;
}

static void write_piece(const struct piece *p, int fd)
{
    struct odb_ev_mem *ev = event_begin(ODB_EV_MEM, flags, (uint32_t)(sizeof(*ev) + p->len_bytes));
    if (flags == ODB_MEM_FILE)
        ev->ev.tid = target;
    else
        ev->ev.pid = ev->ev.tid = target;
    ev->addr = p->addr;
    ev->len_bytes = p->len_bytes;
    memset(ev + 1, 0, p->len_bytes);
    if (p->data)
        engine_peek_some(p->data, ev + 1, p->len_bytes);
    else if (p->len_bytes && fd >= 0)
        raw4(__NR_pread64, fd, ev + 1, p->len_bytes, p->addr);
    event_commit();
}

void sys_extra_write(void)
{
    char name[40];
    long fd = -1;
    if (n_pieces && !pieces[0].data && pieces[0].len_bytes) {
        engine_format(name, sizeof(name), "thread-self/fd/%d", file_fd);
        fd = proc_open(name, O_RDONLY);
    }
    for (uint32_t i = 0; i < n_pieces; i++)
        write_piece(&pieces[i], (int)fd);
    if (fd >= 0)
        raw1(__NR_close, fd);
    n_pieces = 0;
}
