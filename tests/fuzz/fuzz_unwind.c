/* Backtraces through a file that a stranger made: its headers, .eh_frame, .debug_frame, symbols and debug information are any bytes.
 * The last 16 bytes are an address in the file and one word of the stack. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "symbols/symbols.h"
#include "tests/fuzz/fuzz.h"

#define BASE 0x400000u
#define STACK 0x7ffff000u
#define STACK_BYTES 4096u

struct input {
    const uint8_t *data;
    size_t n;
    uint64_t word;
};

static struct odb_err *open_file(void *ctx, uint32_t file_id, const char *path, int *ret_fd)
{
    const struct input *in = ctx;
    (void)file_id;
    (void)path;
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd >= 0 && write(fd, in->data, in->n) != (ssize_t)in->n) {
        close(fd);
        fd = -1;
    }
    *ret_fd = fd;
    return NULL;
}

/* The file where it is mapped; on the stack, addresses in it and on the stack in turn. */
static struct odb_err *read_memory(void *ctx, gaddr addr, void *to, size_t n, size_t *ret_n)
{
    const struct input *in = ctx;
    uint8_t *p = to;
    size_t i;
    for (i = 0; i < n; i++, addr++) {
        uint64_t word = addr / 8 % 2 ? STACK + addr % STACK_BYTES : in->word + addr / 16;
        if (addr >= BASE && addr - BASE < in->n)
            p[i] = in->data[addr - BASE];
        else if (addr >= STACK && addr - STACK < STACK_BYTES)
            p[i] = (uint8_t)(word >> 8 * (addr % 8));
        else
            break;
    }
    *ret_n = i;
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    if (n_bytes < 16 + 64 || n_bytes > 1 << 16)
        return 0;
    struct input in = {.data = data, .n = n_bytes - 16};
    uint64_t rip;
    memcpy(&rip, data + in.n, 8);
    memcpy(&in.word, data + in.n + 8, 8);
    const struct sym_map maps[] = {
        {.start = BASE,
         .end = BASE + ((in.n + 4095) & ~(size_t)4095),
         .file_id = 1,
         .executable = true,
         .name = "/fuzz"},
        {.start = STACK, .end = STACK + STACK_BYTES, .name = "[stack]"},
    };
    const struct sym_files files = {.ctx = &in, .open = open_file};
    struct sym_view view = {
        .ctx = &in, .read = read_memory, .rip = BASE + rip % in.n, .maps = maps, .n_maps = 2};
    for (int i = 0; i < 16; i++)
        view.gpr[i] = STACK + 128u * (unsigned)i;
    in.word = BASE + in.word % in.n;
    struct symbols *s;
    struct sym_frame *frames = NULL;
    size_t n = 0;
    const char *end;
    struct odb_err *e = symbols_create(&files, &s);
    if (e)
        abort();
    e = symbols_set_view(s, &view);
    if (!e)
        e = symbols_backtrace(s, 64, &frames, &n, &end);
    if (!e && (n == 0 || n > 64 || !end))
        abort();
    odb_err_free(e);
    free(frames);
    symbols_destroy(s);
    return 0;
}
