/* Outputs that no general rule covers: by command, option, operation, or by what the kernel does on
 * errors. Each function names the kernel source its rule comes from (6.12, unless said).
 *
 * A function sees failed calls only where its row in syscalls.tbl says ONERR. It returns false when the
 * call succeeded with an option that the model does not know: then nobody can tell what was written. */
#include "model/internal.h"

#include <asm/unistd.h>

#ifndef __NR_statmount
#define __NR_statmount 457
#define __NR_lsm_get_self_attr 459
#define __NR_lsm_list_modules 461
#endif
#ifndef __NR_getxattrat
#define __NR_getxattrat 464
#endif

/* ---- waiting for descriptors: fs/select.c ---- */

/* Written back with the time left, whatever the result (EBADF too); a read-only timeout is tolerated by
 * the kernel and a zero one left alone. So: claimed when it changed. */
static void timeout_outputs(struct sink *s, const struct model_call *call, gaddr addr)
{
    uint64_t now[2];
    if (addr && call->peek(addr, now, sizeof(now)) &&
        (now[0] != call->before[0] || now[1] != call->before[1]))
        sink_add(s, addr, sizeof(now));
}

static bool poll_outputs(struct sink *s, const struct model_call *call)
{
    if (!model_failed(call) || call->result == -ME_INTR)
        sink_add(s, call->args[0], 8 * (uint64_t)(uint32_t)call->args[1]);
    if (call->nr == __NR_ppoll)
        timeout_outputs(s, call, call->args[2]);
    return true;
}

/* The kernel cuts nfds to the size of its descriptor table, which is not known here: bytes beyond it
 * are untouched, so the sets are claimed as far as they are readable. */
static uint64_t fd_set_bytes(const struct model_call *call)
{
    uint32_t nfds = (uint32_t)call->args[0];
    return nfds <= INT32_MAX ? (nfds + 63) / 64 * 8 : 0;
}

static bool select_outputs(struct sink *s, const struct model_call *call)
{
    uint64_t n_bytes = fd_set_bytes(call);
    for (unsigned i = 1; i <= 3 && call->result >= 0; i++) {
        if (n_bytes <= 128)
            sink_add(s, call->args[i], n_bytes);
        else
            sink_add_readable(s, call, call->args[i], n_bytes);
    }
    timeout_outputs(s, call, call->args[4]);
    return true;
}

/* ---- sockets: net/socket.c, net/core/sock.c ---- */

enum { SOL_SOCKET_LEVEL = 1, SO_GET_FILTER_OPT = 26 };

static bool getsockopt_outputs(struct sink *s, const struct model_call *call)
{
    gaddr optlen = call->args[4];
    if (call->result == -ME_RANGE) { /* SO_PEERSEC, SO_PEERGROUPS: how much it would take */
        sink_add_readable(s, call, optlen, 4);
        return true;
    }
    if (model_failed(call) || !optlen)
        return true;
    uint64_t n = min_u64(call->before[0], load32(optlen));
    if ((uint32_t)call->args[1] == SOL_SOCKET_LEVEL && (uint32_t)call->args[2] == SO_GET_FILTER_OPT)
        n = call->before[0] ? 8 * (uint64_t)load32(optlen) : 0; /* the length counts instructions */
    sink_add(s, call->args[3], n);
    sink_add(s, optlen, 4);
    return true;
}

/* Both numbers are written before the sockets are made: they are there after EPROTONOSUPPORT too. */
static bool socketpair_outputs(struct sink *s, const struct model_call *call)
{
    sink_add_readable(s, call, call->args[3], 8);
    return true;
}

static bool recvfrom_outputs(struct sink *s, const struct model_call *call)
{
    uint64_t n = min_u64((uint64_t)call->result, call->args[2]);
    if (call->args[3] & 0x20 /* MSG_TRUNC: TCP drops the data, datagrams return their full length */)
        sink_add_readable(s, call, call->args[1], n);
    else
        sink_add(s, call->args[1], n);
    return true;
}

