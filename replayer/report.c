/* A divergence as text for people. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "model/model.h"
#include "replayer/replay.h"

static const char *register_name(uint32_t reg, char *buf, size_t n_bytes)
{
    static const char *const gpr[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                      "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
    if (reg < ODB_N_GPR)
        return gpr[reg];
    snprintf(buf, n_bytes, "register %u", reg);
    return buf;
}

static void syscall_text(uint64_t nr, char *buf, size_t n_bytes)
{
    const struct model_syscall *m = model_lookup(nr);
    snprintf(buf, n_bytes, "%" PRIu64 " (%s)", nr, m ? m->name : "unknown");
}

static void difference(FILE *f, const struct odb_divergence *d)
{
    char a[80], b[80], name[32];
    switch (d->kind) {
    case ODB_DIV_SYSCALL_NR:
        syscall_text(d->expected, a, sizeof(a));
        syscall_text(d->found, b, sizeof(b));
        fprintf(f, ": recorded %s, replayed %s", a, b);
        break;
    case ODB_DIV_REGISTER:
        fprintf(f, ": %s recorded 0x%" PRIx64 ", replayed 0x%" PRIx64,
                register_name(d->reg, name, sizeof(name)), d->expected, d->found);
        break;
    case ODB_DIV_TICK:
        fprintf(f, ": tick recorded %" PRIu64 ", replayed %" PRIu64, d->expected, d->found);
        break;
    case ODB_DIV_RIP:
        fprintf(f, ": rip recorded 0x%" PRIx64 ", replayed 0x%" PRIx64, d->expected, d->found);
        break;
    case ODB_DIV_INPUT_MEMORY:
        fprintf(f, ": byte at 0x%" PRIx64 " recorded 0x%02" PRIx64 ", replayed 0x%02" PRIx64, d->addr,
                d->expected, d->found);
        break;
    case ODB_DIV_PAGE:
        fprintf(f, ": page 0x%" PRIx64 ", hash recorded %016" PRIx64 ", replayed %016" PRIx64, d->addr,
                d->expected, d->found);
        break;
    case ODB_DIV_RESULT:
        fprintf(f, ": recorded %" PRId64 ", replayed %" PRId64, (int64_t)d->expected, (int64_t)d->found);
        break;
    case ODB_DIV_BAD_EVENT:
    case ODB_DIV_ESCAPE: fprintf(f, ": address 0x%" PRIx64, d->addr); break;
    default: break;
    }
}

char *replay_divergence_text(const struct odb_stop *stop)
{
    const struct odb_divergence *d = &stop->divergence;
    char *text = NULL;
    size_t n_bytes;
    FILE *f = open_memstream(&text, &n_bytes);
    if (!f)
        return NULL;
    fprintf(f,
            "replay differs from the recording at event %" PRIu64 " (stream offset %" PRIu64
            "), pid %u, tid %u, tick %" PRIu64 ", rip 0x%" PRIx64 "%s%s%s: %s",
            d->event, d->stream_offset, stop->pid, stop->tid, d->tick, d->rip, stop->text[0] ? " (" : "",
            stop->text, stop->text[0] ? ")" : "", d->what);
    difference(f, d);
    fclose(f);
    return text;
}
