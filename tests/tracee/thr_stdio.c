/* stdio under its own locks: whole lines from four threads, none torn, flockfile. */
#include "tests/tracee/tasks.h"

static FILE *out;

static void *body(void *arg)
{
    int me = (int)(intptr_t)arg;
    for (int i = 0; i < 100; i++) {
        if (i % 2) {
            fprintf(out, "%d says %d, and that is a line\n", me, i);
        } else {
            flockfile(out);
            fprintf(out, "%d says ", me);
            fprintf(out, "%d, and that is a line\n", i);
            funlockfile(out);
        }
    }
    return NULL;
}

int main(void)
{
    out = tmpfile();
    CHECK(out);
    pthread_t threads[4];
    for (intptr_t i = 0; i < 4; i++)
        threads[i] = start(body, (void *)i);
    for (int i = 0; i < 4; i++)
        join(threads[i]);
    rewind(out);
    char line[100];
    int next[4] = {0}, lines = 0;
    while (fgets(line, sizeof(line), out)) {
        int me, n, end = 0;
        CHECK(sscanf(line, "%d says %d, and that is a line%n", &me, &n, &end) == 2 && end > 0);
        CHECK(me >= 0 && me < 4 && n == next[me]++);
        lines++;
    }
    printf("%d\n", lines);
    return passed();
}
