/* mutate IN OUT WHAT N: writes a copy of recording IN to the empty folder OUT, altered in one place, with
 * all checksums right. Prints what to expect in the divergence report, one line.
 *
 *   reg N        adds 1 to a register of the first SYSCALL event from ordinal N on that records one besides rax
 *   tick N       adds 1 to the tick of the first SYSCALL from N on
 *   nr N         another number in rax of the first SYSCALL from N on
 *   input N      flips a byte of the first bytes that the kernel read (MEM_IN) from N on
 *   output N     flips a byte of the first output of a read or pread64 from N on (prints nothing: anything may follow)
 *   page N       alters the last page's hash of the N-th CHECK that has pages
 *   vector N     alters the vector hash of the N-th CHECK
 *   drop N       leaves out the first SYSCALL from N on, with its MEMs
 *   exit N       adds 1 to the exit status
 *   noise SEED   flips one random bit of one random event's body
 *   task SEED    gives one random event to another task, or leaves one SWITCH, TASK or EXIT out
 *   cut N        only the first N events of all */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "trace/trace.h"

static struct trace_writer *w;
static const char *what;
static uint64_t n, ordinal, n_check, n_all, noise_at;
static bool done;
static uint32_t drop_mem; /* MEMs to leave out */
static bool in_read;
static const char *const reg_names[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                        "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};

static void must(struct odb_err *e)
{
    if (e) {
        fprintf(stderr, "mutate: %s\n", odb_err_text(e));
        exit(1);
    }
}

static bool is(const char *name) { return strcmp(what, name) == 0; }

static void alter_register(struct odb_ev_syscall *ev)
{
    uint64_t *gpr = (uint64_t *)(ev + 1);
    int at = 0;
    for (unsigned r = 0; r < ODB_N_GPR; r++) {
        if (!(ev->gpr_mask >> r & 1))
            continue;
        if (r != ODB_RAX) {
            printf("event %llu .*: %s recorded 0x%llx, replayed 0x%llx\n", (unsigned long long)ordinal,
                   reg_names[r], (unsigned long long)gpr[at] + 1, (unsigned long long)gpr[at]);
            gpr[at]++;
            done = true;
            return;
        }
        at++;
    }
}

/* False: leave the event out. */
static bool alter_syscall(struct odb_ev_syscall *ev)
{
    unsigned long long o = ordinal;
    in_read = (ev->nr == 0 || ev->nr == 17) && ev->result > 0;
    if (done || ordinal < n)
        return true;
    if (is("reg")) {
        alter_register(ev);
    } else if (is("tick")) {
        ev->tick++;
        printf("event %llu .*: tick recorded %llu, replayed %llu\n", o, (unsigned long long)ev->tick,
               (unsigned long long)ev->tick - 1);
        done = true;
    } else if (is("nr") && (ev->gpr_mask & 1)) {
        uint64_t *rax = (uint64_t *)(ev + 1);
        printf("event %llu .*number of the system call: recorded %llu .*, replayed %llu \n", o,
               (unsigned long long)*rax + 1, (unsigned long long)*rax);
        ++*rax;
        ev->nr++;
        done = true;
    } else if (is("drop")) {
        printf("event %llu \n", o);
        drop_mem = ev->n_mem;
        done = true;
        return false;
    }
    return true;
}

static bool alter_mem(struct odb_ev_mem *ev)
{
    uint8_t *data = (uint8_t *)(ev + 1);
    if (drop_mem) {
        drop_mem--;
        return false;
    }
    if (done || ordinal <= n || !ev->len_bytes)
        return true;
    bool input = ev->ev.flags & ODB_MEM_IN;
    if (is("input") && input) {
        data[0] ^= 1;
        printf("event %llu .*: byte at 0x%llx recorded 0x%02x, replayed 0x%02x\n",
               (unsigned long long)ordinal - 1, (unsigned long long)ev->addr, data[0], data[0] ^ 1);
        done = true;
    } else if (is("output") && !input && in_read) {
        data[0] ^= 1;
        done = true;
    }
    return true;
}

static void alter_check(struct odb_ev_check *ev)
{
    struct odb_page_hash *p = (struct odb_page_hash *)(ev + 1);
    if (done || !ev->n_pages || n_check++ < n)
        return;
    if (is("page")) {
        p[ev->n_pages - 1].hash++;
        printf("page 0x%llx, hash recorded \n", (unsigned long long)p[ev->n_pages - 1].addr);
        done = true;
    } else if (is("vector")) {
        ev->vector_hash++;
        printf("vector or x87 registers\n");
        done = true;
    }
}

static void alter_noise(struct odb_event *ev)
{
    if (n_all != noise_at || ev->size_bytes <= sizeof(*ev))
        return;
    uint32_t bit = (uint32_t)random() % ((ev->size_bytes - (uint32_t)sizeof(*ev)) * 8);
    if (ev->size_bytes > 4096 && random() % 2) /* mostly the structs, not the data */
        bit %= 64 * 8;
    ((uint8_t *)(ev + 1))[bit / 8] ^= (uint8_t)(1 << bit % 8);
    if (trace_validate(ev, ev->size_bytes)) /* the reader would refuse it: that is tested elsewhere */
        ((uint8_t *)(ev + 1))[bit / 8] ^= (uint8_t)(1 << bit % 8);
}

/* False: leave it out. */
static bool alter_task(struct odb_event *ev)
{
    static struct {
        uint32_t tid, pid;
    } seen[64];
    static unsigned n_seen;
    if (drop_mem && ev->type == ODB_EV_MEM) {
        drop_mem--;
        return false;
    }
    if (ev->tid)
        seen[n_seen++ % 64].tid = ev->tid, seen[(n_seen - 1) % 64].pid = ev->pid;
    if (done || n_all < noise_at || !ev->tid || ev->type == ODB_EV_MEM || ev->type == ODB_EV_MAP)
        return true;
    bool is_task = ev->type == ODB_EV_SWITCH || ev->type == ODB_EV_TASK || ev->type == ODB_EV_EXIT;
    if (is_task && random() % 2) {
        drop_mem = ev->type == ODB_EV_TASK ? ((struct odb_ev_task *)(void *)ev)->n_mem : 0;
        done = true;
        return false;
    }
    unsigned other = (unsigned)random() % (n_seen < 64 ? n_seen : 64);
    if (random() % 4 == 0)
        ev->tid ^= 1u << random() % 16;
    else
        ev->tid = seen[other].tid;
    if (random() % 2)
        ev->pid = seen[other].pid;
    done = true;
    return true;
}

/* False: leave it out. */
static bool alter(struct odb_event *ev)
{
    n_all++;
    if (is("task"))
        return alter_task(ev);
    if (is("cut") && n_all > n)
        return false;
    if (is("noise"))
        alter_noise(ev);
    bool keep = true;
    switch (ev->type) {
    case ODB_EV_SYSCALL:
        keep = alter_syscall((struct odb_ev_syscall *)(void *)ev);
        ordinal++;
        break;
    case ODB_EV_INSN:
    case ODB_EV_FAULT:
    case ODB_EV_SIGNAL: ordinal++; break;
    case ODB_EV_MEM: keep = alter_mem((struct odb_ev_mem *)(void *)ev); break;
    case ODB_EV_CHECK: alter_check((struct odb_ev_check *)(void *)ev); break;
    case ODB_EV_EXIT:
        if (is("exit")) {
            ((struct odb_ev_exit *)(void *)ev)->status++;
            printf("exit status: recorded \n");
        }
        break;
    default: break;
    }
    return keep;
}

static uint64_t count_events(const char *dir)
{
    struct trace_reader *r;
    const struct odb_event *ev;
    uint64_t offset, count = 0;
    must(trace_reader_open(dir, &r));
    for (;;) {
        must(trace_reader_next(r, &ev, &offset));
        if (!ev)
            break;
        count++;
    }
    trace_reader_close(r);
    return count;
}

int main(int argc, char **argv)
{
    static _Alignas(8) uint8_t copy[ODB_EVENT_MAX_BYTES];
    struct trace_reader *r;
    const struct odb_event *ev;
    uint64_t offset;
    if (argc != 5)
        return 2;
    what = argv[3];
    n = strtoull(argv[4], NULL, 0);
    srandom((unsigned)n);
    if (is("noise") || is("task"))
        noise_at = 3 + (uint64_t)random() % (count_events(argv[1]) - 2 /* NOLINT: there are more */);
    must(trace_reader_open(argv[1], &r));
    must(trace_writer_create(argv[2], &w));
    for (;;) {
        must(trace_reader_next(r, &ev, &offset));
        if (!ev)
            break;
        memcpy(copy, ev, ev->size_bytes);
        if (alter((struct odb_event *)(void *)copy))
            must(trace_writer_append(w, copy, ev->size_bytes));
    }
    trace_reader_close(r);
    must(trace_writer_close(w));
    char *from = NULL, *to = NULL, *real = realpath(argv[1], NULL);
    if (!real || asprintf(&from, "%s/files", real) < 0 || asprintf(&to, "%s/files", argv[2]) < 0)
        return 1;
    int failed = symlink(from, to);
    free(from);
    free(to);
    free(real);
    return failed ? 1 : 0;
}