static bool sendmmsg_outputs(struct sink *s, const struct model_call *call)
{
    for (uint64_t i = 0; i < (uint64_t)call->result && !s->overflow; i++)
        sink_add(s, call->args[1] + MMSGHDR_BYTES * i + MMSGHDR_LEN, 4);
    return true;
}

/* ---- time ---- */

/* kernel/time/hrtimer.c nanosleep_copyout: the rest, when interrupted and relative. */
static bool nanosleep_outputs(struct sink *s, const struct model_call *call)
{
    bool absolute = call->nr == __NR_clock_nanosleep && (call->args[1] & 1 /* TIMER_ABSTIME */);
    if (call->result == -ME_INTR && !absolute)
        sink_add(s, call->args[call->nr == __NR_nanosleep ? 1 : 3], 16);
    return true;
}

/* ---- futex: kernel/futex/syscalls.c ---- */

static bool futex_outputs(struct sink *s, const struct model_call *call)
{
    uint32_t word;
    switch (call->args[1] & 127) {
    case 0: /* WAIT, WAIT_BITSET: a robust futex whose owner was killed meanwhile is marked by the kernel */
    case 9:
        if (call->peek(call->args[0], &word, 4) && word & 0x40000000)
            sink_add(s, call->args[0], 4);
        break;
    case 5:  /* WAKE_OP */
    case 11: /* WAIT_REQUEUE_PI */
    case 12: /* CMP_REQUEUE_PI */ sink_add_readable(s, call, call->args[4], 4); break;
    case 6: /* LOCK_PI: sets the waiters bit even when it then times out */
    case 7: /* UNLOCK_PI */
    case 8: /* TRYLOCK_PI */
    case 13: /* LOCK_PI2 */ sink_add_readable(s, call, call->args[0], 4); break;
    default: break;
    }
    return true;
}

/* ---- processes: kernel/exit.c, kernel/fork.c, kernel/sys.c, arch/x86/kernel ---- */

/* Six int fields of siginfo, with a hole that is not written; zeros when nothing was found, on errors
 * too. rusage only when there was a child. */
static bool waitid_outputs(struct sink *s, const struct model_call *call)
{
    gaddr info = call->args[2], usage = call->args[4];
    if (info) {
        sink_add_readable(s, call, info, 12);
        sink_add_readable(s, call, info + 16, 12);
    }
    if (call->result == 0 && (!info || load32(info) == 17 /* SIGCHLD */))
        sink_add_readable(s, call, usage, 144);
    return true;
}

enum { CLONE_PIDFD_FLAG = 0x1000, CLONE_PARENT_SETTID_FLAG = 0x100000 };

static bool clone_outputs(struct sink *s, const struct model_call *call)
{
    if (call->result > 0 && (call->args[0] & (CLONE_PIDFD_FLAG | CLONE_PARENT_SETTID_FLAG)))
        sink_add(s, call->args[2], 4);
    return true;
}

static bool clone3_outputs(struct sink *s, const struct model_call *call)
{
    if (call->result <= 0)
        return true;
    uint64_t flags = load64(call->args[0]);
    if (flags & CLONE_PIDFD_FLAG)
        sink_add(s, load64(call->args[0] + 8), 4);
    if (flags & CLONE_PARENT_SETTID_FLAG)
        sink_add(s, load64(call->args[0] + 24), 4);
    return true;
}

static bool arch_prctl_outputs(struct sink *s, const struct model_call *call)
{
    switch ((uint32_t)call->args[0]) {
    case 0x1003: /* ARCH_GET_FS */
    case 0x1004: /* ARCH_GET_GS */
    case 0x1021: /* ARCH_GET_XCOMP_SUPP */
    case 0x1022: /* ARCH_GET_XCOMP_PERM */
    case 0x1024: /* ARCH_GET_XCOMP_GUEST_PERM */
    case 0x4001: /* ARCH_GET_UNTAG_MASK */
    case 0x4003: /* ARCH_GET_MAX_TAG_BITS */
    case 0x5005: /* ARCH_SHSTK_STATUS */ sink_add(s, call->args[1], 8); return true;
    case 0x1001: /* ARCH_SET_GS */
    case 0x1002: /* ARCH_SET_FS */
    case 0x1011: /* ARCH_GET_CPUID */
    case 0x1012: /* ARCH_SET_CPUID */
    case 0x1023: /* ARCH_REQ_XCOMP_PERM */ return true;
    default: return false;
    }
}

