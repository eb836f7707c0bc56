/* Big directories: getdents64 in small buffers, openat relative to a descriptor, statfs, getdents of /proc/self/fd. */
#include <dirent.h>
#include <sys/statfs.h>

#include "tests/tracee/tracee.h"

int main(void)
{
    char dir[] = "/tmp/odb-tracee-XXXXXX", name[32], buf[512];
    CHECK(mkdtemp(dir));
    int d = open(dir, O_RDONLY | O_DIRECTORY), found = 0;
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "file-%03d", i);
        CHECK(close(openat(d, name, O_CREAT | O_WRONLY, 0600)) == 0);
    }
    long n;
    unsigned long sum = 0;
    while ((n = syscall(SYS_getdents64, d, buf, sizeof(buf))) > 0)
        for (long at = 0; at < n;) {
            const struct dirent64 *e = (const void *)(buf + at);
            if (e->d_name[0] == 'f')
                found++, sum += strtoul(e->d_name + 5, NULL, 10);
            at += e->d_reclen;
        }
    CHECK(n == 0 && found == 300 && sum == 299 * 150);
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "file-%03d", i);
        CHECK(unlinkat(d, name, 0) == 0);
    }
    struct statfs fs;
    CHECK(statfs("/", &fs) == 0 && fs.f_bsize > 0 && fstatfs(d, &fs) == 0);
    CHECK(close(d) == 0 && rmdir(dir) == 0);
    int low = open("/dev/null", O_RDONLY), fds = 0;
    DIR *self = opendir("/proc/self/fd"); /* the recorder's own descriptors are at high numbers */
    CHECK(low == 3 && self);
    for (struct dirent *e; (e = readdir(self));)
        fds += e->d_name[0] != '.' && atoi(e->d_name) < 100;
    closedir(self);
    CHECK(fds >= 5);
    return passed();
}
