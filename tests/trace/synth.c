/* Synthetic event streams: see synth.h. Aborts when memory or disk is out: it is a test's tool. */
#include "tests/trace/synth.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/fs.h"
#include "preload/control.h"

#define TID 1234

static void must(struct odb_err *e)
{
    if (e) {
        fprintf(stderr, "%s\n", odb_err_text(e));
        abort();
    }
}

void synth_init(struct synth *s, uint64_t seed)
{
    *s = (struct synth){.random = seed * 0x9e3779b97f4a7c15ULL + 1};
}

void synth_deinit(struct synth *s) { free(s->data); }

uint64_t synth_random(struct synth *s, uint64_t below)
{
    s->random ^= s->random << 13;
    s->random ^= s->random >> 7;
    s->random ^= s->random << 17;
    return below ? s->random % below : s->random;
}

/* Room for an event of n bytes, zeroed, with its header filled. Valid until the next event. */
static void *add(struct synth *s, uint16_t type, size_t n, uint32_t tid)
{
    n = (n + 7) & ~(size_t)7;
    while (s->len + n > s->cap) {
        s->cap = s->cap ? s->cap * 2 : 1 << 16;
        s->data = realloc(s->data, s->cap);
        odb_assert(s->data);
    }
    struct odb_event *ev = (void *)(s->data + s->len);
    memset(ev, 0, n);
    *ev = (struct odb_event){.size_bytes = (uint32_t)n, .type = type, .tid = tid, .pid = tid};
    s->len += n;
    return ev;
}

static uint64_t next_tick(struct synth *s) { return s->tick += synth_random(s, 100); }

void synth_start(struct synth *s)
{
    static const char text[] = "/bin/prog\0/tmp\0host, Linux 6.1\0prog\0-a\0\0HOME=/root";
    struct odb_ev_start *e = add(s, ODB_EV_START, sizeof *e + sizeof text, 0);
    e->time_ns = 1700000000000000000;
    e->n_argv = 3;
    e->n_envp = 1;
    e->text_bytes = sizeof text;
    e->cpu_policy = ODB_CPU_V3;
    memcpy(e + 1, text, sizeof text);
}

void synth_cpu(struct synth *s, uint32_t n_entries)
{
    struct odb_ev_cpu *e = add(s, ODB_EV_CPU, sizeof *e + (size_t)n_entries * sizeof(struct odb_cpuid), 0);
    e->policy = ODB_CPU_V3;
    e->n_entries = n_entries;
    e->xcr0 = 7;
    struct odb_cpuid *c = (void *)(e + 1);
    for (uint32_t i = 0; i < n_entries; i++)
        c[i] = (struct odb_cpuid){.leaf = i, .eax = (uint32_t)synth_random(s, 0)};
}

void synth_file(struct synth *s, uint32_t id, const char *path)
{
    size_t n = strlen(path) + 1;
    struct odb_ev_file *e = add(s, ODB_EV_FILE, sizeof *e + n, TID);
    e->file_id = id;
    e->path_bytes = (uint32_t)n;
    e->size_bytes = 123456;
    memcpy(e + 1, path, n);
}

static void map(struct synth *s, uint64_t start, const char *name)
{
    size_t n = strlen(name) + 1;
    struct odb_ev_map *e = add(s, ODB_EV_MAP, sizeof *e + n, TID);
    e->start = start;
    e->end = start + 0x2000;
    e->prot = 5;
    e->map_flags = MAP_PRIVATE;
    e->file_id = 1;
    e->name_bytes = (uint32_t)n;
    memcpy(e + 1, name, n);
}

void synth_exec(struct synth *s, uint32_t n_maps, uint32_t n_mem)
{
    struct odb_ev_exec *e = add(s, ODB_EV_EXEC, sizeof *e, TID);
    e->regs.rip = 0x401000;
    e->regs.gpr[ODB_RSP] = 0x7ffffffff000;
    e->n_maps = n_maps;
    e->n_mem = n_mem;
    for (uint32_t i = 0; i < n_maps; i++)
        map(s, 0x400000 + 0x2000 * (uint64_t)i, i % 3 ? "/bin/prog" : "");
    for (uint32_t i = 0; i < n_mem; i++)
        synth_mem(s, 0x7ffffffe0000 + 4096 * (uint64_t)i, 1 + (uint32_t)synth_random(s, 4096), false);
}