enum prctl_rule { PRCTL_NONE, PRCTL_OUT, PRCTL_REFUSED, PRCTL_SPECIAL };

static const struct prctl_row {
    const char *name;
    uint32_t option;
    uint8_t rule, n;
} prctl_rows[] = {
#define PRCTL(NAME, OPTION, RULE, N) {#NAME, (OPTION), PRCTL_##RULE, (N)},
#include "model/prctls.tbl"
#undef PRCTL
};

static const struct prctl_row *prctl_find(uint32_t option)
{
    for (size_t i = 0; i < sizeof(prctl_rows) / sizeof(*prctl_rows); i++)
        if (prctl_rows[i].option == option)
            return &prctl_rows[i];
    return NULL;
}

enum { OPT_SET_TSC = 26, OPT_SET_MM = 35, OPT_SCHED_CORE = 62, OPT_GET_AUXV = 0x41555856 };

const char *model_prctl_refused(const struct model_call *call)
{
    const struct prctl_row *row = prctl_find((uint32_t)call->args[0]);
    if (!row)
        return NULL;
    /* Reading the clock by instruction, once forbidden, would have to fault; moving the heap or the
     * stack limits would have to be done again on replay. */
    bool refused = row->rule == PRCTL_REFUSED ||
                   (row->option == OPT_SET_TSC && call->args[1] != 1 /* PR_TSC_ENABLE */) ||
                   row->option == OPT_SET_MM;
    return refused ? row->name : NULL;
}

static bool prctl_outputs(struct sink *s, const struct model_call *call)
{
    const struct prctl_row *row = prctl_find((uint32_t)call->args[0]);
    if (!row)
        return false;
    if (row->rule == PRCTL_OUT)
        sink_add(s, call->args[1], row->n);
    else if (row->option == OPT_SCHED_CORE && call->args[1] == 0 /* PR_SCHED_CORE_GET */)
        sink_add(s, call->args[4], 8);
    else if (row->option == OPT_GET_AUXV)
        sink_add(s, call->args[1], min_u64(call->args[2], (uint64_t)call->result));
    return true;
}

/* kernel/capability.c: an unknown version is answered with the kernel's own. */
static bool cap_outputs(struct sink *s, const struct model_call *call)
{
    bool v1 = call->before[0] == 0x19980330,
         v23 = call->before[0] == 0x20071026 || call->before[0] == 0x20080522;
    if (!v1 && !v23)
        sink_add_readable(s, call, call->args[0], 4);
    else if (call->nr == __NR_capget && !model_failed(call))
        sink_add(s, call->args[1], v1 ? 12 : 24);
    return true;
}

/* kernel/sched/syscalls.c. Kernels before 6.14 write no more than their own structure. */
static bool sched_attr_outputs(struct sink *s, const struct model_call *call)
{
    if (call->nr == __NR_sched_getattr && !model_failed(call))
        sink_add_readable(s, call, call->args[1], min_u64((uint32_t)call->args[2], 4096));
    else if (call->nr == __NR_sched_setattr && call->result == -ME_2BIG)
        sink_add_readable(s, call, call->args[1], 4);
    return true;
}

/* arch/x86/kernel/ldt.c returns unsigned int: an error is a large positive number. */
static bool modify_ldt_outputs(struct sink *s, const struct model_call *call)
{
    uint32_t func = (uint32_t)call->args[0];
    if (func != 0 && func != 2)
        return (int32_t)call->result < 0;
    if ((int32_t)call->result > 0)
        sink_add(s, call->args[1], min_u64((uint32_t)call->result, call->args[2]));
    return true;
}

