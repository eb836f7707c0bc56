/* The beginning of a recording (or of a bare run) in a new program image.
 *
 * Two ways in. By ptrace: at the image's very first instruction, with the registers in engine_boot; all
 * that is in memory comes from the program's files and from the kernel's execve. By LD_PRELOAD: the loader
 * (preload_so.c) calls in from its constructor, with the registers in ctx; memory has been changed by
 * ld.so. Both are handled alike: every page that is private and no longer its file's is dumped, which
 * /proc/self/pagemap tells (bit 61: still a page of the file).
 *
 * Order matters: the engine's own set-up first, then the vDSO is exchanged, then the map is read and
 * written to the recording, and the seccomp guard comes last, because from then on only raw_syscall()
 * can call the kernel. */
#include <asm/prctl.h>
#include <linux/fcntl.h>
#include <linux/filter.h>
#include <linux/mman.h>
#include <linux/resource.h>
#include <linux/seccomp.h>
#include <linux/signal.h>
#include <linux/auxvec.h>

#include "preload/capture.h"
#include "preload/event.h"
#include "preload/kernel_vdso.h"
#include "preload/procmaps.h"
#include "preload/raw.h"
#include "preload/start.h"
#include "preload/sys.h"
#include "preload/sys_deny.h"
#include "preload/sys_seccomp.h"
#include "preload/thread.h"

#define PR_SET_NO_NEW_PRIVS 38
#define SECCOMP_FLAG_SPEC_ALLOW 4 /* SECCOMP_FILTER_FLAG_SPEC_ALLOW: no slower mitigations because of us */

#define RUNS_MAX 65536
#define PAGEMAP_BATCH 512
#define PM_PRESENT (1ULL << 63)
#define PM_SWAPPED (1ULL << 62)
#define PM_FILE (1ULL << 61)

struct odb_boot engine_boot;
int recdir_fd = -1, proc_fd = -1, ring_fd = -1;

/* Memory to be written as MEM events after EXEC. */
struct run {
    gaddr start, end;
};
static struct run *runs;
static uint32_t n_runs;
static gaddr auxv_addr;
static char capture_name[CAPTURE_NAME_BYTES];

static _Noreturn void start_failed(const char *what, long err)
{
    char text[300];
    engine_format(text, sizeof(text), "cannot start recording: %s (errno %d)", what, (int)-err);
    sys_message(text);
    for (;;)
        raw1(__NR_exit_group, 127);
}

static void map_shared(gaddr at, uint64_t n_bytes, int fd, uint64_t offset)
{
    long got =
        raw6(__NR_mmap, at, n_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, offset);
    if (got != (long)at)
        start_failed("the engine's address range is taken", got < 0 ? got : -17);
    raw3(__NR_madvise, at, n_bytes, MADV_RANDOM); /* a new file of zeros: nothing to read ahead */
}

static void map_ring(void)
{
    map_shared(ODB_CONTROL_ADDR, ODB_CONTROL_BYTES, ring_fd, 0);
    if (CONTROL->magic != ODB_CONTROL_MAGIC || CONTROL->version != ODB_CONTROL_VERSION)
        start_failed("recorder and engine are of different versions", -22);
    if (CONTROL->mode == ODB_MODE_RECORD) {
        map_shared(ODB_RING_ADDR, ODB_RING_BYTES, ring_fd, ODB_CONTROL_BYTES);
        map_shared(ODB_RING_ADDR + ODB_RING_BYTES, ODB_RING_BYTES, ring_fd, ODB_CONTROL_BYTES);
        map_shared(ODB_SHARED_ADDR, ODB_SHARED_BYTES, ring_fd, ODB_CONTROL_BYTES + ODB_RING_BYTES);
    }
}

/* ---- vDSO ---- */

static gaddr find_auxv(gaddr rsp)
{
    const uint64_t *at = (const uint64_t *)rsp;
    at += 1 + *at + 1; /* argc, argv, NULL */
    while (*at)
        at++;
    return (gaddr)(at + 1);
}

