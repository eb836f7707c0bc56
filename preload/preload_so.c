/* The LD_PRELOAD loader: where ptrace is forbidden, recording starts at this object's constructor.
 *
 * It runs as ordinary, not yet translated code of the program: ld.so has loaded and relocated everything, and
 * runs constructors, this one first (-z initfirst; not even libc's `environ` is set). It gives back what the C library has asked the kernel to write behind the program's
 * back (rseq), removes its traces from the environment, maps the engine's image and calls it. The engine
 * returns from that call translated. Freestanding but for a few weak symbols of the C library. */
#include <asm/unistd_64.h>
#include <linux/mman.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "preload/control.h"
#include "preload/preload_env.h"

#define RSEQ_SIGNATURE 0x53053053
#define RSEQ_UNREGISTER 1
#define RSEQ_FAILED (-2) /* RSEQ_CPU_ID_REGISTRATION_FAILED: glibc's own word for "do not use" */

extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned __rseq_size __attribute__((weak));

static long call(long nr, long a, long b, long c, long d, long e, long f)
{
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

static _Noreturn void fail(const char *text)
{
    size_t n = 0;
    while (text[n])
        n++;
    call(__NR_write, 2, (long)text, (long)n, 0, 0, 0);
    for (;;)
        call(__NR_exit_group, 127, 0, 0, 0, 0, 0);
}

/* "NAME=" at the beginning of text? Then what follows. */
static char *value_of(char *text, const char *name)
{
    while (*name && *text == *name)
        text++, name++;
    return *name || *text != '=' ? NULL : text + 1;
}

static int parse_number(const char **at)
{
    int v = 0;
    while (**at >= '0' && **at <= '9')
        v = v * 10 + *(*at)++ - '0';
    if (**at == ',')
        (*at)++;
    return v;
}

/* Removes all up to the first colon; false if nothing is left. */
static bool cut_first(char *value)
{
    char *rest = value;
    while (*rest && *rest != ':')
        rest++;
    if (!*rest)
        return false;
    while ((*value++ = *++rest))
        ;
    return true;
}

/* LD_PRELOAD and GLIBC_TUNABLES become what the user had; our own variable vanishes. Returns its value. */
static const char *clean_environment(char **environment)
{
    const char *fds = NULL;
    for (char **at = environment; *at; at++)
        if (value_of(*at, PRELOAD_ENV))
            fds = value_of(*at, PRELOAD_ENV);
    if (!fds)
        return NULL;
    char **to = environment;
    for (char **from = environment; *from; from++) {
        char *preload = value_of(*from, "LD_PRELOAD");
        char *tunables = value_of(*from, "GLIBC_TUNABLES");
        if (value_of(*from, PRELOAD_ENV) || (preload && !cut_first(preload)) ||
            (tunables && value_of(tunables, PRELOAD_TUNABLE) && !cut_first(tunables)))
            continue;
        *to++ = *from;
    }
    /* the auxiliary vector stays where it is, behind the old end */
    while (*to)
        *to++ = NULL;
    return fds;
}

/* glibc has registered an area that the kernel writes at every preemption. */
static void unregister_rseq(void)
{
    if (!&__rseq_offset || !&__rseq_size || __rseq_size == 0)
        return;
    uint64_t tp;
    __asm__("mov %%fs:0, %0" : "=r"(tp));
    uint32_t *area = (uint32_t *)(tp + (uint64_t)__rseq_offset);
    uint32_t n_bytes = __rseq_size < 32 ? 32 : __rseq_size;
    if (call(__NR_rseq, (long)area, n_bytes, RSEQ_UNREGISTER, RSEQ_SIGNATURE, 0, 0) == 0)
        area[1] = (uint32_t)RSEQ_FAILED;
}

/* glibc passes these to constructors; other C libraries do not, and are not supported here. */
__attribute__((constructor)) static void start(int argc, char **argv, char **envp)
{
    (void)argc;
    (void)argv;
    const char *fds = clean_environment(envp);
    if (!fds)
        return; /* a child of a recorded program, or a stray LD_PRELOAD */
    int loader_fd = parse_number(&fds);
    int image_fd = parse_number(&fds);
    int ring_fd = parse_number(&fds);
    const struct odb_image_header *image = (const struct odb_image_header *)ODB_IMAGE_ADDR;
    unregister_rseq();
    call(__NR_close, loader_fd, 0, 0, 0, 0, 0);
    long at = call(__NR_mmap, ODB_IMAGE_ADDR, ODB_PAGE_BYTES, PROT_READ, MAP_PRIVATE | MAP_FIXED_NOREPLACE,
                   image_fd, 0);
    if (at != (long)ODB_IMAGE_ADDR)
        fail("odb: cannot map the engine\n");
    uint64_t n_bytes = image->image_bytes;
    at = call(__NR_mmap, ODB_IMAGE_ADDR, (long)n_bytes, PROT_READ | PROT_WRITE | PROT_EXEC,
              MAP_PRIVATE | MAP_FIXED, image_fd, 0);
    if (at != (long)ODB_IMAGE_ADDR || image->magic != ODB_IMAGE_MAGIC)
        fail("odb: cannot map the engine\n");
    call(__NR_close, image_fd, 0, 0, 0, 0, 0);
    ((long (*)(int))image->entry_preload)(ring_fd);
}
