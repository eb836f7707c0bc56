/* Three processes append lines to one file with O_APPEND: no line is lost or torn. */
#include "tests/tracee/proc.h"

int main(void)
{
    enum { LINES = 100 };
    const char *dir = enter_temp_dir();
    write_file("log", "", 0600);
    pid_t pids[3];
    for (int i = 0; i < 3; i++) {
        pids[i] = start();
        if (pids[i] == 0) {
            int fd = open("log", O_WRONLY | O_APPEND);
            for (int n = 0; n < LINES; n++)
                CHECK(dprintf(fd, "%d %03d\n", i, n) == 6);
            _exit(0);
        }
    }
    for (int i = 0; i < 3; i++)
        expect_exit(pids[i], 0);
    FILE *f = fopen("log", "r");
    int next[3] = {0}, who, number;
    while (fscanf(f, "%d %d\n", &who, &number) == 2) {
        CHECK(who >= 0 && who < 3 && number == next[who]);
        next[who]++;
    }
    CHECK(feof(f) && next[0] == LINES && next[1] == LINES && next[2] == LINES);
    CHECK(unlink("log") == 0);
    leave_temp_dir(dir);
    return passed();
}