static bool seccomp_outputs(struct sink *s, const struct model_call *call)
{
    if ((uint32_t)call->args[0] == 3 /* SECCOMP_GET_NOTIF_SIZES */)
        sink_add(s, call->args[2], 6);
    return (uint32_t)call->args[0] <= 3;
}

/* ---- memory: mm/mincore.c, mm/mempolicy.c, mm/migrate.c ---- */

/* ENOMEM comes after the pages in front of the hole were reported. */
static bool mincore_outputs(struct sink *s, const struct model_call *call)
{
    uint64_t n_pages = (call->args[1] >> 12) + ((call->args[1] & 4095) != 0);
    if (model_failed(call))
        sink_add_readable(s, call, call->args[2], n_pages);
    else
        sink_add(s, call->args[2], n_pages);
    return true;
}

/* The mode is written before the mask is found to be too long (EINVAL). */
static bool get_mempolicy_outputs(struct sink *s, const struct model_call *call)
{
    if (model_failed(call))
        sink_add_readable(s, call, call->args[0], 4);
    else /* whole words, wrapping at 0 as in the kernel */
        sink_add(s, call->args[1], (call->args[2] - 1 + 63) / 64 * 8);
    return true;
}

static bool move_pages_outputs(struct sink *s, const struct model_call *call)
{
    uint64_t n_bytes = mul_sat(call->args[1], 4);
    if (model_failed(call))
        sink_add_readable(s, call, call->args[4], n_bytes);
    else
        sink_add(s, call->args[4], n_bytes);
    return true;
}

/* ---- files: fs/fcntl.c, fs/locks.c, fs/fhandle.c, fs/namespace.c, fs/xattr.c, fs/quota, fs/filesystems.c ---- */

static bool fcntl_outputs(struct sink *s, const struct model_call *call)
{
    uint32_t cmd = (uint32_t)call->args[1];
    switch (cmd) {
    case 5: /* F_GETLK */
    case 36: /* F_OFD_GETLK */ sink_add(s, call->args[2], 32); return true;
    case 16:   /* F_GETOWN_EX */
    case 17:   /* F_GETOWNER_UIDS */
    case 1035: /* F_GET_RW_HINT */
    case 1037: /* F_GET_FILE_RW_HINT */ sink_add(s, call->args[2], 8); return true;
    case 1039: /* F_GETDELEG, since 6.19 */ sink_add(s, call->args[2], 8); return true;
    default: /* F_DUPFD .. F_SETLKW, F_SETOWN .. F_SETOWN_EX, F_OFD_SETLK(W); F_SETLEASE .. F_SET_FILE_RW_HINT, F_SETDELEG */
        return cmd <= 15 || cmd == 37 || cmd == 38 || (cmd >= 1024 && cmd <= 1040);
    }
}

static bool name_to_handle_outputs(struct sink *s, const struct model_call *call)
{
    uint64_t id_bytes = call->args[4] & 1 /* AT_HANDLE_MNT_ID_UNIQUE, since 6.12 */ ? 8 : 4;
    if (call->result == 0)
        sink_add(s, call->args[2], 8 + (uint64_t)load32(call->args[2]));
    else if (call->result == -ME_OVERFLOW)
        sink_add_readable(s, call, call->args[2], 8);
    else
        return true;
    sink_add_readable(s, call, call->args[3], id_bytes);
    return true;
}

static bool statmount_outputs(struct sink *s, const struct model_call *call)
{
    if (call->args[1])
        sink_add(s, call->args[1], min_u64(call->args[2], load32(call->args[1])));
    return true;
}

static bool getxattrat_outputs(struct sink *s, const struct model_call *call)
{
    gaddr args = call->args[4]; /* struct xattr_args: value, size, flags */
    sink_add(s, load64(args), min_u64((uint64_t)call->result, load32(args + 8)));
    return true;
}

static bool sysfs_outputs(struct sink *s, const struct model_call *call)
{
    if ((uint32_t)call->args[0] != 2 || !call->args[2])
        return true;
    uint64_t n = 1; /* the type's name with its NUL */
    while (n < 256 && *(const volatile char *)(uintptr_t)(call->args[2] + n - 1))
        n++;
    sink_add(s, call->args[2], n);
    return true;
}

