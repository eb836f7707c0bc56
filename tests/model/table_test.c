/* The table of calls: complete and right against the kernel's header, consistent in itself, and safe with any
 * arguments that a program may pass.
 *
 * usage: table_test */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "model/describe.h"
#include "model/model.h"

static int failures;

#define CHECK(cond, ...)                   \
    do {                                   \
        if (!(cond)) {                     \
            printf("line %d: ", __LINE__); \
            printf(__VA_ARGS__);           \
            puts("");                      \
            failures++;                    \
        }                                  \
    } while (0)

/* ---- against the header ---- */

static FILE *open_header(void)
{
    static const char *const paths[] = {"/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
                                        "/usr/include/asm/unistd_64.h"};
    FILE *f = NULL;
    for (size_t i = 0; i < 2 && !f; i++)
        f = fopen(paths[i], "r");
    return f;
}

static void check_header(void)
{
    char line[256], name[128];
    unsigned nr, n_calls = 0;
    FILE *f = open_header();
    CHECK(f, "no asm/unistd_64.h");
    while (f && fgets(line, sizeof(line), f)) {
        if (sscanf(line, "#define __NR_%127s %u", name, &nr) != 2)
            continue;
        const struct model_syscall *m = model_lookup(nr);
        n_calls++;
        CHECK(m && !strcmp(m->name, name), "row %u: header says %s, table says %s", nr, name,
              m ? m->name : "nothing");
    }
    CHECK(n_calls >= 360, "only %u calls in the header", n_calls);
    if (f)
        fclose(f);
}

/* ---- in itself ---- */

static bool is_memory(uint8_t type)
{
    return type == MT_PTR || type == MT_PATH || type == MT_STRV ||
           (type >= MT_BUF_IN && type <= MT_STRUCT_INOUT) || type == MT_LONG /* fcntl */ ||
           type == MT_HEX /* prctl, keyctl */;
}

static void check_row(const struct model_syscall *m)
{
    bool supported = m->cls != MODEL_ENOSYS && m->cls != MODEL_REFUSE;
    bool writes = false;
    CHECK(supported || m->note, "%s: refused without a reason", m->name);
    CHECK(!supported || !m->note || *m->note, "%s: empty note", m->name);
    CHECK(m->cls != MODEL_IRREGULAR || m->note || m->nr == SYS_rt_sigreturn, "%s: irregular without a note",
          m->name);
    for (unsigned i = 0; i < m->n_args; i++) {
        CHECK(m->args[i].name && m->args[i].type != MT_NONE, "%s: argument %u has no name or type", m->name,
              i);
        writes = writes || m->args[i].type == MT_STRUCT_OUT || m->args[i].type == MT_BUF_OUT;
    }
    CHECK(!supported || !writes || m->n_outs, "%s: an output argument without a rule", m->name);
    CHECK(supported || !m->n_outs, "%s: outputs of a call that never runs", m->name);
    for (unsigned i = 0; i < m->n_outs + m->n_ins; i++) {
        const struct model_out *rule = i < m->n_outs ? &m->outs[i] : &m->ins[i - m->n_outs];
        CHECK(rule->arg < m->n_args && rule->len_arg < m->n_args, "%s: rule %u names a missing argument",
              m->name, i);
        CHECK(is_memory(m->args[rule->arg].type), "%s: rule %u points to %s", m->name, i,
              m->args[rule->arg].name);
        CHECK(rule->rule == MO_CUSTOM || rule->n, "%s: rule %u of no bytes", m->name, i);
        CHECK(i >= m->n_outs || m->args[rule->arg].type != MT_STRUCT_IN || rule->rule == MO_IOVEC ||
                  rule->rule == MO_CUSTOM,
              "%s: writes its input %s", m->name, m->args[rule->arg].name);
    }
}

static void check_rows(void)
{
    unsigned n = 0;
    for (uint64_t nr = 0; nr < 2 * MODEL_N_SYSCALLS; nr++) {
        const struct model_syscall *m = model_lookup(nr);
        if (!m)
            continue;
        CHECK(m->nr == nr, "%s: found under %u", m->name, (unsigned)nr);
        check_row(m);
        n++;
    }
    CHECK(n >= 380, "only %u rows", n);
    CHECK(!model_lookup(UINT64_MAX) && !model_lookup(0x40000000) && !model_lookup(337),
          "numbers outside the table are found");
}

