/* driver CORPUS: runs a fuzz target over every file of its corpus, then over cheap mutations of each (cut,
 * bytes flipped), so that the targets are tests where there is no libFuzzer. Deterministic. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "tests/fuzz/fuzz.h"

enum { MAX_BYTES = 1 << 20, MUTATIONS = 50 };

static uint64_t state = 1;

static size_t next(size_t below)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return below ? (size_t)(state >> 33) % below : 0;
}

static void run_file(const char *path)
{
    static uint8_t data[MAX_BYTES], mutated[MAX_BYTES];
    _cleanup_fclose_ FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        exit(1);
    }
    size_t n = fread(data, 1, sizeof(data), f);
    LLVMFuzzerTestOneInput(data, n);
    for (int i = 0; i < MUTATIONS; i++) {
        memcpy(mutated, data, n);
        size_t cut = i % 3 == 0 ? next(n + 1) : n;
        for (int flip = 0; cut && flip <= i % 4; flip++)
            mutated[next(cut)] ^= (uint8_t)(1 + next(255));
        LLVMFuzzerTestOneInput(mutated, cut);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    _cleanup_closedir_ DIR *d = opendir(argv[1]);
    if (!d) {
        perror(argv[1]);
        return 1;
    }
    int n_files = 0;
    for (struct dirent *ent; (ent = readdir(d));) {
        char path[4096];
        if (ent->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", argv[1], ent->d_name);
        run_file(path);
        n_files++;
    }
    printf("%d files\n", n_files);
    return n_files ? 0 : 1;
}
