/* Separate debug files of this machine: by build-id, then by .gnu_debuglink with its CRC. Nothing is
 * downloaded. */
#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/crc32.h"
#include "symbols/internal.h"

#define DEBUG_ROOT "/usr/lib/debug"

static bool same_build_id(int fd, const uint8_t *id, size_t n)
{
    Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
    const void *other;
    ssize_t n_other = elf ? dwelf_elf_gnu_build_id(elf, &other) : -1;
    bool same = n_other == (ssize_t)n && memcmp(other, id, n) == 0;
    elf_end(elf);
    return same;
}

static int by_build_id(const uint8_t *id, size_t n)
{
    char path[256];
    if (n < 2 || n > 64)
        return -1;
    size_t at = (size_t)snprintf(path, sizeof(path), DEBUG_ROOT "/.build-id/%02x/", id[0]);
    for (size_t i = 1; i < n; i++)
        at += (size_t)snprintf(path + at, sizeof(path) - at, "%02x", id[i]);
    snprintf(path + at, sizeof(path) - at, ".debug");
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && same_build_id(fd, id, n) ? take_fd(fd) : -1;
}

static bool has_crc(int fd, uint32_t crc)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0)
        return false;
    void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return false;
    bool ok = odb_crc32(bytes, (size_t)st.st_size) == crc;
    munmap(bytes, (size_t)st.st_size);
    return ok;
}

static int by_link(const char *path, const char *name, uint32_t crc)
{
    const char *slash = strrchr(path, '/');
    if (!slash || strchr(name, '/'))
        return -1;
    int n = (int)(slash - path);
    static const struct {
        const char *root, *folder;
    } places[] = {{"", "/.debug"}, {"", ""}, {DEBUG_ROOT, ""}};
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        char full[4096];
        int len =
            snprintf(full, sizeof(full), "%s%.*s%s/%s", places[i].root, n, path, places[i].folder, name);
        if (len >= (int)sizeof(full) || strcmp(full, path) == 0)
            continue;
        _cleanup_close_ int fd = open(full, O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && has_crc(fd, crc))
            return take_fd(fd);
    }
    return -1;
}

int debug_file_open(Elf *elf, const char *path)
{
    const void *id;
    ssize_t n = dwelf_elf_gnu_build_id(elf, &id);
    int fd = n > 0 ? by_build_id(id, (size_t)n) : -1;
    if (fd >= 0)
        return fd;
    GElf_Word crc;
    const char *name = dwelf_elf_gnu_debuglink(elf, &crc);
    return name ? by_link(path, name, crc) : -1;
}