void synth_mem(struct synth *s, uint64_t addr, uint32_t len, bool is_in)
{
    struct odb_ev_mem *e = add(s, ODB_EV_MEM, sizeof *e + len, TID);
    e->ev.flags = is_in ? ODB_MEM_IN : 0;
    e->addr = addr;
    e->len_bytes = len;
    uint8_t *p = (uint8_t *)(e + 1);
    uint32_t keep = 1 + (uint32_t)synth_random(s, 20); /* runs, so that some of it compresses */
    for (uint32_t i = 0; i < len; i++)
        p[i] = i % keep ? p[i - 1] : (uint8_t)synth_random(s, 256);
}

void synth_syscall_head(struct synth *s, uint32_t nr, uint16_t gpr_mask, const uint64_t *gprs, uint16_t n_mem,
                        int64_t result)
{
    unsigned n = (unsigned)__builtin_popcount(gpr_mask);
    struct odb_ev_syscall *e = add(s, ODB_EV_SYSCALL, sizeof *e + (size_t)8 * n, TID);
    e->tick = next_tick(s);
    e->rip = 0x401234;
    e->result = result;
    e->nr = nr;
    e->gpr_mask = gpr_mask;
    e->n_mem = n_mem;
    memcpy(e + 1, gprs, (size_t)8 * n);
}

void synth_syscall(struct synth *s, uint16_t gpr_mask, uint16_t n_mem, uint32_t max_mem)
{
    uint64_t gprs[ODB_N_GPR];
    for (int i = 0; i < ODB_N_GPR; i++)
        gprs[i] = synth_random(s, 0);
    synth_syscall_head(s, (uint32_t)synth_random(s, 400), gpr_mask, gprs, n_mem,
                       (int64_t)synth_random(s, 100) - 50);
    for (uint16_t i = 0; i < n_mem; i++)
        synth_mem(s, 0x500000 + synth_random(s, 1 << 20), (uint32_t)synth_random(s, max_mem + 1),
                  synth_random(s, 2));
}

void synth_insn(struct synth *s)
{
    struct odb_ev_insn *e = add(s, ODB_EV_INSN, sizeof *e, TID);
    e->tick = next_tick(s);
    e->rip = 0x402000;
    e->value = synth_random(s, 0);
    e->kind = 1 + (uint32_t)synth_random(s, 5);
}

void synth_fault(struct synth *s, bool is_fatal)
{
    struct odb_ev_fault *e = add(s, ODB_EV_FAULT, sizeof *e, TID);
    e->ev.flags = is_fatal ? ODB_FAULT_FATAL : 0;
    e->tick = next_tick(s);
    e->signo = 11;
    e->code = 128;
    e->regs.rip = 0x403000;
}

void synth_signal(struct synth *s)
{
    struct odb_ev_signal *e = add(s, ODB_EV_SIGNAL, sizeof *e, TID);
    e->tick = next_tick(s);
    e->signo = 14;
    e->rip = 0x404000;
}

void synth_check(struct synth *s, uint32_t n_pages)
{
    struct odb_ev_check *e =
        add(s, ODB_EV_CHECK, sizeof *e + (size_t)n_pages * sizeof(struct odb_page_hash), TID);
    e->tick = next_tick(s);
    e->n_pages = n_pages;
}

void synth_exit(struct synth *s)
{
    struct odb_ev_exit *e = add(s, ODB_EV_EXIT, sizeof *e, TID);
    e->tick = next_tick(s);
    e->status = 3;
}

void synth_killed(struct synth *s)
{
    struct odb_ev_exit *e = add(s, ODB_EV_EXIT, sizeof *e, TID);
    e->ev.flags = ODB_EXIT_KILLED;
    e->status = -9;
}

void synth_switch(struct synth *s, uint32_t kind)
{
    struct odb_ev_switch *e = add(s, ODB_EV_SWITCH, sizeof *e, TID);
    e->tick = next_tick(s);
    e->rip = 0x405000;
    e->kind = kind;
    e->nr = kind == ODB_SWITCH_CALL ? 61 : 0;
}

