/* Flattens the embedded engine.elf: its PT_LOADs, at their addresses relative to ODB_IMAGE_ADDR. */
#include "recorder/image.h"

#include <elf.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/cleanup.h"

extern const uint8_t odb_engine_elf_start[], odb_engine_elf_end[];
extern const uint8_t odb_preload_so_start[], odb_preload_so_end[];

static struct odb_err *memfd_with_size(const char *name, unsigned flags, size_t n_bytes, int *ret)
{
    _cleanup_close_ int fd = memfd_create(name, flags);
    if (fd < 0)
        return odb_err_errno(errno, "cannot create memory for %s", name);
    if (ftruncate(fd, (off_t)n_bytes) < 0)
        return odb_err_errno(errno, "cannot size memory for %s", name);
    *ret = take_fd(fd);
    return NULL;
}

static struct odb_err *write_at(int fd, const uint8_t *data, size_t n_bytes, uint64_t offset)
{
    while (n_bytes) {
        ssize_t n = pwrite(fd, data, n_bytes, (off_t)offset);
        if (n <= 0)
            return odb_err_errno(errno, "cannot copy the engine's image");
        data += n;
        offset += (uint64_t)n;
        n_bytes -= (size_t)n;
    }
    return NULL;
}

struct odb_err *image_create(int *ret_fd, struct odb_image_header *ret_header)
{
    Elf64_Ehdr ehdr;
    struct odb_image_header header;
    memcpy(&ehdr, odb_engine_elf_start, sizeof(ehdr));
    _cleanup_close_ int fd = -1;
    for (unsigned i = 0; i < ehdr.e_phnum; i++) {
        Elf64_Phdr phdr;
        memcpy(&phdr, odb_engine_elf_start + ehdr.e_phoff + i * sizeof(phdr), sizeof(phdr));
        if (phdr.p_type != PT_LOAD)
            continue;
        const uint8_t *data = odb_engine_elf_start + phdr.p_offset;
        if (fd < 0) { /* the first segment begins with the header */
            memcpy(&header, data, sizeof(header));
            odb_assert(phdr.p_vaddr == ODB_IMAGE_ADDR && header.magic == ODB_IMAGE_MAGIC);
            odb_assert(header.image_bytes <= ODB_IMAGE_BYTES);
            ODB_TRY(memfd_with_size("odb-engine", MFD_CLOEXEC, header.image_bytes, &fd));
        }
        ODB_TRY(write_at(fd, data, phdr.p_filesz, phdr.p_vaddr - ODB_IMAGE_ADDR));
    }
    odb_assert(fd >= 0);
    *ret_header = header;
    *ret_fd = take_fd(fd);
    return NULL;
}

struct odb_err *image_preload_so(int *ret_fd)
{
    size_t n_bytes = (size_t)(odb_preload_so_end - odb_preload_so_start);
    if (!n_bytes)
        return odb_err("this odb was built without its LD_PRELOAD loader");
    _cleanup_close_ int fd = -1;
    ODB_TRY(memfd_with_size("odb-preload", 0, n_bytes, &fd));
    ODB_TRY(write_at(fd, odb_preload_so_start, n_bytes, 0));
    *ret_fd = take_fd(fd);
    return NULL;
}
