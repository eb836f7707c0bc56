/* The session: finding a packet's row, replies, notes. See stub.h and stub_parts.h. */
#include "gdb/stub_parts.h"
#include "gdb/stub_symbols.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct stub_table *const stub_tables[STUB_N_TABLES] = {
    &stub_general_table, &stub_threads_table, &stub_memory_table, &stub_registers_table, &stub_breaks_table,
    &stub_resume_table,  &stub_xfer_table,    &stub_files_table,  &stub_monitor_table,   &stub_tls_table,
};

size_t stub_n_rows(void)
{
    size_t n = 0;
    for (int i = 0; i < STUB_N_TABLES; i++)
        n += stub_tables[i]->n;
    return n;
}

static const struct stub_row *row_at(size_t i)
{
    for (int t = 0; t < STUB_N_TABLES; i -= stub_tables[t++]->n) {
        if (i < stub_tables[t]->n)
            return &stub_tables[t]->rows[i];
    }
    return NULL;
}

const char *stub_row_name(size_t i)
{
    const struct stub_row *r = row_at(i);
    return r ? r->name : NULL;
}

/* The row with the longest name that data begins with. */
static const struct stub_row *find_row(const uint8_t *data, size_t n_bytes)
{
    const struct stub_row *best = NULL;
    size_t best_len = 0;
    for (int t = 0; t < STUB_N_TABLES; t++) {
        for (size_t i = 0; i < stub_tables[t]->n; i++) {
            const struct stub_row *r = &stub_tables[t]->rows[i];
            size_t len = strlen(r->name);
            if (len > best_len && len <= n_bytes && memcmp(r->name, data, len) == 0) {
                best = r;
                best_len = len;
            }
        }
    }
    return best;
}

/* ---- the session ---- */

struct odb_err *stub_create(struct target *g, const struct stub_io *io, struct stub **ret)
{
    struct stub *s = calloc(1, sizeof(*s));
    if (!s)
        return odb_err("out of memory");
    s->g = g;
    s->io = *io;
    register_set_init(&s->registers, target_vector_bytes(g));
    struct target_position here;
    target_where(g, &here);
    stub_attach(s, here.pid);
    s->resumed.tid = -1;
    *ret = s;
    return NULL;
}

void stub_destroy(struct stub *s)
{
    if (!s)
        return;
    for (int i = 0; i < STUB_MAX_FILES; i++) {
        free(s->files[i].data);
        if (s->files[i].open && s->files[i].fd >= 0)
            close(s->files[i].fd);
    }
    for (size_t i = 0; i < s->n_breaks; i++)
        free(s->breaks[i].conditions);
    free(s->breaks);
    free(s->watches);
    free(s->pids);
    free(s->catch_numbers);
    free(s->listed);
    free(s->checkpoints);
    stub_symbols_destroy(s->symbols);
    struct out *const outs[] = {&s->reply, &s->frame, &s->notes, &s->last_stop, &s->xfer};
    for (size_t i = 0; i < sizeof(outs) / sizeof(outs[0]); i++)
        out_deinit(outs[i]);
    free(s);
}

/* ---- sending ---- */

void stub_send(struct stub *s, const struct out *payload)
{
    out_clear(&s->frame);
    packet_frame(payload, &s->frame);
    if (s->frame.failed) { /* no memory: an error fits into what there is */
        out_clear(&s->frame);
        out_text(&s->frame, "$E0c#d8");
    }
    s->io.send(s->io.ctx, s->frame.data, s->frame.n_bytes);
}

void stub_repeat(struct stub *s)
{
    if (!s->no_ack && s->frame.n_bytes)
        s->io.send(s->io.ctx, s->frame.data, s->frame.n_bytes);
}

void stub_bad_packet(struct stub *s)
{
    if (!s->no_ack) {
        s->io.send(s->io.ctx, (const uint8_t *)"-", 1);
        return;
    }
    out_clear(&s->reply);
    reply_error(&s->reply, "odb: a damaged packet, or one longer than 0x%x bytes", PACKET_MAX_BYTES);
    stub_send(s, &s->reply);
}

void stub_send_notes(struct stub *s)
{
    if (s->notes.n_bytes == 0)
        return;
    struct out o = {0};
    out_text(&o, "O");
    out_hex(&o, s->notes.data, s->notes.n_bytes);
    stub_send(s, &o);
    out_deinit(&o);
    out_clear(&s->notes);
}

void stub_note(struct stub *s, const char *fmt, ...)
{
    char line[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    if (s->io.note)
        s->io.note(s->io.ctx, line);
    else if (s->notes.n_bytes < 16384) /* nobody reads more */
        out_printf(&s->notes, "odb: %s\n", line);
}

bool stub_stop_work(struct stub *s)
{
    return atomic_load(&s->interrupt_wanted) || (s->io.stop_work && s->io.stop_work(s->io.ctx));
}

/* ---- replies ---- */

void reply_ok(struct out *reply)
{
    out_clear(reply);
    out_text(reply, "OK");
}

void reply_error(struct out *reply, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    out_clear(reply);
    out_printf(reply, "E.%s", text);
}

void reply_failure(struct stub *s, struct out *reply, struct odb_err *e)
{
    if (s->n_pids > 0) /* without a process everything fails: that is no news */
        stub_note(s, "%s", odb_err_text(e));
    odb_err_free(e);
    out_clear(reply);
    out_text(reply, "E01");
}

/* ---- a packet ---- */

bool stub_packet(struct stub *s, uint8_t *data, size_t n_bytes)
{
    if (!s->no_ack)
        s->io.send(s->io.ctx, (const uint8_t *)"+", 1);
    out_clear(&s->reply);
    const struct stub_row *r = find_row(data, n_bytes);
    if (r) {
        struct packet_arg args[PACKET_MAX_ARGS] = {0};
        size_t skip = strlen(r->name);
        int n = packet_read_args(r->schema, data + skip, n_bytes - skip, args);
        if (n >= 0)
            r->run(s, args, n, &s->reply);
        else
            reply_error(&s->reply, "odb: malformed %s packet", r->name);
    }
    if (s->reply.failed) {
        out_clear(&s->reply);
        reply_error(&s->reply, "out of memory");
    }
    if (!s->over)
        stub_send(s, &s->reply);
    return !s->over;
}

bool stub_is_resume(const uint8_t *data, size_t n_bytes)
{
    static const char *const names[] = {"vCont;", "vRun", "vAttach", "qRcmd,", "qSearch", "qCRC",
                                        "bc",     "bs",   "c",       "s",      "C",       "S"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t len = strlen(names[i]);
        if (n_bytes >= len && memcmp(data, names[i], len) == 0)
            return true;
    }
    return false;
}

void stub_interrupt(struct stub *s)
{
    atomic_store(&s->interrupt_wanted, true);
    target_interrupt(s->g);
}

void stub_interrupt_over(struct stub *s) { atomic_store(&s->interrupt_wanted, false); }
