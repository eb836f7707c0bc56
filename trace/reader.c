/* Reading the event stream: whole, validated, complete events or nothing.
 *
 * The idea. A block from the source is walked once: every event is validated, and events that announce
 * followers (n_maps, n_mem) are counted down. `ready` is the stream offset up to which everything is
 * complete; nothing behind it is given out. When a block ends within such a group, the reader looks
 * ahead: the next block stays in memory, further ones are walked in a scratch block and read again
 * later, so that a read(2) of gigabytes needs no more memory than a small one. At most three blocks
 * (of 16 MiB) are in memory.
 *
 * Invariants: cur.data[0..cur_pos) was given out; ready never shrinks; events before ready are counted in
 * n_events; left_maps and left_mem belong to the group that starts at ready. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace/source.h"
#include "trace/trace.h"

struct trace_reader {
    struct trace_source *source; /* owned */
    struct source_pos pos;       /* behind the last block loaded */
    struct source_block cur, ahead, scratch;
    size_t cur_pos;
    uint64_t ready;
    uint64_t tracked; /* events before this stream offset were walked */
    uint32_t left_maps, left_mem;
    uint64_t n_tracked, n_events; /* events before tracked, before ready */
    bool end_seen;                /* an END event is before ready */
    bool is_bad;                  /* an invalid event was met: nothing behind it counts */
    bool is_at_end;
    const uint8_t *run; /* trace_reader_next: the events left of the last run */
    size_t run_left;
    uint64_t run_offset;
    char bad[160];
    char damage[600];
};

struct odb_err *trace_reader_open(const char *dir, struct trace_reader **ret)
{
    struct trace_reader *r = calloc(1, sizeof *r);
    if (!r)
        return odb_err("out of memory");
    struct odb_err *e = trace_source_open(dir, &r->source);
    if (e) {
        free(r);
        return e;
    }
    trace_reader_rewind(r);
    *ret = r;
    return NULL;
}

void trace_reader_close(struct trace_reader *r)
{
    if (!r)
        return;
    trace_source_close(r->source);
    source_block_deinit(&r->cur);
    source_block_deinit(&r->ahead);
    source_block_deinit(&r->scratch);
    free(r);
}

void trace_reader_rewind(struct trace_reader *r)
{
    trace_source_rewind(r->source, &r->pos);
    r->cur.len_bytes = r->ahead.len_bytes = r->scratch.len_bytes = 0;
    r->cur_pos = 0;
    r->ready = r->tracked = 0;
    r->left_maps = r->left_mem = 0;
    r->n_tracked = r->n_events = 0;
    r->end_seen = r->is_bad = r->is_at_end = false;
    r->run_left = 0;
    r->bad[0] = r->damage[0] = 0;
}

/* ---- walking events ---- */

static bool is_group_open(const struct trace_reader *r) { return r->left_maps || r->left_mem; }

/* Counts followers. NULL, or why this event cannot stand here. */
static const char *track(struct trace_reader *r, const struct odb_event *ev)
{
    if (r->end_seen)
        return "event behind END";
    if (is_group_open(r) && ev->type == ODB_EV_END)
        return "the program died while the event before this was written";
    if (r->left_maps) {
        if (ev->type != ODB_EV_MAP)
            return "MAP events announced by EXEC are missing";
        r->left_maps--;
        return NULL;
    }
    if (r->left_mem) {
        if (ev->type != ODB_EV_MEM)
            return "announced MEM events are missing";
        r->left_mem--;
        return NULL;
    }
    if (ev->type == ODB_EV_MAP || ev->type == ODB_EV_MEM)
        return "MAP or MEM event that nothing announced";
    if (ev->type == ODB_EV_EXEC) {
        const struct odb_ev_exec *exec = (const void *)ev;
        r->left_maps = exec->n_maps;
        r->left_mem = exec->n_mem;
    } else if (ev->type == ODB_EV_SYSCALL) {
        r->left_mem = ((const struct odb_ev_syscall *)(const void *)ev)->n_mem;
    } else if (ev->type == ODB_EV_TASK) {
        r->left_mem = ((const struct odb_ev_task *)(const void *)ev)->n_mem;
    }
    return NULL;
}

/* Walks a block just loaded, and cuts it off at the first bad event. With `until_complete`, stops where
 * the open group is complete; what is behind is walked when the block is loaded again. */
