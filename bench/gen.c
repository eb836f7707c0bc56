/* Inputs of the benchmarks, the same bytes on every machine.
 *     gen text BYTES        prose-like text that compresses about 3:1
 *     gen c FUNCTIONS       a C file of about 16 lines a function */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state = 0x9e3779b97f4a7c15;

static uint32_t next(uint32_t below)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((state >> 33) % below);
}

static void gen_text(size_t n_bytes)
{
    static char words[4096][12];
    for (size_t i = 0; i < 4096; i++) {
        uint32_t len = 2 + next(9);
        for (uint32_t j = 0; j < len; j++)
            words[i][j] = "etaoinshrdlucmfwypvbgkjqxz"[next(1 + next(26))];
    }
    for (size_t n = 0; n < n_bytes;) {
        /* Small indices are frequent, as words of a language are. */
        uint32_t index = next(1 + next(1 + next(4096)));
        int len = next(12) == 0 ? printf("%u%c", next(100000), next(10) ? ' ' : '\n')
                                : printf("%s%s", words[index],
                                         next(9)   ? " "
                                         : next(3) ? ", "
                                                   : ".\n");
        n += (size_t)len;
    }
}

static void gen_c(uint32_t n_functions)
{
    puts("#include <stdint.h>\n#include <stddef.h>\n"
         "struct node { struct node *left, *right; int64_t key; double weight; char name[16]; };\n"
         "static uint32_t table[256];");
    for (uint32_t i = 0; i < n_functions; i++) {
        printf("static int64_t f%u(struct node *n, int64_t a, int64_t b)\n{\n    int64_t r = %u;\n", i,
               next(1000));
        printf("    for (int64_t i = a; i < b; i++) {\n        r += (i * %u) ^ (r >> %u);\n", next(9999),
               1 + next(30));
        printf("        table[(r ^ i) & 255] += (uint32_t)r;\n        if (n && (r & %u) == 0)\n",
               1 + next(15));
        printf("            n->weight += (double)r / %u.5;\n    }\n", 1 + next(99));
        printf(
            "    switch ((a ^ b) & 7) {\n    case 0: r += table[%u]; break;\n    case %u: r ^= b; break;\n",
            next(256), 1 + next(3));
        printf("    case %u: r -= a * %u; break;\n    default: r = r * %u + 1; break;\n    }\n", 4 + next(4),
               next(99), 3 + next(7));
        if (i)
            printf("    if (n && n->left)\n        r += f%u(n->left, a + %u, b);\n", next(i), next(5));
        puts("    return r;\n}\n");
    }
    puts("int64_t entry(struct node *n, int64_t which, int64_t a, int64_t b)\n{\n    switch (which) {");
    for (uint32_t i = 0; i < n_functions; i++)
        printf("    case %u: return f%u(n, a, b);\n", i, i);
    puts("    }\n    return 0;\n}");
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "text") == 0)
        gen_text((size_t)strtoull(argv[2], NULL, 10));
    else if (argc == 3 && strcmp(argv[1], "c") == 0)
        gen_c((uint32_t)strtoul(argv[2], NULL, 10));
    else
        return 2;
    return ferror(stdout) || fflush(stdout) != 0;
}
