/* Differential test of the instruction decoder.
 *
 *     decode_diff [--count N] [--seed N] [--verbose N]     random byte strings, against Zydis and capstone
 *     decode_diff --elf FILE...                            every instruction of the files' code
 *
 * Three kinds of strings in turn: uniformly random; random prefixes before a random opcode; and a walk over
 * every opcode of every map with every modrm, all else random. Against Zydis everything is compared, against
 * capstone length and validity. Differences must be zero, or explained: oracle.c lists what Zydis gets wrong
 * about effects, this file (`disputes`) whose word on validity and length is not taken, with reasons.
 */
#include <capstone/capstone.h>

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/decode/cpu_oracle.h"
#include "tests/decode/disputes.h"
#include "tests/decode/oracle.h"

enum { STRING_BYTES = 40 };

static csh capstone;
static unsigned long n_strings, n_valid, n_differences;
static unsigned long max_shown = 20;

static uint64_t rng_state;

static uint64_t rng(void)
{
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    rng_state ^= rng_state << 17;
    return rng_state * 0x2545f4914f6cdd1dull;
}

static void fill(uint8_t *b, unsigned n)
{
    for (unsigned i = 0; i < n; i += 8) {
        uint64_t v = rng();
        memcpy(b + i, &v, n - i < 8 ? n - i : 8);
    }
}

static unsigned put_prefixes(uint8_t *b, unsigned max)
{
    static const uint8_t prefixes[] = {0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x64, 0x65, 0x2e, 0x3e, 0x26, 0x36};
    unsigned n = 0, r = (unsigned)rng();
    if (max <= 2 && r & 1) { /* only what chooses between instructions */
        static const uint8_t mandatory[] = {0x90, 0x66, 0xf2, 0xf3};
        if (r & 6)
            b[n++] = mandatory[r >> 1 & 3];
        if (r & 8)
            b[n++] = 0x40 | (r >> 4 & 15);
        return n;
    }
    for (unsigned i = (unsigned)(rng() % (max + 1)); i; i--)
        b[n++] = rng() % 5 == 0 ? 0x40 | (rng() & 15) : prefixes[rng() % sizeof(prefixes)];
    if (rng() & 1)
        b[n++] = 0x40 | (rng() & 15);
    return n;
}

/* Every opcode of every map with every modrm; `step` walks. */
static void put_structured(uint8_t *b, uint64_t step)
{
    unsigned modrm = step & 0xff, opcode = step >> 8 & 0xff, map = (step >> 16) % 15, n = 0;
    uint8_t r = (uint8_t)rng();
    if (rng() % 16 ==
        0) { /* opcodes whose every modrm and prefix is another instruction get more than their share */
        static const uint8_t dense[] = {0x01, 0xae, 0xc7, 0xa6, 0xa7, 0x1e, 0x2b, 0x78};
        map = 1;
        opcode = dense[r % sizeof(dense)];
        modrm = rng() & 0xff;
    }
    if (map < 4) {
        n = put_prefixes(b, 2);
        if (map)
            b[n++] = 0x0f;
        if (map > 1)
            b[n++] = map == 2 ? 0x38 : 0x3a;
    } else if (map < 10) { /* VEX 1-3, XOP 8-10 */
        unsigned no_vvvv = rng() & 1 ? 0x78 : 0;
        b[n++] = map < 7 ? 0xc4 : 0x8f;
        b[n++] = (rng() & 0xe0) | (map < 7 ? map - 3 : map + 1);
        b[n++] = r | no_vvvv;
        if (map >= 7 && rng() % 4)
            b[n - 1] &= ~3;
    } else {
        static const uint8_t maps[] = {1, 2, 3, 5, 6};
        b[n++] = 0x62;
        b[n++] = (rng() & 0xf0) | maps[map - 10];
        b[n++] = r | 4 | (rng() & 1 ? 0x78 : 0);
        b[n++] = (uint8_t)rng() & (rng() & 1 ? 0xff : 0x78);
        b[n - 1] |= rng() & 1 ? 8 : 0;
    }
    b[n++] = opcode;
    b[n++] = modrm;
}

static void make_string(uint64_t i, uint8_t *b)
{
    fill(b, STRING_BYTES);
    if (i % 4 == 1)
        put_prefixes(b, 6);
    else if (i % 4 != 0)
        put_structured(b, (i / 4 * 2 + i % 2) * 0x9e3779b1u % (15u << 16));
}

static void show(const char *what, const uint8_t *b, int len, int other)
{
    printf("%s: decoder %d, other %d:", what, len, other);
    for (unsigned i = 0; i < INSN_MAX_BYTES; i++)
        printf(" %02x", b[i]);
    printf("\n");
}

static bool report(void) { return n_differences++ < max_shown; }

static void check_zydis(const uint8_t *b, int len, const struct insn *in)
{
    struct answer a;
    int zydis_len = oracle_ask(b, INSN_MAX_BYTES, &a) ? a.in.length : -1;
    if (dispute_zydis(b, in, len, zydis_len < 0 ? NULL : &a))
        return;
    if (len != zydis_len) {
        if (report())
            show("length against Zydis", b, len, zydis_len);
        return;
    }
    if (len < 0)
        return;
    n_valid++;
    struct insn expected;
    oracle_expect(b, &a, &expected);
    oracle_explain(&a, in, &expected);
    if (oracle_compare(&a, in, &expected, false) && report()) {
        show(ZydisMnemonicGetString(a.in.mnemonic), b, len, zydis_len);
        oracle_compare(&a, in, &expected, true);
    }
}

