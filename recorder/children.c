/* See children.h. /proc/self/task/TID/children needs CONFIG_PROC_CHILDREN, which every distribution has; without it the
 * lists are empty. */
#include "recorder/children.h"

#include <stdio.h>
#include <unistd.h>

#include "common/cleanup.h"

#define MAX_FOREIGN 256

static pid_t foreign[MAX_FOREIGN];
static size_t n_foreign;

static bool is_foreign(pid_t pid)
{
    for (size_t i = 0; i < n_foreign; i++)
        if (foreign[i] == pid)
            return true;
    return false;
}

size_t children_list(pid_t *to, size_t max)
{
    char path[64];
    size_t n = 0;
    int pid;
    snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)gettid());
    _cleanup_fclose_ FILE *f = fopen(path, "re");
    while (f && n < max && fscanf(f, "%d", &pid) == 1)
        if (!is_foreign(pid))
            to[n++] = pid;
    return n;
}

bool children_note_foreign(void)
{
    n_foreign = 0;
    n_foreign = children_list(foreign, MAX_FOREIGN);
    return n_foreign != 0;
}
