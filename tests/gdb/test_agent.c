/* Agent expressions: every operation, and code that is wrong. */
#include <string.h>

#include "gdb/agent.h"
#include "tests/common/check.h"

static bool read_memory(void *ctx, gaddr addr, void *to, size_t n)
{
    static const uint8_t bytes[16] = {0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 1, 2, 3, 4, 5, 6, 7, 8};
    (void)ctx;
    if (addr < 0x1000 || addr + n > 0x1010)
        return false;
    memcpy(to, bytes + (addr - 0x1000), n);
    return true;
}

static bool read_reg(void *ctx, unsigned number, uint64_t *ret)
{
    (void)ctx;
    *ret = 0x100 + number;
    return number < 300;
}

static const struct agent_env env = {.read = read_memory, .reg = read_reg};

/* Code in hexadecimal. */
static const char *run(const char *hex, uint64_t *ret)
{
    uint8_t code[256];
    size_t n = 0;
    for (; hex[0] && hex[1]; hex += hex[2] == ' ' ? 3 : 2, n++) {
        unsigned byte;
        CHECK(sscanf(hex, "%2x", &byte) == 1);
        code[n] = (uint8_t)byte;
    }
    return agent_eval(code, n, &env, ret);
}

static void gives(const char *hex, uint64_t want)
{
    uint64_t got = 0;
    const char *wrong = run(hex, &got);
    if (wrong || got != want) {
        fprintf(stderr, "%s: %s, 0x%llx, not 0x%llx\n", hex, wrong ? wrong : "fine", (unsigned long long)got,
                (unsigned long long)want);
        exit(1);
    }
}

static void fails(const char *hex, const char *why)
{
    uint64_t got = 0;
    const char *wrong = run(hex, &got);
    if (!wrong || !strstr(wrong, why)) {
        fprintf(stderr, "%s: %s, not %s\n", hex, wrong ? wrong : "fine", why);
        exit(1);
    }
}

static void test_arithmetic(void)
{
    gives("22 05 22 03 02 27", 8);
    gives("22 05 22 03 03 27", 2);
    gives("22 05 22 03 04 27", 15);
    gives("22 07 22 02 05 27", 3);
    gives("22 f9 16 08 22 02 05 27", (uint64_t)-3); /* -7 / 2 */
    gives("22 07 22 02 06 27", 3);
    gives("22 f9 16 08 22 02 07 27", (uint64_t)-1);
    gives("22 07 22 04 08 27", 3);
    gives("22 01 22 3f 09 27", 1ull << 63);
    gives("22 01 22 40 09 27", 0);
    gives("22 80 16 08 22 03 0a 27", (uint64_t)-16);
    gives("22 80 22 03 0b 27", 16);
    gives("25 80 00 00 00 00 00 00 00 22 ff 16 08 05 27", 1ull << 63); /* the most negative by -1 */
    gives("25 80 00 00 00 00 00 00 00 22 ff 16 08 07 27", 0);
    fails("22 01 22 00 05 27", "zero");
    fails("22 01 22 00 08 27", "zero");
}

static void test_logic(void)
{
    gives("22 00 0e 27", 1);
    gives("22 09 0e 27", 0);
    gives("22 0c 22 0a 0f 27", 8);
    gives("22 0c 22 0a 10 27", 14);
    gives("22 0c 22 0a 11 27", 6);
    gives("22 00 12 27", UINT64_MAX);
    gives("22 05 22 05 13 27", 1);
    gives("22 ff 16 08 22 01 14 27", 1);
    gives("22 ff 16 08 22 01 15 27", 0);
    gives("23 01 ff 16 08 27", UINT64_MAX);
    gives("23 01 ff 2a 08 27", 0xff);
    gives("22 ff 16 40 27", 0xff);
    gives("22 ff 2a 00 27", 0xff);
}

static void test_memory(void)
{
    gives("23 10 00 17 27", 0x80);
    gives("23 10 00 18 27", 0x8180);
    gives("23 10 00 19 27", 0x83828180);
    gives("23 10 08 1a 27", 0x0807060504030201);
    fails("22 10 17 27", "memory");
    fails("23 10 0f 18 27", "memory");
    gives("26 00 05 27", 0x105);
    fails("26 02 00 27", "register");
}

static void test_stack(void)
{
    gives("24 12 34 56 78 27", 0x12345678);
    gives("25 01 02 03 04 05 06 07 08 27", 0x0102030405060708);
    gives("22 05 28 02 27", 10);
    gives("22 05 22 06 29 27", 5);
    gives("22 05 22 06 2b 03 27", 1);    /* 6 - 5 */
    gives("22 01 22 02 22 03 33 27", 2); /* c a b */
    gives("22 01 22 02 22 03 33 29 29 27", 3);
    gives("22 01 22 02 22 03 32 02 27", 1);
    fails("22 01 32 01 27", "stack");
    fails("32 00 27", "stack");
    gives("22 01 22 02 22 03 0c 27", 1); /* trace drops two */
    gives("22 01 22 02 22 03 2f 27", 1);
    gives("22 01 0d 08 27", 1);
    gives("22 01 30 00 08 27", 1);
    fails("02 27", "stack");
    fails("27", "value");
}

static void test_jumps(void)
{
    gives("22 01 20 00 08 22 07 27 22 09 27", 9);
    gives("22 00 20 00 08 22 07 27 22 09 27", 7);
    gives("21 00 05 ff ff 22 04 27", 4);
    fails("21 00 00", "long");
    fails("21 ff ff", "end");
    fails("22", "cut off");
    fails("22 01", "end");
    fails("", "end");
    fails("22 01 01 27", "unknown");
    fails("22 01 1b 27", "unknown");
    fails("2c 00 00 27", "unknown");
    fails("ff", "unknown");
    fails("22 01 28 21 00 02", "stack"); /* grows until it is full */
}

int main(void)
{
    RUN(test_arithmetic);
    RUN(test_logic);
    RUN(test_memory);
    RUN(test_stack);
    RUN(test_jumps);
    return 0;
}
