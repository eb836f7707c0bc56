/* Packets: framing, escapes, arguments. See packet.h.
 *
 * The parser is a machine of five states that is fed byte by byte, so that a packet may come in pieces of any size. A '$'
 * inside a packet begins a new one: that is how a client recovers that was cut off. */
#include "gdb/packet.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- bytes being put together ---- */

void out_deinit(struct out *o)
{
    free(o->data);
    *o = (struct out){0};
}

void out_clear(struct out *o)
{
    o->n_bytes = 0;
    o->failed = false;
}

static bool out_room(struct out *o, size_t n_bytes)
{
    if (n_bytes <= o->capacity - o->n_bytes)
        return true;
    if (o->failed || n_bytes > SIZE_MAX / 4 - o->n_bytes)
        return false;
    size_t capacity = (o->n_bytes + n_bytes) * 2 + 256;
    uint8_t *data = realloc(o->data, capacity);
    if (!data) {
        o->failed = true;
        return false;
    }
    o->data = data;
    o->capacity = capacity;
    return true;
}

void out_bytes(struct out *o, const void *p, size_t n_bytes)
{
    if (n_bytes && out_room(o, n_bytes)) {
        memcpy(o->data + o->n_bytes, p, n_bytes);
        o->n_bytes += n_bytes;
    }
}

void out_text(struct out *o, const char *text) { out_bytes(o, text, strlen(text)); }

void out_printf(struct out *o, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n >= 0 && out_room(o, (size_t)n + 1)) {
        vsnprintf((char *)o->data + o->n_bytes, (size_t)n + 1, fmt, again);
        o->n_bytes += (size_t)n;
    }
    va_end(again);
}

static const char hex_digits[] = "0123456789abcdef";

void out_hex(struct out *o, const void *p, size_t n_bytes)
{
    const uint8_t *from = p;
    if (n_bytes > SIZE_MAX / 8 || !out_room(o, 2 * n_bytes))
        return;
    for (size_t i = 0; i < n_bytes; i++) {
        o->data[o->n_bytes++] = (uint8_t)hex_digits[from[i] >> 4];
        o->data[o->n_bytes++] = (uint8_t)hex_digits[from[i] & 15];
    }
}

void out_xml(struct out *o, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&': out_text(o, "&amp;"); break;
        case '<': out_text(o, "&lt;"); break;
        case '>': out_text(o, "&gt;"); break;
        case '"': out_text(o, "&quot;"); break;
        case '\'': out_text(o, "&apos;"); break;
        default: out_bytes(o, (unsigned char)*text < ' ' || *text == 127 ? "?" : text, 1);
        }
    }
}

/* ---- framing ---- */

static bool needs_escape(uint8_t c) { return c == '#' || c == '$' || c == '}' || c == '*'; }

/* Appends one byte `count` times as the protocol's run length: the byte, '*', count - 1 + 29. */
static void frame_run(struct out *o, uint8_t c, size_t count)
{
    while (count > 3) {
        size_t n = count - 1 > 97 ? 97 : count - 1; /* repeats after the first; 97 + 29 = '~' is the last */
        while (n + 29 == '#' || n + 29 == '$' || n + 29 == '+' || n + 29 == '-')
            n--;
        out_bytes(o, (uint8_t[]){c, '*', (uint8_t)(n + 29)}, 3);
        count -= n + 1;
    }
    while (count--)
        out_bytes(o, &c, 1);
}

void packet_frame(const struct out *payload, struct out *ret)
{
    out_bytes(ret, "$", 1);
    size_t start = ret->n_bytes;
    for (size_t i = 0; i < payload->n_bytes;) {
        uint8_t c = payload->data[i];
        if (needs_escape(c)) {
            out_bytes(ret, (uint8_t[]){'}', c ^ 0x20}, 2);
            i++;
            continue;
        }
        size_t run = 1;
        while (i + run < payload->n_bytes && payload->data[i + run] == c)
            run++;
        frame_run(ret, c, run);
        i += run;
    }
    uint8_t sum = 0;
    for (size_t i = start; i < ret->n_bytes; i++)
        sum += ret->data[i];
    out_bytes(ret, (uint8_t[]){'#', (uint8_t)hex_digits[sum >> 4], (uint8_t)hex_digits[sum & 15]}, 3);
}

/* ---- parsing ---- */

enum { OUTSIDE, INSIDE, ESCAPED, SUM_1, SUM_2 };

bool packet_parser_init(struct packet_parser *p)
{
    *p = (struct packet_parser){.data = malloc(PACKET_MAX_BYTES + 1)};
    return p->data != NULL;
}

void packet_parser_deinit(struct packet_parser *p)
{
    free(p->data);
    *p = (struct packet_parser){0};
}

static void begin(struct packet_parser *p)
{
    p->state = INSIDE;
    p->n_bytes = 0;
    p->sum = 0;
    p->too_long = false;
}

static void store(struct packet_parser *p, uint8_t c)
{
    if (p->n_bytes < PACKET_MAX_BYTES)
        p->data[p->n_bytes++] = c;
    else
        p->too_long = true;
}

static enum packet_item outside(struct packet_parser *p, uint8_t c)
{
    if (c == '$')
        begin(p);
    return c == 3 ? PACKET_INTERRUPT : c == '-' ? PACKET_NAK : PACKET_NONE;
}

