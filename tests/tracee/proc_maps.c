/* /proc/self/maps shows the program's own mappings and nothing of the engine; status shows its own signal masks. */
#include "tests/tracee/tracee.h"

int main(void)
{
    FILE *f = fopen("/proc/self/maps", "r");
    CHECK(f);
    char line[4400];
    static int global = 1;
    int local, stack = 0, data = 0, engine = 0, lines = 0;
    unsigned long last = 0;
    while (fgets(line, sizeof(line), f)) {
        unsigned long start, end;
        char perm[5];
        CHECK(sscanf(line, "%lx-%lx %4s", &start, &end, perm) == 3 && start >= last && end > start);
        last = end;
        lines++;
        if (start <= (uintptr_t)&local && (uintptr_t)&local < end)
            stack += strstr(line, "[stack]") != NULL && perm[1] == 'w';
        data += start <= (uintptr_t)&global && (uintptr_t)&global < end && perm[1] == 'w';
        engine += start >= 0x6f0000000000 && start < 0x6f0040000000 && !strstr(line, "[vdso]");
        engine += start >= 0x7fe00000 && start < 0x7fe80000;
    }
    fclose(f);
    CHECK(stack == 1 && data == 1 && engine == 0 && lines > 4);
    f = fopen("/proc/self/status", "r");
    CHECK(f);
    unsigned long caught = 1, tracer = 1;
    signal(SIGUSR1, SIG_IGN);
    while (fgets(line, sizeof(line), f)) {
        sscanf(line, "SigCgt: %lx", &caught);
        sscanf(line, "TracerPid: %lu", &tracer);
    }
    fclose(f);
    CHECK(tracer == 0);
    CHECK(caught == 0);
    return passed();
}
