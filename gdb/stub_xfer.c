/* qXfer: objects that are read in pieces. Each is made whole when its beginning is asked for, and kept for the pieces that
 * follow. To add one: a function that makes it, and its row here and in the table of packets at the end.
 *
 * There is no qXfer:memory-map on purpose: gdb asks for it once and from then on refuses what it does not list, while mappings
 * here come and go with time. */
#include "gdb/stub_parts.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "gdb/stub_libraries.h"

/* annex: what stands between the object's name and the offset; NUL-terminated. *ret_known false: there is none of it. */
typedef struct odb_err *(*make_fn)(struct stub *s, const char *annex, struct out *ret, bool *ret_known);

static struct odb_err *make_features(struct stub *s, const char *annex, struct out *ret, bool *ret_known)
{
    *ret_known = strcmp(annex, "target.xml") == 0;
    if (*ret_known)
        register_set_xml(&s->registers, ret);
    return NULL;
}

static struct odb_err *make_auxv(struct stub *s, const char *annex, struct out *ret, bool *ret_known)
{
    (void)annex;
    uint32_t pid, tid;
    _cleanup_free_ uint8_t *auxv = NULL;
    size_t n;
    ODB_TRY(stub_general_thread(s, &pid, &tid));
    ODB_TRY(target_auxv(s->g, pid, &auxv, &n));
    out_bytes(ret, auxv, n);
    *ret_known = true;
    return NULL;
}

/* annex: the process, in hexadecimal; empty: the current one */
static struct odb_err *make_exec_file(struct stub *s, const char *annex, struct out *ret, bool *ret_known)
{
    uint32_t pid, tid;
    const uint8_t *p = (const uint8_t *)annex;
    uint64_t asked;
    _cleanup_free_ char *path = NULL;
    if (!*annex)
        ODB_TRY(stub_general_thread(s, &pid, &tid));
    else if (packet_number(&p, p + strlen(annex), &asked) && asked <= UINT32_MAX)
        pid = (uint32_t)asked;
    else
        return odb_err("there is no process '%s'", annex);
    ODB_TRY(target_exec_file(s->g, pid, &path));
    out_text(ret, path);
    *ret_known = true;
    return NULL;
}

static struct odb_err *make_threads(struct stub *s, const char *annex, struct out *ret, bool *ret_known)
{
    (void)annex;
    _cleanup_free_ struct target_thread *threads = NULL;
    size_t n;
    ODB_TRY(stub_list_threads(s, &threads, &n));
    out_text(ret, "<?xml version=\"1.0\"?>\n<threads>\n");
    for (size_t i = 0; i < n; i++) {
        char name[sizeof(threads[i].name) + 1];
        memcpy(name, threads[i].name, sizeof(threads[i].name));
        name[sizeof(threads[i].name)] = 0;
        out_text(ret, "<thread id=\"");
        out_thread(s, ret, threads[i].pid, threads[i].tid);
        if (*name) {
            out_text(ret, "\" name=\"");
            out_xml(ret, name);
        }
        out_text(ret, "\"/>\n");
    }
    out_text(ret, "</threads>\n");
    *ret_known = true;
    return NULL;
}

static struct odb_err *make_siginfo(struct stub *s, const char *annex, struct out *ret, bool *ret_known)
{
    (void)annex;
    uint32_t pid, tid;
    uint8_t info[128];
    size_t n = 0;
    ODB_TRY(stub_general_thread(s, &pid, &tid));
    ODB_TRY(target_siginfo(s->g, tid, info, &n));
    out_bytes(ret, info, n < sizeof(info) ? n : sizeof(info));
    *ret_known = n > 0;
    return NULL;
}

/* What an object's piece has been asked for: ANNEX:OFFSET,LENGTH */
static void transfer(struct stub *s, const char *object, make_fn make, const struct packet_arg *a,
                     struct out *reply)
{
    char name[sizeof(s->xfer_name)], annex[64];
    if (a[0].n_bytes >= sizeof(annex)) {
        out_text(reply, "E00");
        return;
    }
    memcpy(annex, a[0].data, a[0].n_bytes);
    annex[a[0].n_bytes] = 0;
    snprintf(name, sizeof(name), "%.15s:%.40s", object, annex);
    if (a[1].n == 0 || strcmp(name, s->xfer_name) != 0) {
        bool known = false;
        out_clear(&s->xfer);
        s->xfer_name[0] = 0;
        struct odb_err *e = make(s, annex, &s->xfer, &known);
        if (e || s->xfer.failed) {
            reply_failure(s, reply, e ? e : odb_err("out of memory"));
            return;
        }
        if (!known) {
            out_text(reply, "E00");
            return;
        }
        memcpy(s->xfer_name, name, sizeof(name));
    }
    size_t start = a[1].n < s->xfer.n_bytes ? (size_t)a[1].n : s->xfer.n_bytes;
    size_t left = s->xfer.n_bytes - start;
    size_t most = PACKET_MAX_BYTES / 2 - 8; /* escapes may double it */
    size_t n = a[2].n < most ? (size_t)a[2].n : most;
    out_text(reply, n < left ? "m" : "l");
    out_bytes(reply, s->xfer.data + start, n < left ? n : left);
}

#define make_libraries stub_make_libraries
#define TRANSFER(object_)                                                                            \
    static void read_##object_(struct stub *s, const struct packet_arg *a, int n, struct out *reply) \
    {                                                                                                \
        (void)n;                                                                                     \
        transfer(s, #object_, make_##object_, a, reply);                                             \
    }
TRANSFER(features)
TRANSFER(auxv)
TRANSFER(exec_file)
TRANSFER(threads)
TRANSFER(siginfo)
TRANSFER(libraries)

static const struct stub_row rows[] = {
    {"qXfer:features:read:", "s:x,x", read_features, "qXfer:features:read+"},
    {"qXfer:auxv:read:", "s:x,x", read_auxv, "qXfer:auxv:read+"},
    {"qXfer:exec-file:read:", "s:x,x", read_exec_file, "qXfer:exec-file:read+"},
    {"qXfer:threads:read:", "s:x,x", read_threads, "qXfer:threads:read+"},
    {"qXfer:siginfo:read:", "s:x,x", read_siginfo, "qXfer:siginfo:read+"},
    {"qXfer:libraries-svr4:read:", "s:x,x", read_libraries, "qXfer:libraries-svr4:read+"},
};
const struct stub_table stub_xfer_table = STUB_TABLE(rows);