static enum packet_item feed_byte(struct packet_parser *p, uint8_t c)
{
    int digit = packet_digit(c);
    switch (p->state) {
    case INSIDE:
    case ESCAPED:
        if (c == '#') {
            p->state = SUM_1;
            break;
        }
        if (c == '$') {
            begin(p);
            break;
        }
        p->sum += c;
        if (p->state == INSIDE && c == '}') {
            p->state = ESCAPED;
            break;
        }
        store(p, p->state == ESCAPED ? c ^ 0x20 : c);
        p->state = INSIDE;
        break;
    case SUM_1:
        p->claimed = (uint8_t)((digit < 0 ? 0 : digit) << 4);
        p->state = SUM_2;
        if (digit < 0)
            p->too_long = true; /* bad either way */
        break;
    case SUM_2:
        p->state = OUTSIDE;
        p->data[p->n_bytes] = 0;
        if (digit < 0 || p->too_long || p->sum != (uint8_t)(p->claimed | digit))
            return PACKET_BAD;
        return PACKET_DATA;
    default: return outside(p, c);
    }
    return PACKET_NONE;
}

size_t packet_feed(struct packet_parser *p, const uint8_t *bytes, size_t n_bytes, enum packet_item *ret)
{
    for (size_t i = 0; i < n_bytes; i++) {
        *ret = feed_byte(p, bytes[i]);
        if (*ret != PACKET_NONE)
            return i + 1;
    }
    *ret = PACKET_NONE;
    return n_bytes;
}

/* ---- arguments ---- */

int packet_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool packet_unhex(const uint8_t *from, size_t n_digits, uint8_t *ret)
{
    if (n_digits % 2)
        return false;
    for (size_t i = 0; i < n_digits; i += 2) {
        int high = packet_digit(from[i]), low = packet_digit(from[i + 1]);
        if (high < 0 || low < 0)
            return false;
        ret[i / 2] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool packet_number(const uint8_t **p, const uint8_t *end, uint64_t *ret)
{
    uint64_t n = 0;
    const uint8_t *at = *p;
    for (; at < end && packet_digit(*at) >= 0; at++) {
        if (n >> 60)
            return false;
        n = n << 4 | (uint64_t)packet_digit(*at);
    }
    if (at == *p)
        return false;
    *p = at;
    *ret = n;
    return true;
}

static bool id_part(const uint8_t **p, const uint8_t *end, int64_t *ret)
{
    uint64_t n;
    if (end - *p >= 2 && (*p)[0] == '-' && (*p)[1] == '1') {
        *p += 2;
        *ret = -1;
        return true;
    }
    if (!packet_number(p, end, &n) || n > INT32_MAX)
        return false;
    *ret = (int64_t)n;
    return true;
}

bool packet_thread(const uint8_t **p, const uint8_t *end, int64_t *ret_pid, int64_t *ret_tid)
{
    *ret_pid = 0;
    *ret_tid = -1;
    if (*p == end || **p != 'p')
        return id_part(p, end, ret_tid);
    (*p)++;
    if (!id_part(p, end, ret_pid))
        return false;
    if (*p == end || **p != '.')
        return true; /* pPID: all its threads */
    (*p)++;
    return id_part(p, end, ret_tid);
}

/* One argument of the kind `letter`, which ends before `stop` (0: at the end). Decodes h in place. */
static bool read_arg(char letter, char stop, const uint8_t **p, const uint8_t *end, struct packet_arg *ret)
{
    const uint8_t *until = end;
    switch (letter) {
    case 'x': return packet_number(p, end, &ret->n);
    case 't': return packet_thread(p, end, &ret->pid, &ret->tid);
    case 'c':
        if (*p == end)
            return false;
        ret->n = *(*p)++;
        return true;
    case 's':
    case 'h':
        if (stop && *p < end)
            until = memchr(*p, stop, (size_t)(end - *p));
        if (!until)
            until = end;
        break;
    default: break; /* r */
    }
    ret->data = *p;
    ret->n_bytes = (size_t)(until - *p);
    *p = until;
    if (letter != 'h')
        return true;
    union { /* the payload is the caller's own, and writable */
        const uint8_t *from;
        uint8_t *to;
    } here = {.from = ret->data};
    if (!packet_unhex(here.from, ret->n_bytes, here.to))
        return false;
    ret->n_bytes /= 2;
    return true;
}

int packet_read_args(const char *schema, uint8_t *data, size_t n_bytes,
                     struct packet_arg ret[PACKET_MAX_ARGS])
{
    const uint8_t *p = data, *end = data + n_bytes;
    int n = 0;
    if (!schema) {
        ret[0] = (struct packet_arg){.data = data, .n_bytes = n_bytes};
        return 1;
    }
    for (const char *s = schema; *s; s++) {
        if (*s == '|') {
            if (p == end)
                return n;
        } else if (strchr("xtcshr", *s)) {
            char stop = s[1] == '|' ? s[2] : s[1];
            ret[n] = (struct packet_arg){0};
            if (n == PACKET_MAX_ARGS - 1 || !read_arg(*s, stop, &p, end, &ret[n]))
                return -1;
            n++;
        } else if (p == end || *p++ != (uint8_t)*s) {
            return -1;
        }
    }
    return p == end ? n : -1;
}
