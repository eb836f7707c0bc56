/* umask: inherited, private to the process, and applied to files, folders and fifos. */
#include "tests/tracee/proc.h"

int main(void)
{
    const char *dir = enter_temp_dir();
    struct stat st;
    umask(027);
    pid_t pid = start();
    if (pid == 0) {
        CHECK(umask(077) == 027 && close(open("file", O_CREAT | O_WRONLY, 0666)) == 0);
        CHECK(stat("file", &st) == 0 && (st.st_mode & 0777) == 0600 && unlink("file") == 0);
        _exit(0);
    }
    expect_exit(pid, 0);
    CHECK(mkdir("sub", 0777) == 0 && stat("sub", &st) == 0 && (st.st_mode & 0777) == 0750 &&
          rmdir("sub") == 0);
    CHECK(mkfifo("fifo", 0666) == 0 && stat("fifo", &st) == 0 && (st.st_mode & 0777) == 0640 &&
          unlink("fifo") == 0);
    CHECK(umask(0) == 027);
    leave_temp_dir(dir);
    return passed();
}
