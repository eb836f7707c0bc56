/* Libraries loaded and unloaded in turn: the same addresses hold other code each time. */
#include <dlfcn.h>

#include "tests/tracee/tracee.h"

int main(void)
{
    static const char *const names[] = {"libz.so.1", "libm.so.6", "liblzma.so.5"};
    static const char *const symbols[] = {"zlibVersion", "cos", "lzma_version_string"};
    int opened = 0;
    for (int i = 0; i < 30; i++) {
        void *lib = dlopen(names[i % 3], RTLD_NOW | RTLD_LOCAL);
        if (!lib)
            continue;
        void *symbol = dlsym(lib, symbols[i % 3]);
        CHECK(symbol != NULL);
        if (i % 3 == 1) {
            double (*cosine)(double);
            memcpy(&cosine, &symbol, sizeof(symbol));
            CHECK(cosine(0.0) == 1.0);
        } else {
            const char *(*version)(void);
            memcpy(&version, &symbol, sizeof(symbol));
            CHECK(version()[0] > '0');
        }
        CHECK(dlclose(lib) == 0);
        opened++;
    }
    if (!opened)
        skip("none of the libraries is installed");
    return passed();
}
