/* What a C library would give: memory, text, and copies that survive bad program addresses.
 *
 * The copies run in entry.S's guarded section; signal.c turns a fault there into a short count. Large
 * moves use `rep movsb`, which is fast on every CPU that odb runs on and needs no vector register. */
#include <stdarg.h>

#include "preload/core.h"
#include "preload/raw.h"
#include "preload/replay.h"
#include "preload/sys.h"

struct engine_ctx ctx;

void *memcpy(void *to, const void *from, size_t n)
{
    void *d = to;
    __asm__ volatile("rep movsb" : "+D"(d), "+S"(from), "+c"(n) : : "memory");
    return to;
}

void *memmove(void *to, const void *from, size_t n)
{
    if ((uintptr_t)to - (uintptr_t)from >= n)
        return memcpy(to, from, n);
    uint8_t *d = (uint8_t *)to + n;
    const uint8_t *s = (const uint8_t *)from + n;
    while (n--) {
        *--d = *--s;
        __asm__ volatile("" ::: "memory");
    }
    return to;
}

void *memset(void *to, int c, size_t n)
{
    void *d = to;
    __asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(c) : "memory");
    return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const uint8_t *p = a, *q = b;
    for (size_t i = 0; i < n; i++)
        if (p[i] != q[i])
            return p[i] - q[i];
    return 0;
}

size_t strlen(const char *s)
{
    size_t n = 0;
    while (s[n]) {
        n++;
        __asm__ volatile("" ::: "memory");
    }
    return n;
}

int strcmp(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return (unsigned char)*a - (unsigned char)*b;
}

size_t engine_peek_some(gaddr addr, void *to, size_t n_bytes)
{
    return n_bytes - (size_t)guard_copy(to, (const void *)addr, n_bytes);
}

bool engine_peek(gaddr addr, void *to, size_t n_bytes)
{
    return guard_copy(to, (const void *)addr, n_bytes) == 0;
}

bool engine_poke(gaddr addr, const void *from, size_t n_bytes)
{
    return guard_copy((void *)addr, from, n_bytes) == 0;
}

bool engine_owns(gaddr addr, uint64_t n_bytes)
{
    if (addr + n_bytes < addr)
        return true;
    return (addr < ODB_ENGINE_END && addr + n_bytes > ODB_ENGINE_BASE) ||
           (addr < ODB_IBL_ADDR + ODB_IBL_BYTES && addr + n_bytes > ODB_IBL_ADDR);
}

static uint64_t heap_used;

void *engine_alloc(size_t n_bytes)
{
    uint64_t at = (heap_used + 63) & ~63ULL;
    engine_assert(n_bytes <= ODB_HEAP_BYTES && at <= ODB_HEAP_BYTES - n_bytes);
    heap_used = at + n_bytes;
    return (void *)(ODB_HEAP_ADDR + at);
}

bool engine_page_is_zero(gaddr page)
{
    const uint64_t *at = (const uint64_t *)page;
    for (int i = 0; i < ODB_PAGE_BYTES / 8; i++)
        if (at[i])
            return false;
    return true;
}

long engine_copy_file(int from, int to, uint64_t start, uint64_t end, uint64_t to_start)
{
    uint64_t shift = to_start - start;
    static uint8_t buffer[65536];
    while (start < end) {
        uint64_t want = end - start < sizeof(buffer) ? end - start : sizeof(buffer);
        long n = raw4(__NR_pread64, from, buffer, want, start);
        if (n <= 0)
            return n;
        long wrote = raw4(__NR_pwrite64, to, buffer, n, start + shift);
        if (wrote != n)
            return wrote < 0 ? wrote : -28; /* ENOSPC */
        start += (uint64_t)n;
    }
    return 0;
}

struct text_out {
    char *buf;
    size_t room, len;
};

static void put(struct text_out *o, char c)
{
    if (o->len + 1 < o->room)
        o->buf[o->len] = c;
    o->len++;
}

static void put_number(struct text_out *o, uint64_t v, unsigned base, bool negative)
{
    char digits[24];
    int n = 0;
    do {
        digits[n++] = "0123456789abcdef"[v % base];
        v /= base;
    } while (v);
    if (negative)
        put(o, '-');
    while (n)
        put(o, digits[--n]);
}

static void format_list(struct text_out *o, const char *fmt, va_list ap)
{
    for (; *fmt; fmt++) {
        if (*fmt != '%') {
            put(o, *fmt);
            continue;
        }
        bool is_long = *++fmt == 'l';
        if (is_long)
            fmt++;
        if (*fmt == 's') {
            for (const char *s = va_arg(ap, const char *); *s; s++)
                put(o, *s);
        } else if (*fmt == 'd') {
            long v = is_long ? va_arg(ap, long) : va_arg(ap, int);
            put_number(o, v < 0 ? -(uint64_t)v : (uint64_t)v, 10, v < 0);
        } else if (*fmt == 'u' || *fmt == 'x') {
            uint64_t v = is_long ? va_arg(ap, unsigned long) : va_arg(ap, unsigned);
            put_number(o, v, *fmt == 'x' ? 16 : 10, false);
        } else {
            put(o, *fmt);
        }
    }
}

int engine_format_list(char *buf, size_t n_bytes, const char *fmt, va_list ap)
{
    struct text_out o = {buf, n_bytes, 0};
    format_list(&o, fmt, ap);
    if (n_bytes)
        buf[o.len < n_bytes ? o.len : n_bytes - 1] = 0;
    return (int)o.len;
}

int engine_format(char *buf, size_t n_bytes, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = engine_format_list(buf, n_bytes, fmt, ap);
    va_end(ap);
    return n;
}

void engine_panic(const char *fmt, ...)
{
    char buf[512];
    va_list ap;
    va_start(ap, fmt);
    int n = engine_format_list(buf, sizeof buf - 1, fmt, ap);
    va_end(ap);
    if (n > (int)sizeof buf - 2)
        n = (int)sizeof buf - 2;
    buf[n] = 0;
    if (sys_is_replay())
        vessel_panic(buf);
    buf[n++] = '\n';
    raw3(__NR_write, 2, "odb: ", 5);
    raw3(__NR_write, 2, buf, n);
    /* SIGKILL cannot be caught or blocked: what is in the ring stays a valid recording. */
    raw2(__NR_kill, raw0(__NR_getpid), 9);
    for (;;)
        raw1(__NR_exit_group, 70);
}