void synth_task(struct synth *s, uint32_t tid, uint32_t pid, uint32_t n_mem)
{
    struct odb_ev_task *e = add(s, ODB_EV_TASK, sizeof *e, tid);
    e->ev.pid = pid;
    e->parent_tid = TID;
    e->n_mem = n_mem;
    e->ns_pid = pid;
    e->ns_tid = tid;
    e->clone_flags = tid == pid ? 0x1200000 : 0x3d0f00;
    for (uint32_t i = 0; i < n_mem; i++)
        synth_mem(s, 0x500000, 4, false);
}

void synth_end(struct synth *s)
{
    struct odb_ev_end *e = add(s, ODB_EV_END, sizeof *e, 0);
    e->wait_status = 3 << 8;
    e->time_ns = 1700000001000000000;
}

void synth_note(struct synth *s, uint32_t tid, const char *text)
{
    size_t n = strlen(text) + 1;
    struct odb_ev_note *e = add(s, ODB_EV_NOTE, sizeof *e + n, tid);
    e->tick = s->tick;
    e->text_bytes = (uint32_t)n;
    e->kind = ODB_NOTE_INFO;
    memcpy(e + 1, text, n);
}

void synth_recording(struct synth *s, unsigned n_events)
{
    synth_start(s);
    synth_cpu(s, 20);
    synth_file(s, 1, "/bin/prog");
    synth_exec(s, 5, 7);
    for (unsigned i = 0; i < n_events; i++) {
        switch (synth_random(s, 15)) {
        case 0: synth_insn(s); break;
        case 1: synth_fault(s, false); break;
        case 2: synth_signal(s); break;
        case 3: synth_check(s, (uint32_t)synth_random(s, 30)); break;
        case 4: synth_note(s, TID, "a remark"); break;
        case 5: synth_file(s, 2 + i, "/lib/x.so"); break;
        case 6: synth_switch(s, ODB_SWITCH_CALL); break;
        case 7: synth_switch(s, ODB_SWITCH_YIELD); break;
        case 8: synth_task(s, TID + 1 + i, i % 3 ? TID : TID + 1 + i, i % 2); break;
        default:
            synth_syscall(s, (uint16_t)synth_random(s, 1 << 16), (uint16_t)synth_random(s, 4), 600);
            break;
        }
    }
    synth_fault(s, true);
    synth_exit(s);
    synth_end(s);
}

char *synth_temp_dir(void)
{
    /* in memory where possible: the tests rewrite their files thousands of times */
    char *name = strdup(access("/dev/shm", W_OK) == 0 ? "/dev/shm/odb-test-XXXXXX" : "/tmp/odb-test-XXXXXX");
    odb_assert(name && mkdtemp(name));
    return name;
}

void synth_remove_dir(char *dir)
{
    static const char *const names[] = {"events", "ring"};
    for (size_t i = 0; i < 2; i++) {
        char *path;
        must(fs_join(dir, names[i], &path));
        unlink(path);
        free(path);
    }
    rmdir(dir);
    free(dir);
}

void synth_write(const char *dir, const uint8_t *data, size_t len)
{
    struct trace_writer *w;
    must(trace_writer_create(dir, &w));
    must(trace_writer_append(w, data, len));
    must(trace_writer_close(w));
}

void synth_ring(const char *dir, const uint8_t *stream, uint64_t base, uint64_t tail, uint64_t head)
{
    char *path;
    must(fs_join(dir, "ring", &path));
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    odb_assert(fd >= 0 && ftruncate(fd, ODB_CONTROL_BYTES + ODB_RING_BYTES) == 0);
    uint8_t *p = mmap(NULL, ODB_CONTROL_BYTES + ODB_RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    odb_assert(p != MAP_FAILED);
    close(fd);
    struct odb_control *c = (void *)p;
    c->magic = ODB_CONTROL_MAGIC;
    c->version = ODB_CONTROL_VERSION;
    c->mode = ODB_MODE_RECORD;
    c->ring_stream_base = base;
    c->ring_tail = tail;
    c->ring_head = head;
    uint64_t first = head > ODB_RING_BYTES ? head - ODB_RING_BYTES : 0;
    for (uint64_t o = first; o < head; o++)
        p[ODB_CONTROL_BYTES + o % ODB_RING_BYTES] = stream[base + o];
    munmap(p, ODB_CONTROL_BYTES + ODB_RING_BYTES);
    free(path);
}