/* The program learns of the vDSO from the auxiliary vector: point it to ours. */
static void vdso_exchange(void)
{
    extern const char vdso_blob[], vdso_blob_end[];
    size_t n_bytes = (size_t)(vdso_blob_end - vdso_blob);
    long got = raw6(__NR_mmap, ODB_VDSO_ADDR, ODB_PAGE_BYTES, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (got != (long)ODB_VDSO_ADDR || n_bytes > ODB_PAGE_BYTES)
        start_failed("cannot map the vDSO", got);
    memcpy((void *)ODB_VDSO_ADDR, vdso_blob, n_bytes);
    raw3(__NR_mprotect, ODB_VDSO_ADDR, ODB_PAGE_BYTES, PROT_READ | PROT_EXEC);
    for (uint64_t *aux = (uint64_t *)auxv_addr; aux[0] != AT_NULL; aux += 2)
        if (aux[0] == AT_SYSINFO_EHDR)
            aux[1] = ODB_VDSO_ADDR;
}

/* ---- memory map ---- */

static long unmap_vvar(const struct procmap *m, const char *line, size_t n_bytes, void *arg)
{
    (void)line;
    (void)n_bytes;
    (void)arg;
    bool vdso = strcmp(m->name, "[vdso]") == 0 && m->start != ODB_VDSO_ADDR;
    if (vdso || (m->name[0] == '[' && m->name[1] == 'v' && m->name[2] == 'v'))
        raw2(__NR_munmap, m->start, m->end - m->start);
    return 0;
}

static bool is_file(const struct procmap *m) { return m->ino != 0 && m->name[0] == '/'; }

/* The file behind a mapping, if it can still be found by its name. */
static int open_mapped(const struct procmap *m)
{
    long fd = raw4(__NR_openat, AT_FDCWD, m->name, O_RDONLY | O_CLOEXEC, 0);
    struct {
        uint64_t dev, ino;
        uint64_t rest[16];
    } st;
    for (int i = 0; i < 2; i++) {
        if (fd >= 0 && raw2(__NR_fstat, fd, &st) == 0 && st.ino == m->ino)
            return (int)fd;
        if (fd >= 0)
            raw1(__NR_close, fd);
        fd = i == 0 ? proc_open("self/exe", O_RDONLY) : -2;
    }
    return -1;
}

static uint32_t capture_mapping(const struct procmap *m)
{
    if (CONTROL->mode != ODB_MODE_RECORD || !is_file(m))
        return 0;
    int fd = open_mapped(m);
    if (fd < 0)
        return 0; /* its bytes are dumped instead */
    long id = capture_file(fd, m->offset, m->end - m->start, capture_name);
    raw1(__NR_close, fd);
    return id > 0 ? (uint32_t)id : 0;
}

static long add_mapping(const struct procmap *m, const char *line, size_t n_bytes, void *arg)
{
    (void)line;
    (void)n_bytes;
    (void)arg;
    if (procmaps_hidden(m) || strcmp(m->name, "[vsyscall]") == 0)
        return 0;
    struct engine_map e = {
        .start = m->start,
        .end = m->end,
        .prot = m->prot,
        .flags = (m->is_shared ? MAP_SHARED : MAP_PRIVATE) | (is_file(m) ? 0u : MAP_ANONYMOUS),
        .offset = m->offset,
    };
    size_t n = strlen(m->name);
    memcpy(e.name, n > 63 ? m->name + n - 63 : m->name, n > 63 ? 63 : n);
    if (strcmp(m->name, "[stack]") == 0) {
        e.kind = 1;
        e.flags |= MAP_GROWSDOWN;
    } else if (strcmp(m->name, "[heap]") == 0) {
        e.kind = 2;
    } else if (m->start == ODB_VDSO_ADDR) {
        memcpy(e.name, "[vdso]", 7);
    }
    e.file_id = capture_mapping(m);
    if (!e.file_id) {
        e.flags |= MAP_ANONYMOUS;
        e.offset = 0;
    }
    maps_add(&e);
    return 0;
}

static long each_mapping(long (*fn)(const struct procmap *m, const char *line, size_t n_bytes, void *arg))
{
    long fd = proc_open("self/maps", O_RDONLY);
    if (fd < 0)
        return fd;
    long err = procmaps_each((int)fd, fn, NULL);
    raw1(__NR_close, fd);
    return err;
}

/* ---- memory contents ---- */

static void add_run(gaddr start, gaddr end)
{
    struct run *last = n_runs ? &runs[n_runs - 1] : NULL;
    if (last && last->end == start && end - last->start <= ODB_MEM_MAX_BYTES) {
        last->end = end;
        return;
    }
    if (n_runs == RUNS_MAX)
        start_failed("too much memory in use before the start", -12);
    runs[n_runs++] = (struct run){start, end}; /* NOLINT: runs is allocated before the first call */
}

/* Pages of one mapping whose contents are not what replay would map. */
static void collect_map(const struct engine_map *m, int pagemap_fd)
{
    static uint64_t info[PAGEMAP_BATCH];
    if (!(m->prot & PROT_READ))
        return;
    for (gaddr a = m->start; a < m->end; a += PAGEMAP_BATCH * ODB_PAGE_BYTES) {
        uint64_t n = (m->end - a) / ODB_PAGE_BYTES;
        n = n < PAGEMAP_BATCH ? n : PAGEMAP_BATCH;
        long got = raw4(__NR_pread64, pagemap_fd, info, n * 8, a / ODB_PAGE_BYTES * 8);
        for (uint64_t i = 0; i < n; i++) {
            gaddr page = a + i * ODB_PAGE_BYTES;
            bool known = got == (long)(n * 8);
            bool present = !known || (info[i] & (PM_PRESENT | PM_SWAPPED));
            if (m->file_id ? known && (!present || (info[i] & PM_FILE))
                           : !present && !(m->flags & MAP_SHARED) && m->name[0] != '/')
                continue;
            if (!m->file_id && engine_page_is_zero(page))
                continue;
            add_run(page, page + ODB_PAGE_BYTES);
        }
    }
}

static void collect_memory(void)
{
    runs = engine_alloc(sizeof(*runs) * RUNS_MAX);
    n_runs = 0;
    long fd = proc_open("self/pagemap", O_RDONLY);
    for (int i = 0; i < maps_count(); i++) {
        const struct engine_map *m = maps_get(i);
        if (!(m->flags & MAP_SHARED) || !m->file_id)
            collect_map(m, (int)fd);
    }
    if (fd >= 0)
        raw1(__NR_close, fd);
}

/* ---- events ---- */

static void write_exec(gaddr brk_now, uint64_t ignored)
{
    static _Alignas(64) uint8_t xstate[4096];
    uint64_t limit[2] = {0, 0};
    struct odb_ev_exec *ev = event_begin(ODB_EV_EXEC, 0, sizeof(*ev));
    memset(&ev->regs, 0, sizeof(*ev) - offsetof(struct odb_ev_exec, regs));
    memcpy(ev->regs.gpr, ctx.gpr, sizeof(ev->regs.gpr));
    ev->regs.rip = ctx.rip;
    ev->regs.rflags = ctx.rflags;
    raw2(__NR_arch_prctl, ARCH_GET_FS, &ev->regs.fs_base);
    raw2(__NR_arch_prctl, ARCH_GET_GS, &ev->regs.gs_base);
    raw4(__NR_prlimit64, 0, RLIMIT_STACK, 0, limit);
    ev->brk_start = brk_now;
    ev->stack_limit_bytes = limit[0];
    ev->auxv = auxv_addr;
    ev->n_maps = (uint32_t)maps_count();
    ev->n_mem = n_runs;
    ev->sigmask = sig_mask;
    ev->sigignored = ignored;
    size_t n = xstate_save(xstate, sizeof(xstate));
    memcpy(ev->xstate, xstate, n < sizeof(ev->xstate) ? n : sizeof(ev->xstate));
    event_commit();
}

static void write_map(const struct engine_map *m)
{
    uint32_t n = (uint32_t)strlen(m->name) + 1;
    struct odb_ev_map *ev = event_begin(ODB_EV_MAP, 0, (uint32_t)sizeof(*ev) + n);
    ev->start = m->start;
    ev->end = m->end;
    ev->prot = m->prot;
    ev->map_flags = m->flags;
    ev->file_id = m->file_id;
    ev->name_bytes = n;
    ev->offset = m->offset;
    memcpy(ev + 1, m->name, n);
    event_commit();
}

static void write_image(gaddr brk_now, uint64_t ignored)
{
    collect_memory();
    write_exec(brk_now, ignored);
    for (int i = 0; i < maps_count(); i++)
        write_map(maps_get(i));
    for (uint32_t i = 0; i < n_runs; i++)
        event_mem(runs[i].start, runs[i].end - runs[i].start, 0);
}

/* ---- the guard ---- */

static void install_guard(void)
{
    if (!CONTROL->filter_len)
        return;
    struct sock_fprog program = {.len = (unsigned short)CONTROL->filter_len,
                                 .filter = (struct sock_filter *)CONTROL->filter};
    long err = raw3(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FLAG_SPEC_ALLOW, &program);
    if (err == -13) { /* EACCES: not privileged, so it needs NO_NEW_PRIVS */
        raw5(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        err = raw3(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FLAG_SPEC_ALLOW, &program);
    }
    if (err < 0 && err != -38) /* ENOSYS: a kernel without seccomp records without the guard */
        start_failed("cannot install the seccomp guard", err);
}

/* Bit n-1: the kernel ignores signal n for us, inherited through execve. Those with a handler (preload start
 * only) are entered into sig_actions by signal_init. */
static uint64_t ignored_signals(void)
{
    uint64_t ignored = 0;
    for (int n = 1; n <= ENGINE_NSIG; n++) {
        uint64_t action[4];
        if (raw4(__NR_rt_sigaction, n, 0, action, 8) == 0 && action[0] == 1)
            ignored |= 1ULL << (n - 1);
    }
    return ignored;
}

/* Our place among the tasks of the recording. The recorder has put the table right, and we have the baton. */
static void take_task(void)
{
    const struct odb_task *own = &SHARED->tasks[engine_boot.task];
    ctx.pid = (uint32_t)raw0(__NR_getpid);
    ctx.tid = (uint32_t)raw0(__NR_gettid);
    if (CONTROL->mode != ODB_MODE_RECORD)
        return;
    if (!engine_boot.is_exec) {
        sys_deny_start();
        return;
    }
    event_follow();
    if (own->pid != ctx.pid)
        record_namespace_changed();
    ctx.tid = ctx.pid = own->pid;
}

static void start_common(bool preload)
{
    take_task();
    core_init();
    if (CONTROL->mode != ODB_MODE_RECORD) {
        raw1(__NR_close, ring_fd);
        ring_fd = -1;
    }
    uint64_t ignored = ignored_signals();
    uint64_t mask = 0;
    raw4(__NR_rt_sigprocmask, SIG_BLOCK, 0, &mask, 8);
    threads_init();
    signal_init(true);
    sig_mask = engine_boot.is_exec ? SHARED->tasks[engine_boot.task].exec_mask : mask;
    for (int n = 1; n <= ENGINE_NSIG; n++)
        if (ignored & (1ULL << (n - 1)))
            sig_actions[n].handler = 1;
    signal_init_defaults();
    signal_tell_mask();
    if (preload) {
        kernel_vdso_patch();
    } else {
        auxv_addr = find_auxv(ctx.gpr[ODB_RSP]);
        each_mapping(unmap_vvar);
        vdso_exchange();
    }
    maps_init();
    long err = each_mapping(add_mapping);
    if (err < 0)
        start_failed("cannot read /proc/self/maps", err);
    gaddr brk_now = (gaddr)raw1(__NR_brk, 0);
    sys_effect_brk(brk_now);
    if (CONTROL->mode == ODB_MODE_RECORD) {
        write_image(brk_now, ignored);
        SHARED->tasks[engine_boot.task].in_exec = 0;
    }
    if (CONTROL->mode == ODB_MODE_RECORD && engine_boot.is_exec)
        sys_seccomp_after_exec();
    else if (CONTROL->mode == ODB_MODE_RECORD)
        sys_seccomp_start();
    if (!engine_boot.is_exec) /* else it was inherited */
        install_guard();
    atomic_store(&CONTROL->started, 1);
    core_run();
}

_Noreturn void start_record(void)
{
    const struct odb_regs *regs = (const struct odb_regs *)engine_boot.regs;
    recdir_fd = engine_boot.recdir_fd;
    proc_fd = engine_boot.proc_fd;
    ring_fd = engine_boot.ring_fd;
    if (ring_fd < 0)
        ring_fd = (int)raw4(__NR_openat, recdir_fd, "ring", O_RDWR | O_CLOEXEC, 0);
    if (ring_fd < 0)
        start_failed("cannot open the recording", ring_fd);
    map_ring();
    memcpy(ctx.gpr, regs->gpr, sizeof(ctx.gpr));
    ctx.rip = regs->rip;
    ctx.rflags = regs->rflags;
    start_common(false);
    __builtin_unreachable();
}

_Noreturn void start_preload(int fd)
{
    ring_fd = fd;
    map_ring();
    recdir_fd = CONTROL->recdir_fd;
    start_common(true);
    __builtin_unreachable();
}
