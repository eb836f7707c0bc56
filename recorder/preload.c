/* What has to be known and set for a start by LD_PRELOAD. */
#include "recorder/preload.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "preload/preload_env.h"

#define SCRIPT_DEPTH 5 /* the kernel's limit is 4 interpreters of interpreters */

static int open_in_path(const char *program)
{
    if (strchr(program, '/'))
        return open(program, O_RDONLY | O_CLOEXEC);
    const char *at = getenv("PATH");
    if (!at)
        at = "/bin:/usr/bin";
    while (*at) {
        char path[4352];
        size_t n = strcspn(at, ":");
        if (n < 4096) {
            snprintf(path, sizeof(path), "%.*s/%s", n ? (int)n : 1, n ? at : ".", program);
            if (access(path, X_OK) == 0)
                return open(path, O_RDONLY | O_CLOEXEC);
        }
        at += n;
        at += *at == ':';
    }
    return -1;
}

static bool elf_is_dynamic(int fd, const Elf64_Ehdr *ehdr)
{
    for (unsigned i = 0; i < ehdr->e_phnum; i++) {
        Elf64_Phdr phdr;
        if (pread(fd, &phdr, sizeof(phdr), (off_t)(ehdr->e_phoff + (uint64_t)i * ehdr->e_phentsize)) !=
            sizeof(phdr))
            return false;
        if (phdr.p_type == PT_INTERP)
            return true;
    }
    return false;
}

bool preload_possible(const char *program)
{
    char name[256];
    snprintf(name, sizeof(name), "%s", program);
    for (int depth = 0; depth < SCRIPT_DEPTH; depth++) {
        union {
            Elf64_Ehdr ehdr;
            char text[256];
        } head = {0};
        _cleanup_close_ int fd = open_in_path(depth ? name : program);
        if (fd < 0)
            return true; /* exec will say what is wrong */
        if (pread(fd, &head, sizeof(head) - 1, 0) <= 0)
            return true;
        if (memcmp(head.text, "#!", 2) != 0)
            return memcmp(head.text, ELFMAG, SELFMAG) != 0 || elf_is_dynamic(fd, &head.ehdr);
        char *at = head.text + 2;
        at += strspn(at, " \t");
        at[strcspn(at, " \t\r\n")] = 0;
        snprintf(name, sizeof(name), "%s", at);
    }
    return true;
}

/* NAME=value, and behind a colon what the user has there. */
static void put_first(const char *name, const char *value)
{
    const char *old = getenv(name);
    size_t n = strlen(value) + (old ? strlen(old) : 0) + 2;
    _cleanup_free_ char *text = malloc(n);
    if (!text)
        return;
    snprintf(text, n, "%s%s%s", value, old ? ":" : "", old ? old : "");
    setenv(name, text, 1);
}

void preload_environment(int loader_fd, int image_fd, int ring_fd, bool hide_avx512)
{
    char text[64];
    snprintf(text, sizeof(text), "%d,%d,%d", loader_fd, image_fd, ring_fd);
    setenv(PRELOAD_ENV, text, 1);
    snprintf(text, sizeof(text), "/proc/self/fd/%d", loader_fd);
    put_first("LD_PRELOAD", text);
    if (hide_avx512)
        put_first("GLIBC_TUNABLES", PRELOAD_TUNABLE "=" PRELOAD_TUNABLE_VALUE);
}