static bool quotactl_outputs(struct sink *s, const struct model_call *call)
{
    uint32_t cmd = (uint32_t)call->args[call->nr == __NR_quotactl ? 0 : 1] >> 8;
    static const struct {
        uint32_t cmd;
        uint16_t n;
    } rows[] = {
        {0x800001, 0},  {0x800002, 0},  {0x800003, 0},  /* Q_SYNC, Q_QUOTAON, Q_QUOTAOFF */
        {0x800004, 4},  {0x800005, 24}, {0x800006, 0},  /* Q_GETFMT, Q_GETINFO, Q_SETINFO */
        {0x800007, 72}, {0x800008, 0},  {0x800009, 72}, /* Q_GETQUOTA, Q_SETQUOTA, Q_GETNEXTQUOTA */
        {0x5801, 0},    {0x5802, 0},    {0x5803, 112},
        {0x5804, 0}, /* Q_XQUOTAON, OFF, XGETQUOTA, XSETQLIM */
        {0x5805, 80},   {0x5806, 0},    {0x5807, 0},
        {0x5808, 160},  {0x5809, 112}, /* XGETQSTAT .. XGETNEXTQUOTA */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        if (rows[i].cmd == cmd) {
            sink_add_readable(s, call, call->args[3], rows[i].n);
            return true;
        }
    }
    return false;
}

/* ---- System V IPC: ipc/msg.c, sem.c, shm.c; keys; kernel log; security modules ---- */

static bool ipc_ctl_outputs(struct sink *s, const struct model_call *call)
{
    static const struct {
        uint16_t nr, cmd, n;
    } rows[] = {
        {__NR_msgctl, 0, 0},    {__NR_msgctl, 1, 0},  {__NR_msgctl, 2, 120}, {__NR_msgctl, 11, 120},
        {__NR_msgctl, 13, 120}, {__NR_msgctl, 3, 32}, {__NR_msgctl, 12, 32}, /* IPC_INFO, MSG_INFO: struct msginfo */
        {__NR_semctl, 0, 0},    {__NR_semctl, 1, 0},  {__NR_semctl, 2, 104}, {__NR_semctl, 18, 104},
        {__NR_semctl, 20, 104}, {__NR_semctl, 3, 40}, {__NR_semctl, 19, 40}, /* struct seminfo */
        {__NR_semctl, 11, 0},   {__NR_semctl, 12, 0}, {__NR_semctl, 14, 0},  {__NR_semctl, 15, 0},
        {__NR_semctl, 16, 0},   {__NR_semctl, 17, 0}, /* GETPID GETVAL GETNCNT GETZCNT SETVAL SETALL; GETALL (13): below */
        {__NR_shmctl, 0, 0},    {__NR_shmctl, 1, 0},  {__NR_shmctl, 2, 112}, {__NR_shmctl, 13, 112},
        {__NR_shmctl, 15, 112}, {__NR_shmctl, 3, 72}, {__NR_shmctl, 14, 48}, {__NR_shmctl, 11, 0},
        {__NR_shmctl, 12, 0},
    };
    bool sem = call->nr == __NR_semctl;
    if (sem && (uint32_t)call->args[2] == 13 &&
        call->before[6]) { /* semaphores in the set: the engine has asked */
        sink_add(s, call->args[3], 2 * call->before[6]);
        return true;
    }
    uint32_t cmd = (uint32_t)call->args[sem ? 2 : 1];
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        if (rows[i].nr == call->nr && rows[i].cmd == cmd) {
            sink_add(s, call->args[sem ? 3 : 2], rows[i].n);
            return true;
        }
    }
    return false;
}

/* Into the caller's own memory; into another process's, whose pid the engine has left in before[7], nothing of it. */
static bool vm_writev_outputs(struct sink *s, const struct model_call *call)
{
    if (!call->before[7])
        sink_add_iov(s, call->args[3], call->args[4], (uint64_t)call->result);
    return true;
}