/* ---- with hostile arguments ---- */

static char *page; /* readable, the page behind it is not */

static bool peek(gaddr addr, void *to, size_t n_bytes)
{
    struct iovec local = {to, n_bytes}, remote = {(void *)(uintptr_t)addr, n_bytes};
    return syscall(SYS_process_vm_readv, getpid(), &local, 1, &remote, 1, 0) == (long)n_bytes;
}

static size_t describe_peek(void *ctx, gaddr addr, void *to, size_t n_bytes)
{
    (void)ctx;
    size_t n = addr >= (uint64_t)(uintptr_t)page && addr < (uint64_t)(uintptr_t)page + 4096
                   ? (uint64_t)(uintptr_t)page + 4096 - addr
                   : 0;
    n = n < n_bytes ? n : n_bytes;
    memcpy(to, (const char *)(uintptr_t)addr, n);
    return n;
}

static uint64_t hostile_value(void)
{
    static const uint64_t values[] = {
        0,
        1,
        7,
        127,
        4096,
        65535,
        INT32_MAX,
        UINT32_MAX,
        1ULL << 32,
        INT64_MAX,
        1ULL << 63,
        UINT64_MAX,
        UINT64_MAX - 4094,
        0x7ffffffff000,
        0xffff800000000000,
        0xc020660b,
        0x8912,
        0x8946,
        0xc0686611,
        0x41555856,
    };
    uint64_t from_page = (uint64_t)(uintptr_t)page;
    switch (rand() % 4) {
    case 0: return from_page + (unsigned)rand() % 4096;
    case 1: return from_page + 4096 - (unsigned)rand() % 70; /* runs off the end */
    case 2: return (uint64_t)rand() % 40;
    default: return values[(unsigned)rand() % (sizeof(values) / sizeof(*values))];
    }
}

static void fill_page(void)
{
    for (unsigned i = 0; i < 4096; i += 8) {
        uint64_t value = hostile_value();
        memcpy(page + i, &value, 8);
    }
}

static void hostile_call(uint64_t nr)
{
    static struct model_range ranges[MODEL_MAX_RANGES];
    struct model_call call = {.nr = nr, .peek = peek};
    const struct model_syscall *m = model_lookup(nr);
    char text[300], guard[4] = {0, 0, 'x', 'x'};
    for (unsigned i = 0; i < MODEL_MAX_ARGS; i++)
        call.args[i] = hostile_value();
    if (m) {
        model_before(m, &call);
        int max = rand() % 2 ? MODEL_MAX_RANGES : rand() % 4, n = model_inputs(m, &call, ranges, max);
        CHECK(n >= 0 && n <= max, "%s: %d inputs of %d", m->name, n, max);
        model_refusal(m, &call, text, sizeof(text));
        model_refusal(m, &call, guard, 1);
        model_request_text(m, &call, guard, 2);
        CHECK(guard[1] == 0 && guard[2] == 'x' && guard[3] == 'x', "%s: text beyond its buffer", m->name);
        call.result = -(rand() % 140 + 1);
        n = model_outputs(m, &call, ranges, max);
        CHECK(n >= -1 && n <= max, "%s: %d outputs of %d", m->name, n, max);
        CHECK(model_sent(m, &call, ranges, max) == 0, "%s: sent something on an error", m->name);
    }
    call.result = rand() % 2 ? (int64_t)hostile_value() : call.result;
    size_t len = describe_args(&call, describe_peek, NULL, text, sizeof(text));
    CHECK(strlen(text) == (len < sizeof(text) ? len : sizeof(text) - 1), "%u: length %zu is not that of %s",
          (unsigned)nr, len, text);
    describe_args(&call, NULL, NULL, NULL, 0);
    describe_result(&call, text, sizeof(text));
}

static void check_hostile(void)
{
    page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(page + 4096, 4096);
    for (unsigned round = 0; round < 60; round++) {
        srand(round);
        fill_page();
        for (uint64_t nr = 0; nr < 480; nr++)
            hostile_call(nr);
    }
}

int main(void)
{
    check_header();
    check_rows();
    check_hostile();
    printf("%d failures\n", failures);
    return failures != 0;
}