static void check_capstone(const uint8_t *b, int len, const struct insn *in)
{
    static cs_insn *c;
    if (!c)
        c = cs_malloc(capstone);
    const uint8_t *at = b;
    size_t n = INSN_MAX_BYTES;
    uint64_t address = 0;
    int capstone_len = cs_disasm_iter(capstone, &at, &n, &address, c) ? c->size : -1;
    if (len == capstone_len)
        return;
    struct answer a;
    bool is_zydis = oracle_ask(b, INSN_MAX_BYTES, &a);
    if (dispute_capstone(b, in, len, capstone_len, is_zydis ? &a : NULL))
        return;
    if (report()) {
        show("length against capstone", b, len, capstone_len);
        printf("    capstone: %s %s, Zydis: %s, %s\n", capstone_len < 0 ? "-" : c->mnemonic,
               capstone_len < 0 ? "" : c->op_str, is_zydis ? ZydisMnemonicGetString(a.in.mnemonic) : "-",
               is_zydis ? ZydisISASetGetString(a.in.meta.isa_set) : "-");
    }
}

/* Cut off anywhere, an instruction wants more bytes; whole, it decodes as with more bytes behind it. */
static void check_cut(const uint8_t *b, int len, const struct insn *in)
{
    struct insn cut;
    for (int n = 0; n < len; n++)
        if (insn_decode(b, (size_t)n, &cut) != 0 && report())
            show("cut off, but not 0", b, len, n);
    if ((insn_decode(b, (size_t)len, &cut) != len || !oracle_same(&cut, in)) && report())
        show("differs with no bytes behind", b, len, len);
}

static int check(const uint8_t *b)
{
    struct insn in;
    memset(&in, 0, sizeof(in));
    int len = insn_decode(b, STRING_BYTES, &in);
    n_strings++;
    check_zydis(b, len, &in);
    check_capstone(b, len, &in);
    if (len > 0 && n_strings % 16 == 0)
        check_cut(b, len, &in);
    return len;
}

static void check_code(const uint8_t *code, size_t n)
{
    uint8_t b[STRING_BYTES];
    for (size_t at = 0; at < n;) {
        memset(b, 0, sizeof(b));
        memcpy(b, code + at, n - at < sizeof(b) ? n - at : sizeof(b));
        int len = check(b);
        at += len > 0 ? (size_t)len : 1;
    }
}

/* Linear sweep over the executable sections of one file. */
static int check_elf(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st)) {
        printf("%s: cannot open\n", path);
        return -1;
    }
    size_t size = (size_t)st.st_size;
    const uint8_t *file = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (file == MAP_FAILED || size < sizeof(Elf64_Ehdr) || memcmp(file, ELFMAG, SELFMAG) != 0) {
        printf("%s: not an ELF file\n", path);
        return -1;
    }
    unsigned long before = n_strings, before_bad = n_differences;
    Elf64_Ehdr eh;
    memcpy(&eh, file, sizeof(eh));
    for (unsigned i = 0; i < eh.e_shnum && eh.e_shoff + (i + 1ul) * sizeof(Elf64_Shdr) <= size; i++) {
        Elf64_Shdr sh;
        memcpy(&sh, file + eh.e_shoff + i * sizeof(sh), sizeof(sh));
        if (sh.sh_type == SHT_PROGBITS && (sh.sh_flags & SHF_EXECINSTR) && sh.sh_offset <= size &&
            sh.sh_size <= size - sh.sh_offset)
            check_code(file + sh.sh_offset, sh.sh_size);
    }
    printf("%10lu instructions  %3lu differences  %s\n", n_strings - before, n_differences - before_bad,
           path);
    munmap((void *)(uintptr_t)file, size);
    return 0;
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int finish(double start)
{
    printf("%lu byte strings, %lu instructions, %lu differences, %.1f s\n", n_strings, n_valid, n_differences,
           now_s() - start);
    printf("explained:\n");
    oracle_print_explained();
    dispute_print();
    if (n_differences)
        return 1;
    printf("EXIT-SUCCESS\n");
    return 0;
}

int main(int argc, char **argv)
{
    unsigned long count = 300000;
    double start = now_s();
    rng_state = 88172645463325252ull;
    oracle_setup();
    if (cs_open(CS_ARCH_X86, CS_MODE_64, &capstone) != CS_ERR_OK)
        return 77;
    if (!cpu_setup()) {
        printf("the address for code to try on the CPU is taken\n");
        return 77;
    }
    for (int i = 1; i < argc; ++i) {
        if (!strcmp(argv[i], "--elf")) {
            int rc = 0;
            while (++i < argc)
                rc |= check_elf(argv[i]);
            return finish(start) || rc;
        }
        if (i + 1 == argc) {
            fprintf(stderr, "usage: decode_diff [--count N] [--seed N] [--verbose N] | --elf FILE...\n");
            return 2;
        }
        const char *option = argv[i++];
        unsigned long value = strtoul(argv[i], NULL, 0);
        if (!strcmp(option, "--count"))
            count = value;
        else if (!strcmp(option, "--seed"))
            rng_state ^= value * 0x9e3779b97f4a7c15ull;
        else if (!strcmp(option, "--verbose"))
            max_shown = value;
    }
    uint8_t b[STRING_BYTES];
    for (unsigned long i = 0; i < count; i++) {
        make_string(i, b);
        check(b);
    }
    return finish(start);
}
