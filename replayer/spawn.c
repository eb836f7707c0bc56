/* The engine as a process. Its ELF file is inside this program (preload/embed.S); it goes to a memfd and
 * is executed from there, with the descriptors of control.h (ODB_VESSEL_*) and nothing else. */
#include "replayer/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fs.h"

extern const char odb_engine_elf_start[], odb_engine_elf_end[];

#define XCR0_AVX512 0xe0u

static bool cpu_has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
}

/* Can this machine run what the recorded CPU let the program use? */
static struct odb_err *check_cpu(const struct odb_control *c)
{
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi2") || !__builtin_cpu_supports("fma"))
        return odb_err("this machine's CPU is older than x86-64-v3 (no AVX2); replay needs one");
    if (c->cpu_policy == ODB_CPU_HOST && (c->xcr0 & XCR0_AVX512) && !c->has_avx512)
        return odb_err("recorded with --cpu host on a CPU with AVX-512, which this machine does not have");
    return NULL;
}

static struct odb_err *take_cpu(const struct odb_ev_cpu *ev, struct odb_control *c)
{
    if (ev->n_entries > sizeof(c->cpuid) / sizeof(c->cpuid[0]))
        return odb_err("bad recording: %u cpuid answers", ev->n_entries);
    c->cpu_policy = ev->policy;
    c->xcr0 = ev->xcr0;
    c->max_leaf = ev->max_leaf;
    c->max_ext_leaf = ev->max_ext_leaf;
    c->n_cpuid = ev->n_entries;
    memcpy(c->cpuid, ev + 1, ev->n_entries * sizeof(c->cpuid[0]));
    return check_cpu(c);
}

struct odb_err *spawn_prepare(struct session *s, uint32_t mode, uint32_t options, const int out_fd[3])
{
    struct odb_control *c = session_control(s, 0);
    session_world(s, 0)->number = 0;
    c->magic = ODB_CONTROL_MAGIC;
    c->version = ODB_CONTROL_VERSION;
    c->mode = mode;
    c->options = options;
    c->recdir_fd = ODB_VESSEL_RECDIR_FD;
    c->out_fd[0] = -1;
    c->out_fd[1] = out_fd[1] >= 0 ? ODB_VESSEL_OUT_FD : -1;
    c->out_fd[2] = out_fd[2] >= 0 ? ODB_VESSEL_OUT_FD + 1 : -1;
    c->events_fd = ODB_VESSEL_EVENTS_FD;
    c->log_fd = ODB_VESSEL_LOG_FD;
    c->has_avx512 = cpu_has_avx512();
    atomic_store(&c->cmd_seq, 1); /* the vessel's READY acknowledges it */
    for (;;) {
        const struct odb_event *ev;
        uint64_t offset;
        ODB_TRY(trace_reader_next(s->reader, &ev, &offset));
        if (!ev || ev->type == ODB_EV_EXEC) {
            const char *damage = ev ? NULL : trace_reader_damage(s->reader);
            return odb_err("the recording has no usable beginning%s%s", damage ? ": " : "",
                           damage ? damage : "");
        }
        if (ev->type == ODB_EV_CPU) {
            ODB_TRY(take_cpu((const struct odb_ev_cpu *)(const void *)ev, c));
            trace_reader_rewind(s->reader);
            return NULL;
        }
    }
}

static struct odb_err *engine_file(int *ret_fd)
{
    _cleanup_close_ int fd = memfd_create("odb-vessel", MFD_CLOEXEC);
    if (fd < 0)
        return odb_err_errno(errno, "cannot create the engine's file");
    ODB_TRY(fs_write_all(fd, odb_engine_elf_start, (size_t)(odb_engine_elf_end - odb_engine_elf_start)));
    *ret_fd = take_fd(fd);
    return NULL;
}

/* In the child: async-signal-safe calls only. from[i] becomes descriptor 3 + i. */
static _Noreturn void child_main(int engine_fd, const int *from, int n_from)
{
    enum { FIRST = ODB_VESSEL_CONTROL_FD, ABOVE = 32 };
    int high[16];
    for (int i = 0; i < n_from; i++)
        high[i] = from[i] >= 0 ? fcntl(from[i], F_DUPFD_CLOEXEC, ABOVE) : -1;
    int engine = fcntl(engine_fd, F_DUPFD_CLOEXEC, ABOVE);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(null, 0);
    dup2(null, 1);
    for (int i = 0; i < n_from; i++) {
        if (high[i] >= 0)
            dup2(high[i], FIRST + i);
        else
            close(FIRST + i);
    }
    syscall(SYS_close_range, FIRST + n_from, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */);
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    struct rlimit file; /* shared memory lies far out in a sparse file */
    if (getrlimit(RLIMIT_FSIZE, &file) == 0) {
        file.rlim_cur = file.rlim_max;
        setrlimit(RLIMIT_FSIZE, &file);
    }
    signal(SIGPIPE, SIG_IGN); /* stays ignored in the engine: a closed output is no reason to die */
    sigset_t empty;
    sigemptyset(&empty);
    sigprocmask(SIG_SETMASK, &empty, NULL);
    char name[] = "odb-vessel";
    char *argv[] = {name, NULL}, *envp[] = {NULL};
    syscall(SYS_execveat, engine, "", argv, envp, AT_EMPTY_PATH);
    _exit(127);
}

struct odb_err *spawn_vessel(struct session *s, const int out_fd[3], pid_t *ret_pid)
{
    _cleanup_close_ int engine_fd = -1;
    ODB_TRY(engine_file(&engine_fd));
    const int from[] = {s->control_fd, s->events_fd, s->recdir_fd, out_fd[1],
                        out_fd[2],     s->log_fd,    s->world_fd,  s->live_fd};
    _Static_assert(ODB_VESSEL_EVENTS_FD == 4 && ODB_VESSEL_RECDIR_FD == 5 && ODB_VESSEL_OUT_FD == 6 &&
                       ODB_VESSEL_LOG_FD == 8 && ODB_VESSEL_WORLD_FD == 9 && ODB_VESSEL_LIVE_FD == 10,
                   "the order of from[]");
    pid_t pid = fork();
    if (pid < 0)
        return odb_err_errno(errno, "cannot start a process");
    if (pid == 0)
        child_main(engine_fd, from, (int)(sizeof(from) / sizeof(from[0])));
    *ret_pid = pid;
    return NULL;
}
