/* Loads the library beside it, calls it, throws it away; twice. With an argument: into a namespace of its own. */
#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>

int sum, apart;

__attribute__((noinline)) void use(const char *path, int n)
{
    void *library = apart ? dlmopen(LM_ID_NEWLM, path, RTLD_NOW) : dlopen(path, RTLD_NOW); /* OPEN */
    if (!library) {
        puts(dlerror());
        return;
    }
    int (*work)(int) = (int (*)(int))dlsym(library, "plugin_work");
    sum += work(n);   /* WORK */
    dlclose(library); /* CLOSE */
}

int main(int argc, char **argv)
{
    char path[PATH_MAX], me[PATH_MAX];
    apart = argc > 1;
    snprintf(me, sizeof(me), "%s", argv[0]);
    snprintf(path, sizeof(path), "%.4000s/libgdb_plugin.so", dirname(me));
    use(path, 5);            /* FIRST-USE */
    use(path, 7);            /* SECOND-USE */
    printf("sum %d\n", sum); /* PRINT */
    return 0;
}
