/* fuzz_loop [--seconds N] [PATH...]: runs the decoder's fuzz target over files and folders, then mutates them
 * and built-in seeds at random for N seconds: fuzzing without libFuzzer, for any compiler. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "tests/fuzz/fuzz.h"

enum { MAX_INPUTS = 4096, MAX_INPUT_BYTES = 256 };

static struct {
    uint8_t bytes[MAX_INPUT_BYTES];
    size_t n;
} inputs[MAX_INPUTS];
static size_t n_inputs;
static uint64_t rng_state = 88172645463325252ull;

static uint64_t rng(void)
{
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    rng_state ^= rng_state << 17;
    return rng_state * 0x2545f4914f6cdd1dull;
}

static void add_input(const void *bytes, size_t n)
{
    if (n_inputs == MAX_INPUTS)
        return;
    inputs[n_inputs].n = n < MAX_INPUT_BYTES ? n : MAX_INPUT_BYTES;
    memcpy(inputs[n_inputs].bytes, bytes, inputs[n_inputs].n);
    n_inputs++;
}

static int replay_path(const char *path)
{
    struct stat st;
    if (stat(path, &st)) {
        perror(path);
        return 1;
    }
    if (S_ISDIR(st.st_mode)) {
        DIR *dir = opendir(path);
        int rc = dir ? 0 : 1;
        for (struct dirent *e; dir && (e = readdir(dir));) {
            char child[4096];
            if (e->d_name[0] == '.')
                continue;
            snprintf(child, sizeof(child), "%s/%s", path, e->d_name);
            rc |= replay_path(child);
        }
        if (dir)
            closedir(dir);
        return rc;
    }
    FILE *f = fopen(path, "rb");
    uint8_t buffer[4096];
    if (!f) {
        perror(path);
        return 1;
    }
    size_t n = fread(buffer, 1, sizeof(buffer), f);
    fclose(f);
    LLVMFuzzerTestOneInput(buffer, n);
    add_input(buffer, n);
    return 0;
}

/* Seeds: every map's escape, so that mutation starts in all of them. */
static void add_seeds(void)
{
    static const char *const seeds[] = {
        "\x48\x8b\x44\x24\x08",
        "\x0f\xb6\x04\x0f",
        "\x66\x0f\x38\x00\x05\x11\x22\x33\x44",
        "\x0f\x3a\x0f\xc1\x08",
        "\xc5\xf8\x10\x04\x24",
        "\xc4\xe2\x71\x92\x04\x11",
        "\xc4\xe3\x69\x5c\x01\x30",
        "\x62\xf1\x7c\x49\x10\x40\x01",
        "\x62\xf2\x7d\x49\x92\x04\x08",
        "\x8f\xe9\x78\x80\xc1",
        "\x8f\xea\x78\x10\xc1\x01\x02\x03\x04",
        "\x0f\x0f\x48\x04\x9e",
        "\xf0\x48\x0f\xc7\x4f\x10",
        "\xf3\xa4\xf2\xae",
        "\xe8\x11\x22\x33\x44\xc3",
        "\x48\xb8\x11\x22\x33\x44\x55\x66\x77\x88",
        "\x62\xf5\x7c\x48\x58\xc1",
        "\x62\xf6\x7d\x48\x98\xc1",
        "\xc8\x10\x20\x01",
        "\xd9\x30\xdd\x20\x9b\xdb\x2d\x11\x22\x33\x44",
    };
    for (size_t i = 0; i < sizeof(seeds) / sizeof(*seeds); i++)
        add_input(seeds[i], strlen(seeds[i]));
}

static size_t mutate(uint8_t *b)
{
    static const uint8_t notable[] = {0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x48, 0x4f, 0x0f, 0x38, 0x3a, 0xc4,
                                      0xc5, 0x62, 0x8f, 0x64, 0x2e, 0x00, 0xff, 0xc0, 0x04, 0x05, 0x25};
    size_t pick = n_inputs ? rng() % n_inputs : 0, n = inputs[pick].n;
    memcpy(b, inputs[pick].bytes, n);
    for (unsigned i = 1 + rng() % 6; i; i--) {
        size_t at = n ? rng() % n : 0;
        switch (rng() % 5) {
        case 0: b[at] ^= 1u << (rng() & 7); break;
        case 1: b[at] = (uint8_t)rng(); break;
        case 2: b[at] = notable[rng() % sizeof(notable)]; break;
        case 3:
            if (n + 1 < MAX_INPUT_BYTES && n) {
                memmove(b + at + 1, b + at, n - at);
                b[at] = notable[rng() % sizeof(notable)];
                n++;
            }
            break;
        default: n = rng() % 4 ? n : at + 1; break;
        }
    }
    return n < MAX_INPUT_BYTES ? n : MAX_INPUT_BYTES;
}

int main(int argc, char **argv)
{
    unsigned long seconds = 0, n_runs = 0;
    int rc = 0;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--seconds") && i + 1 < argc)
            seconds = strtoul(argv[++i], NULL, 0);
        else
            rc |= replay_path(argv[i]);
    }
    add_seeds();
    for (size_t i = 0; i < n_inputs; i++)
        LLVMFuzzerTestOneInput(inputs[i].bytes, inputs[i].n);
    time_t end = time(NULL) + (time_t)seconds;
    rng_state ^= seconds ? (uint64_t)time(NULL) << 20 : 0;
    while (seconds && time(NULL) < end) {
        for (unsigned i = 0; i < 1000; i++, n_runs++) {
            uint8_t b[MAX_INPUT_BYTES + 16];
            size_t n = mutate(b);
            LLVMFuzzerTestOneInput(b, n);
            if (rng() % 512 == 0) { /* let some offspring stay, so that mutations add up */
                if (n_inputs < MAX_INPUTS) {
                    add_input(b, n);
                } else {
                    size_t at = rng() % MAX_INPUTS;
                    memcpy(inputs[at].bytes, b, n);
                    inputs[at].n = n;
                }
            }
        }
    }
    printf("%zu inputs replayed, %lu mutated\n", n_inputs, n_runs);
    if (!rc)
        printf("EXIT-SUCCESS\n");
    return rc;
}
