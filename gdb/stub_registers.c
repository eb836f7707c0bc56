/* Packets about registers: g G p P. Their layout is registers.c's. */
#include "gdb/stub_parts.h"

#include <string.h>

enum { MAX_BYTES = 64 }; /* of one register */

static struct odb_err *registers_asked(struct stub *s, uint32_t *ret_tid, struct target_regs *ret)
{
    uint32_t pid;
    ODB_TRY(stub_general_thread(s, &pid, ret_tid));
    return target_registers(s->g, *ret_tid, ret);
}

/* A thread may be told of before it has registers: one that is born and killed without having run. An error would end the client's
 * whole list of threads; "unavailable" is x digits. */
static void say_unavailable(struct stub *s, struct odb_err *e, size_t n_bytes, struct out *reply)
{
    if (!s->told_unavailable)
        stub_note(s, "%s", odb_err_text(e));
    s->told_unavailable = true;
    odb_err_free(e);
    for (size_t i = 0; i < n_bytes; i++)
        out_text(reply, "xx");
}

static void read_all(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)a;
    (void)n;
    struct target_regs regs;
    uint32_t pid, tid;
    struct odb_err *e = stub_general_thread(s, &pid, &tid);
    if (e) {
        reply_failure(s, reply, e);
        return;
    }
    e = target_registers(s->g, tid, &regs);
    if (e) {
        size_t n_bytes = 0;
        for (unsigned i = 0; i < s->registers.n; i++)
            n_bytes += s->registers.rows[i].n_bytes;
        say_unavailable(s, e, n_bytes, reply);
        return;
    }
    for (unsigned i = 0; i < s->registers.n; i++) {
        uint8_t value[MAX_BYTES];
        register_get(&s->registers, i, &regs, value);
        out_hex(reply, value, s->registers.rows[i].n_bytes);
    }
}

static void read_one(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)n;
    struct target_regs regs;
    uint32_t tid;
    uint8_t value[MAX_BYTES];
    if (a[0].n >= s->registers.n) {
        out_text(reply, "E16");
        return;
    }
    struct odb_err *e = registers_asked(s, &tid, &regs);
    if (e) {
        reply_failure(s, reply, e);
        return;
    }
    register_get(&s->registers, (unsigned)a[0].n, &regs, value);
    out_hex(reply, value, s->registers.rows[a[0].n].n_bytes);
}

static void write_back(struct stub *s, uint32_t tid, const struct target_regs *before,
                       const struct target_regs *regs, struct out *reply)
{
    struct odb_err *e = NULL;
    if (memcmp(before, regs, sizeof(*regs)) != 0) { /* restoring what is there already begins no branch */
        stub_branch_begins(s);
        e = target_write_registers(s->g, tid, regs);
    }
    if (e)
        reply_failure(s, reply, e);
    else
        reply_ok(reply);
}

static void write_all(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)n;
    struct target_regs before, regs;
    uint32_t tid;
    struct odb_err *e = registers_asked(s, &tid, &before);
    if (e) {
        reply_failure(s, reply, e);
        return;
    }
    regs = before;
    for (unsigned i = 0; i < s->registers.n; i++) {
        const struct register_row *r = &s->registers.rows[i];
        if ((size_t)r->offset + r->n_bytes <= a[0].n_bytes) /* a short packet leaves the rest as it is */
            register_put(&s->registers, i, &regs, a[0].data + r->offset);
    }
    write_back(s, tid, &before, &regs, reply);
}

static void write_one(struct stub *s, const struct packet_arg *a, int n, struct out *reply)
{
    (void)n;
    struct target_regs before, regs;
    uint32_t tid;
    if (a[0].n >= s->registers.n || a[1].n_bytes != s->registers.rows[a[0].n].n_bytes) {
        out_text(reply, "E16");
        return;
    }
    struct odb_err *e = registers_asked(s, &tid, &before);
    if (e) {
        reply_failure(s, reply, e);
        return;
    }
    regs = before;
    register_put(&s->registers, (unsigned)a[0].n, &regs, a[1].data);
    write_back(s, tid, &before, &regs, reply);
}

static const struct stub_row rows[] = {
    {"g", "", read_all, NULL},
    {"G", "h", write_all, NULL},
    {"p", "x", read_one, NULL},
    {"P", "x=h", write_one, NULL},
};
const struct stub_table stub_registers_table = STUB_TABLE(rows);