static void walk(struct trace_reader *r, struct source_block *b, bool until_complete)
{
    size_t at = 0;
    while (at < b->len_bytes) {
        const struct odb_event *ev = (const void *)(b->data + at);
        uint64_t offset = b->stream_offset + at;
        const char *why = trace_validate(ev, b->len_bytes - at);
        if (!why && offset >= r->tracked)
            why = track(r, ev);
        if (why) {
            snprintf(r->bad, sizeof r->bad, "event at stream offset %" PRIu64 " (type %u): %s", offset,
                     b->len_bytes - at >= sizeof *ev ? ev->type : 0u, why);
            r->is_bad = true;
            b->len_bytes = at;
            return;
        }
        at += ev->size_bytes;
        if (offset >= r->tracked) {
            r->tracked = offset + ev->size_bytes;
            r->n_tracked++;
        }
        if (ev->type == ODB_EV_NOTE && ev->tid == 0 && trace_source_is_behind_base(r->source, offset))
            r->pos.host_note_bytes += ev->size_bytes;
        if (offset >= r->ready && !is_group_open(r)) {
            r->ready = r->tracked;
            r->n_events = r->n_tracked;
            r->end_seen |= ev->type == ODB_EV_END;
            if (until_complete)
                return;
        }
    }
}

static struct odb_err *load(struct trace_reader *r, struct source_block *b, bool until_complete)
{
    b->len_bytes = 0;
    if (r->is_bad || r->end_seen)
        return NULL;
    ODB_TRY(trace_source_next(r->source, &r->pos, b));
    walk(r, b, until_complete);
    return NULL;
}

/* Loads blocks until the group that is open at the end of cur is complete, or nothing is left. */
static struct odb_err *look_ahead(struct trace_reader *r)
{
    ODB_TRY(load(r, &r->ahead, false));
    if (!r->ahead.len_bytes || r->ready > r->ahead.stream_offset)
        return NULL;
    struct source_pos back = r->pos;
    do {
        ODB_TRY(load(r, &r->scratch, true));
    } while (r->scratch.len_bytes && r->ready <= r->ahead.stream_offset);
    if (r->ready > r->ahead.stream_offset)
        r->pos = back;
    return NULL;
}

/* ---- the end ---- */

static void finish(struct trace_reader *r)
{
    r->is_at_end = true;
    uint64_t left = trace_source_left(r->source, &r->pos);
    const char *damage = trace_source_damage(r->source);
    if (r->end_seen && !r->is_bad && !*damage && !left)
        return;
    char why[400];
    if (r->is_bad)
        snprintf(why, sizeof why, "%s", r->bad);
    else if (*damage)
        snprintf(why, sizeof why, "%s", damage);
    else if (r->end_seen)
        snprintf(why, sizeof why, "%" PRIu64 " bytes behind the END event", left);
    else if (is_group_open(r))
        snprintf(why, sizeof why, "the last event is not complete");
    else
        snprintf(why, sizeof why, "no END event");
    char ring[64] = "";
    if (trace_source_ring_bytes(r->source))
        snprintf(ring, sizeof ring, ", %" PRIu64 " of them from `ring`", trace_source_ring_bytes(r->source));
    snprintf(r->damage, sizeof r->damage, "%s: %s; usable: %" PRIu64 " events in %" PRIu64 " bytes%s",
             r->is_bad || *damage ? "damaged" : "cut off", why, r->n_events, r->ready, ring);
}

const char *trace_reader_damage(const struct trace_reader *r)
{
    return r->is_at_end && r->damage[0] ? r->damage : NULL;
}

/* ---- giving out ---- */

struct odb_err *trace_reader_next_block(struct trace_reader *r, const uint8_t **ret_data, size_t *ret_len,
                                        uint64_t *ret_offset)
{
    *ret_len = 0;
    while (!r->is_at_end) {
        struct source_block *cur = &r->cur;
        uint64_t from = cur->stream_offset + r->cur_pos, end = cur->stream_offset + cur->len_bytes;
        uint64_t usable = r->ready < end ? r->ready : end;
        if (cur->len_bytes && from < usable) {
            *ret_data = cur->data + r->cur_pos;
            *ret_len = (size_t)(usable - from);
            *ret_offset = from;
            r->cur_pos += *ret_len;
            return NULL;
        }
        if (cur->len_bytes && from < end) { /* a group is open at its end */
            ODB_TRY(look_ahead(r));
            if (r->ready <= from)
                finish(r);
            continue;
        }
        if (r->ahead.len_bytes) {
            struct source_block done = *cur;
            *cur = r->ahead;
            r->ahead = done;
            r->ahead.len_bytes = 0;
        } else {
            ODB_TRY(load(r, cur, false));
        }
        r->cur_pos = 0;
        if (!cur->len_bytes)
            finish(r);
    }
    return NULL;
}

struct odb_err *trace_reader_next(struct trace_reader *r, const struct odb_event **ret, uint64_t *ret_offset)
{
    if (!r->run_left)
        ODB_TRY(trace_reader_next_block(r, &r->run, &r->run_left, &r->run_offset));
    *ret = NULL;
    if (!r->run_left)
        return NULL;
    const struct odb_event *ev = (const void *)r->run;
    *ret = ev;
    if (ret_offset)
        *ret_offset = r->run_offset;
    r->run += ev->size_bytes;
    r->run_left -= ev->size_bytes;
    r->run_offset += ev->size_bytes;
    return NULL;
}
