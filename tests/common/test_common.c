/* Units of common/: errors, cursor, hash, crc32, file helpers. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/crc32.h"
#include "common/fs.h"
#include "common/hash.h"
#include "tests/common/check.h"

static struct odb_err *fails(void)
{
    return odb_err_context(odb_err_errno(ENOENT, "%s %d", "file", 7), "while %s", "testing");
}

static struct odb_err *passes_on(void)
{
    ODB_TRY(NULL);
    ODB_TRY(fails());
    return NULL;
}

static void test_err(void)
{
    CHECK(odb_err_context(NULL, "nothing") == NULL);
    struct odb_err *e = passes_on();
    CHECK(strcmp(odb_err_text(e), "while testing: file 7: No such file or directory") == 0);
    odb_err_free(e);
    e = odb_err_errno(99999, "x");
    CHECK(strcmp(odb_err_text(e), "x: error 99999") == 0);
    odb_err_free(e);
    odb_err_free(NULL);
    CHECK(*odb_err_text(NULL));
}

static void test_buf(void)
{
    static const uint8_t bytes[] = {1, 2, 0, 3, 0, 0, 0, 'a', 'b', 0, 0xe5, 0x8e, 0x26, 'x'};
    struct buf b = buf_of(bytes, sizeof bytes, 1000, "source");
    uint8_t v8;
    uint16_t v16;
    uint32_t v32;
    uint64_t v64;
    const char *s;
    CHECK_OK(buf_u8(&b, &v8));
    CHECK_OK(buf_u16(&b, &v16));
    CHECK_OK(buf_u32(&b, &v32));
    CHECK_OK(buf_cstr(&b, &s));
    CHECK_OK(buf_uleb(&b, &v64));
    CHECK(v8 == 1 && v16 == 2 && v32 == 3 && strcmp(s, "ab") == 0 && v64 == 624485);
    CHECK_ERR(buf_u16(&b, &v16), "source: offset 1013: 2 bytes wanted, 1 left");
    CHECK_ERR(buf_cstr(&b, &s), "string without end");
    CHECK_ERR(buf_expect(&b, "y", 1, "a y"), "not a y");
    CHECK_ERR(buf_skip(&b, SIZE_MAX), "wanted");
    CHECK_OK(buf_expect(&b, "x", 1, "an x"));
    CHECK(buf_left(&b) == 0);
    CHECK_ERR(buf_uleb(&b, &v64), "cut off");
    CHECK_OK(buf_skip(&b, 0));

    static const uint8_t most[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
    b = buf_of(most, sizeof most, 0, "source");
    CHECK_OK(buf_uleb(&b, &v64));
    CHECK(v64 == UINT64_MAX);
    static const uint8_t too_much[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02};
    b = buf_of(too_much, sizeof too_much, 0, "source");
    CHECK_ERR(buf_uleb(&b, &v64), "64 bits");
}

/* The hash is part of the recording format: these values must never change within a format version. */
static void test_hash(void)
{
    uint8_t page[4096 + 64];
    for (size_t i = 0; i < sizeof page; i++)
        page[i] = (uint8_t)(i * 7 + i / 256);
    CHECK(odb_hash64("", 0, 0) == 0x29749b4fdddf58f1);
    CHECK(odb_hash64(page, 4096, 0) == 0x7a24dbddb8c86d9b);
    CHECK(odb_hash64(page, 77, 5) == 0x6c2895e292f1f472);
    for (size_t n = 0; n < 300; n++) { /* each length and each bit matters; alignment does not */
        uint64_t h = odb_hash64(page, n, 1);
        CHECK(h != odb_hash64(page, n + 1, 1));
        CHECK(h != odb_hash64(page, n, 2));
        uint8_t moved[310];
        memcpy(moved + n % 8, page, n);
        CHECK(odb_hash64(moved + n % 8, n, 1) == h);
        for (size_t bit = 0; bit < n * 8; bit++) {
            page[bit / 8] ^= (uint8_t)(1 << bit % 8);
            CHECK(odb_hash64(page, n, 1) != h);
            page[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
}

static void test_crc(void)
{
    CHECK(odb_crc32("", 0) == 0);
    CHECK(odb_crc32("123456789", 9) == 0xcbf43926);
    CHECK(odb_crc32("The quick brown fox jumps over the lazy dog", 43) == 0x414fa339);
}

static void check_same(const char *a, const char *b)
{
    _cleanup_free_ char *x = NULL, *y = NULL;
    size_t n, m;
    CHECK_OK(fs_read_file(a, 1 << 26, &x, &n));
    CHECK_OK(fs_read_file(b, 1 << 26, &y, &m));
    CHECK(n == m && memcmp(x, y, n) == 0);
}

static void test_copy(const char *dir)
{
    _cleanup_free_ char *from = NULL, *to = NULL;
    CHECK_OK(fs_join(dir, "from", &from));
    CHECK_OK(fs_join(dir, "to", &to));
    _cleanup_close_ int in = open(from, O_RDWR | O_CREAT, 0600);
    CHECK(in >= 0 && ftruncate(in, 20 << 20) == 0);
    CHECK(pwrite(in, "start", 5, 0) == 5 && pwrite(in, "middle", 6, 10 << 20) == 6);
    _cleanup_close_ int out = open(to, O_RDWR | O_CREAT, 0600);
    CHECK_OK(fs_clone(in, out));
    check_same(from, to);
    struct stat st;
    CHECK(fstat(out, &st) == 0 && st.st_size == 20 << 20 && st.st_blocks < 4096);
    CHECK(fs_tree_disk_bytes(dir) < 8 << 20);
    CHECK_OK(fs_copy_range(in, out, (20 << 20) - 10, 1000)); /* stops at the end */
    check_same(from, to);
    unlink(from);
    unlink(to);
}

static void test_fs(void)
{
    char dir[] = "/tmp/odb-test-XXXXXX";
    CHECK(mkdtemp(dir));
    _cleanup_free_ char *deep = NULL, *first = NULL, *second = NULL, *data = NULL;
    CHECK(asprintf(&deep, "%s/a//b/c/", dir) > 0);
    CHECK_OK(fs_mkdir_p(deep));
    CHECK_OK(fs_mkdir_p(deep));
    CHECK_OK(fs_unique_dir(deep, "name", &first));
    CHECK_OK(fs_unique_dir(deep, "name", &second));
    CHECK(strstr(first, "/name-0") && strstr(second, "/name-1"));
    CHECK_ERR(fs_unique_dir("/nowhere/at/all", "name", &data), "No such file");
    CHECK_ERR(fs_mkdir_p("/dev/null/x"), "cannot make directory");

    _cleanup_free_ char *file = NULL;
    size_t n;
    int fd;
    CHECK_OK(fs_join(first, "file", &file));
    CHECK_OK(fs_open_regular(file, &fd, NULL));
    CHECK(fd == -1);
    CHECK_OK(fs_write_file(file, "hello", 5));
    CHECK_OK(fs_read_file(file, 5, &data, &n));
    CHECK(n == 5 && strcmp(data, "hello") == 0);
    CHECK_ERR(fs_read_file(file, 4, &data, &n), "longer than 4 bytes");
    CHECK_ERR(fs_mkdir_p(file), "not a directory");
    unlink(file);
    CHECK(mkfifo(file, 0600) == 0);
    CHECK_ERR(fs_open_regular(file, &fd, NULL), "not a regular file");
    unlink(file);
    free(data);
    CHECK_OK(fs_read_file("/proc/self/maps", 1 << 20, &data, &n));
    CHECK(n > 100);
    test_copy(dir);
    rmdir(first);
    rmdir(second);
    for (char *slash; strlen(deep) > strlen(dir); *slash = 0) {
        rmdir(deep);
        slash = strrchr(deep, '/');
    }
    CHECK(rmdir(dir) == 0);
}

int main(void)
{
    RUN(test_err);
    RUN(test_buf);
    RUN(test_hash);
    RUN(test_crc);
    RUN(test_fs);
    return 0;
}
