/* Flattens the embedded engine.elf: its PT_LOADs, at their addresses relative to ODB_IMAGE_ADDR. */
#include "recorder/image.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
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

/* The n-th PT_LOAD; false: there are no more. */
static bool load_segment(unsigned *inout_i, Elf64_Phdr *ret)
{
    Elf64_Ehdr ehdr;
    memcpy(&ehdr, odb_engine_elf_start, sizeof(ehdr));
    for (; *inout_i < ehdr.e_phnum; ++*inout_i) {
        memcpy(ret, odb_engine_elf_start + ehdr.e_phoff + *inout_i * sizeof(*ret), sizeof(*ret));
        if (ret->p_type == PT_LOAD) {
            ++*inout_i;
            return true;
        }
    }
    return false;
}

void image_header(struct odb_image_header *ret)
{
    Elf64_Phdr phdr;
    unsigned i = 0;
    odb_assert(load_segment(&i, &phdr)); /* the first segment begins with the header */
    memcpy(ret, odb_engine_elf_start + phdr.p_offset, sizeof(*ret));
    odb_assert(phdr.p_vaddr == ODB_IMAGE_ADDR && ret->magic == ODB_IMAGE_MAGIC);
    odb_assert(ret->image_bytes <= ODB_IMAGE_BYTES);
}

unsigned image_pieces(struct image_piece to[IMAGE_MAX_PIECES])
{
    Elf64_Phdr phdr;
    unsigned n = 0;
    for (unsigned i = 0; load_segment(&i, &phdr);) {
        odb_assert(n < IMAGE_MAX_PIECES);
        to[n++] = (struct image_piece){
            .bytes = odb_engine_elf_start + phdr.p_offset, .n_bytes = phdr.p_filesz, .addr = phdr.p_vaddr};
    }
    return n;
}

void image_share_init(struct image_share *s)
{
    struct image_piece pieces[IMAGE_MAX_PIECES];
    *s = (struct image_share){.shmid = -1};
    if (image_pieces(pieces) < 2 || pieces[0].addr != ODB_IMAGE_ADDR || pieces[1].addr % ODB_PAGE_BYTES)
        return;
    size_t n_bytes = (pieces[0].n_bytes + ODB_PAGE_BYTES - 1) / ODB_PAGE_BYTES * ODB_PAGE_BYTES;
    if (pieces[1].addr < ODB_IMAGE_ADDR + n_bytes)
        return;
    int id = shmget(IPC_PRIVATE, n_bytes, 0755); /* a program may change its user */
    if (id < 0)
        return;
    void *at = shmat(id, NULL, 0);
    shmctl(id, IPC_RMID, NULL); /* gone with the last who has it mapped */
    if (at == (void *)-1)
        return;
    memcpy(at, pieces[0].bytes, pieces[0].n_bytes);
    *s = (struct image_share){.shmid = id, .here = at};
}

void image_share_deinit(struct image_share *s)
{
    if (s->here)
        shmdt(s->here);
    *s = (struct image_share){.shmid = -1};
}

struct odb_err *image_create(int *ret_fd)
{
    struct odb_image_header header;
    struct image_piece pieces[IMAGE_MAX_PIECES];
    image_header(&header);
    _cleanup_close_ int fd = -1;
    ODB_TRY(memfd_with_size("odb-engine", 0, header.image_bytes, &fd));
    unsigned n = image_pieces(pieces);
    for (unsigned i = 0; i < n; i++)
        ODB_TRY(write_at(fd, pieces[i].bytes, pieces[i].n_bytes, pieces[i].addr - ODB_IMAGE_ADDR));
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