static bool msgrcv_outputs(struct sink *s, const struct model_call *call)
{
    sink_add(s, call->args[1], 8 + (uint64_t)call->result); /* mtype, then the text */
    return true;
}

/* security/keys/keyctl.c */
static bool keyctl_outputs(struct sink *s, const struct model_call *call)
{
    uint64_t result = (uint64_t)call->result;
    switch ((uint32_t)call->args[0]) {
    case 6:  /* DESCRIBE */
    case 11: /* READ: nothing is written unless all of it fits; before 5.8 a part was */
        sink_add_readable(s, call, call->args[2], result <= call->args[3] ? result : 0);
        return true;
    case 17: /* GET_SECURITY: the result is the full length, whatever fits */
    case 23: /* DH_COMPUTE */
        sink_add_readable(s, call, call->args[2], min_u64(result, call->args[3]));
        return true;
    case 24: /* PKEY_QUERY: struct keyctl_pkey_query */ sink_add(s, call->args[4], 48); return true;
    case 25: /* PKEY_ENCRYPT, PKEY_DECRYPT, PKEY_SIGN */
    case 26:
    case 27: sink_add(s, call->args[4], result); return true;
    case 31: /* CAPABILITIES: the rest of the buffer is cleared */
        sink_add(s, call->args[1], call->args[2]);
        return true;
    default: return (uint32_t)call->args[0] <= 32;
    }
}

static bool syslog_outputs(struct sink *s, const struct model_call *call)
{
    uint32_t type = (uint32_t)call->args[0];
    if (type >= 2 && type <= 4) /* READ, READ_ALL, READ_CLEAR */
        sink_add(s, call->args[1], min_u64((uint64_t)call->result, (uint32_t)call->args[2]));
    return true;
}

/* security/lsm_syscalls.c: the needed size always comes back, with E2BIG too. */
static bool lsm_outputs(struct sink *s, const struct model_call *call)
{
    bool list = call->nr == __NR_lsm_list_modules;
    gaddr buf = call->args[list ? 0 : 1], size = call->args[list ? 1 : 2];
    if (model_failed(call) && call->result != -ME_2BIG)
        return true;
    if (call->result >= 0 && size)
        sink_add(s, buf, min_u64(call->before[0], load32(size)));
    sink_add_readable(s, call, size, 4);
    return true;
}

/* ---- by number ---- */

static const struct custom {
    uint16_t nr;
    uint8_t peek_arg, peek_bytes; /* what model_before must remember of *args[peek_arg] */
    bool (*outputs)(struct sink *s, const struct model_call *call);
    // clang-format off
} customs[] = {
    { __NR_ioctl, 0, 0, model_ioctl_outputs },
    { __NR_futex, 0, 0, futex_outputs },
    { __NR_poll, 0, 0, poll_outputs },
    { __NR_ppoll, 2, 16, poll_outputs },
    { __NR_select, 4, 16, select_outputs },
    { __NR_pselect6, 4, 16, select_outputs },
    { __NR_getsockopt, 4, 4, getsockopt_outputs },
    { __NR_recvfrom, 5, 4, recvfrom_outputs },
    {__NR_socketpair, 0, 0, socketpair_outputs},
    { __NR_sendmmsg, 0, 0, sendmmsg_outputs },
    { __NR_nanosleep, 0, 0, nanosleep_outputs },
    { __NR_clock_nanosleep, 0, 0, nanosleep_outputs },
    { __NR_waitid, 0, 0, waitid_outputs },
    { __NR_clone, 0, 0, clone_outputs },
    { __NR_clone3, 0, 0, clone3_outputs },
    { __NR_arch_prctl, 0, 0, arch_prctl_outputs },
    { __NR_prctl, 0, 0, prctl_outputs },
    { __NR_capget, 0, 4, cap_outputs },
    { __NR_capset, 0, 4, cap_outputs },
    { __NR_sched_getattr, 0, 0, sched_attr_outputs },
    { __NR_sched_setattr, 0, 0, sched_attr_outputs },
    { __NR_modify_ldt, 0, 0, modify_ldt_outputs },
    { __NR_seccomp, 0, 0, seccomp_outputs },
    { __NR_mincore, 0, 0, mincore_outputs },
    { __NR_get_mempolicy, 0, 0, get_mempolicy_outputs },
    { __NR_move_pages, 0, 0, move_pages_outputs },
    { __NR_fcntl, 0, 0, fcntl_outputs },
    { __NR_name_to_handle_at, 0, 0, name_to_handle_outputs },
    { __NR_statmount, 0, 0, statmount_outputs },
    { __NR_getxattrat, 0, 0, getxattrat_outputs },
    { __NR_sysfs, 0, 0, sysfs_outputs },
    { __NR_quotactl, 0, 0, quotactl_outputs },
    { __NR_quotactl_fd, 0, 0, quotactl_outputs },
    { __NR_msgctl, 0, 0, ipc_ctl_outputs },
    { __NR_semctl, 0, 0, ipc_ctl_outputs },
    { __NR_shmctl, 0, 0, ipc_ctl_outputs },
    { __NR_msgrcv, 0, 0, msgrcv_outputs },
    { __NR_process_vm_writev, 0, 0, vm_writev_outputs },
    { __NR_keyctl, 0, 0, keyctl_outputs },
    { __NR_syslog, 0, 0, syslog_outputs },
    { __NR_lsm_get_self_attr, 2, 4, lsm_outputs },
    { __NR_lsm_list_modules, 1, 4, lsm_outputs },
};
// clang-format on

