/* Files: open, write, read, seek, append, truncate, rename, link, unlink, directories, links, permissions, dup, fcntl. */
#include <dirent.h>
#include <sys/stat.h>

#include "tests/tracee/tracee.h"

int main(void)
{
    char dir[] = "/tmp/odb-tracee-XXXXXX", buf[64], cwd[4096];
    CHECK(mkdtemp(dir) && chdir(dir) == 0 && getcwd(cwd, sizeof(cwd)) && !strcmp(cwd, dir));
    int fd = open("a", O_RDWR | O_CREAT | O_TRUNC, 0640), other;
    CHECK(fd >= 0 && write(fd, "hello world", 11) == 11 && lseek(fd, 6, SEEK_SET) == 6 &&
          read(fd, buf, 64) == 5);
    CHECK(!memcmp(buf, "world", 5) && pwrite(fd, "W", 1, 6) == 1 && pread(fd, buf, 3, 5) == 3 &&
          !memcmp(buf, " Wo", 3));
    CHECK(ftruncate(fd, 4) == 0 && lseek(fd, 0, SEEK_END) == 4 && (other = dup(fd)) > fd &&
          dup2(fd, 99) == 99);
    CHECK(write(99, "!", 1) == 1 && lseek(other, 0, SEEK_CUR) == 5 &&
          fcntl(99, F_GETFL) == (O_RDWR | 0100000));
    CHECK(fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC &&
          fcntl(fd, F_DUPFD_CLOEXEC, 200) == 200);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    CHECK(fcntl(fd, F_SETLK, &lock) == 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type == F_UNLCK);
    struct stat st, st2;
    CHECK(fstat(fd, &st) == 0 && st.st_size == 5 && (st.st_mode & 0777) == 0640 && st.st_nlink == 1);
    CHECK(link("a", "b") == 0 && stat("b", &st2) == 0 && st2.st_ino == st.st_ino && st2.st_nlink == 2);
    CHECK(symlink("b", "c") == 0 && lstat("c", &st) == 0 && S_ISLNK(st.st_mode) &&
          readlink("c", buf, 64) == 1 && buf[0] == 'b');
    CHECK(rename("a", "d") == 0 && access("a", F_OK) == -1 && errno == ENOENT && chmod("d", 0400) == 0 &&
          utimensat(AT_FDCWD, "d", NULL, 0) == 0);
    CHECK(mkdir("sub", 0755) == 0 && mkdir("sub", 0755) == -1 && errno == EEXIST &&
          close(open("sub/x", O_CREAT | O_WRONLY, 0600)) == 0);
    DIR *d = opendir(".");
    int names = 0, sum = 0;
    for (struct dirent *e; (e = readdir(d));)
        names++, sum += e->d_name[0];
    closedir(d);
    CHECK(names == 6 && sum == '.' * 2 + 'b' + 'c' + 'd' + 's');
    CHECK(rmdir("sub") == -1 && errno == ENOTEMPTY && unlink("sub/x") == 0 && rmdir("sub") == 0);
    CHECK(open("none/x", O_RDONLY) == -1 && errno == ENOENT && read(-1, buf, 1) == -1 && errno == EBADF);
    struct statx sx;
    CHECK(statx(AT_FDCWD, "d", 0, STATX_ALL, &sx) == 0 && sx.stx_size == 5);
    CHECK(unlink("b") == 0 && unlink("c") == 0 && unlink("d") == 0 && chdir("/") == 0 && rmdir(dir) == 0);
    CHECK(close(fd) == 0 && close(fd) == -1 && errno == EBADF);
    return passed();
}
