/* What the recording says comes next at the current place: is it a signal?
 *
 * The decompressed stream is a file (session.h); the first mark keeps all of it there. A place's stream offset is that of
 * the next event; a signal is delivered here if it is the next main event and has this position. */
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "replayer/handle.h"
#include "replayer/timeline_impl.h"

union event {
    struct odb_event ev;
    struct odb_ev_signal signal;
    struct odb_ev_fault fault;
    struct odb_ev_exit exit;
};

/* The next main event's beginning. False: there is none. */
static bool next_event(const struct replay *r, uint64_t offset, union event *ret)
{
    for (;;) {
        memset(ret, 0, sizeof(*ret));
        ssize_t n = pread(r->session->events_fd, ret, sizeof(*ret), (off_t)offset);
        if (n < (ssize_t)sizeof(ret->ev) || ret->ev.size_bytes < sizeof(ret->ev))
            return false;
        if (ret->ev.type != ODB_EV_FILE && ret->ev.type != ODB_EV_NOTE && ret->ev.type != ODB_EV_CHECK)
            return ret->ev.size_bytes <= (size_t)n || ret->ev.type == ODB_EV_SYSCALL;
        offset += ret->ev.size_bytes;
    }
}

static void fault_info(const struct odb_ev_fault *f, uint8_t ret[128])
{
    const int32_t info[6] = {f->signo, 0, f->code, 0, (int32_t)(uint32_t)f->addr, (int32_t)(f->addr >> 32)};
    memset(ret, 0, 128);
    memcpy(ret, info, sizeof(info));
}

bool timeline_signal_here(const struct timeline *tl, struct odb_stop *ret)
{
    const struct odb_stop *s = tl->now.r ? replay_where(tl->now.r) : NULL;
    union event e;
    uint64_t tick = 0;
    gaddr rip = 0;
    int signo = 0;
    if (!s || !next_event(tl->now.r, s->stream_offset, &e) || e.ev.tid != s->tid)
        return false;
    if (e.ev.type == ODB_EV_SIGNAL)
        tick = e.signal.tick, rip = e.signal.rip, signo = e.signal.signo;
    else if (e.ev.type == ODB_EV_FAULT)
        tick = e.fault.tick, rip = e.fault.regs.rip, signo = e.fault.signo;
    else if (e.ev.type == ODB_EV_EXIT && e.exit.status < 0)
        tick = e.exit.tick, rip = e.exit.rip, signo = -e.exit.status;
    if (!signo || tick != s->tick || rip != s->regs.rip)
        return false;
    *ret = *s;
    ret->reason = ODB_STOP_SIGNAL;
    ret->signo = signo;
    ret->has_siginfo = e.ev.type != ODB_EV_EXIT;
    if (e.ev.type == ODB_EV_SIGNAL)
        memcpy(ret->siginfo, e.signal.siginfo, sizeof(ret->siginfo));
    else if (e.ev.type == ODB_EV_FAULT)
        fault_info(&e.fault, ret->siginfo);
    return true;
}