static const struct custom *custom_find(uint64_t nr)
{
    for (size_t i = 0; i < sizeof(customs) / sizeof(*customs); i++)
        if (customs[i].nr == nr)
            return &customs[i];
    return NULL;
}

void model_custom_before(struct model_call *call)
{
    const struct custom *c = custom_find(call->nr);
    uint64_t was[2] = {0, 0};
    if (!c || !c->peek_bytes)
        return;
    if (!call->peek(call->args[c->peek_arg], was, c->peek_bytes))
        was[0] = was[1] = 0;
    call->before[0] = was[0];
    call->before[1] = was[1];
}

bool model_custom_outputs(struct sink *s, const struct model_call *call)
{
    const struct custom *c = custom_find(call->nr);
    return c && c->outputs(s, call);
}

void model_custom_fault(struct sink *s, const struct model_call *call, unsigned arg)
{
    switch (call->nr) {
    case __NR_poll:
    case __NR_ppoll:
        sink_add_readable(s, call, call->args[0], 8 * (uint64_t)(uint32_t)call->args[1]);
        if (call->nr == __NR_ppoll)
            timeout_outputs(s, call, call->args[2]);
        break;
    case __NR_select:
    case __NR_pselect6:
        for (unsigned i = 1; i <= 3; i++)
            sink_add_readable(s, call, call->args[i], fd_set_bytes(call));
        timeout_outputs(s, call, call->args[4]);
        break;
    case __NR_recvfrom: /* the data is there before the address turns out to be bad */
        sink_add_readable(s, call, call->args[1], min_u64(call->args[2], 1 << 16));
        break;
    case __NR_getsockopt:
        sink_add_readable(s, call, call->args[3], min_u64(8 * call->before[0], 4096)); /* 8: SO_GET_FILTER */
        sink_add_readable(s, call, call->args[4], 4);
        break;
    case __NR_waitid:
        waitid_outputs(s, call);
        sink_add_readable(s, call, call->args[4], 144);
        break;
    case __NR_capget:
        sink_add_readable(s, call, call->args[0], 4);
        sink_add_readable(s, call, call->args[1], 24);
        break;
    case __NR_ioctl: model_ioctl_fault(s, call); break;
    case __NR_lsm_get_self_attr:
    case __NR_lsm_list_modules:
        sink_add_readable(s, call, call->args[call->nr == __NR_lsm_list_modules ? 1 : 2], 4);
        break;
    default: sink_add_readable(s, call, call->args[arg], 4096); break;
    }
}
