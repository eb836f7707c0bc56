/* The cpuid tables of both policies: what must be hidden is, and sizes fit together. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recorder/cpu.h"

#define CHECK(c) ((c) ? (void)0 : (fprintf(stderr, "FAILED %s:%d: %s\n", __FILE__, __LINE__, #c), exit(1)))

static const struct odb_cpuid *find(const struct odb_control *c, uint32_t leaf, uint32_t subleaf)
{
    static const struct odb_cpuid none;
    for (uint32_t i = 0; i < c->n_cpuid; i++)
        if (c->cpuid[i].leaf == leaf && c->cpuid[i].subleaf == subleaf)
            return &c->cpuid[i];
    return &none;
}

static bool bit(uint32_t word, int n) { return word >> n & 1; }

static void check_both(const struct odb_control *c)
{
    const struct odb_cpuid *l1 = find(c, 1, 0), *l7 = find(c, 7, 0);
    CHECK(c->n_cpuid > 20 && c->n_cpuid <= 512);
    for (uint32_t i = 0; i < c->n_cpuid; i++)
        for (uint32_t j = 0; j < i; j++)
            CHECK(c->cpuid[i].leaf != c->cpuid[j].leaf || c->cpuid[i].subleaf != c->cpuid[j].subleaf);
    CHECK(find(c, 0, 0)->eax == c->max_leaf && find(c, 0x80000000, 0)->eax == c->max_ext_leaf);
    CHECK(bit(l1->ecx, 12) && bit(l1->ecx, 26) && bit(l1->ecx, 27) &&
          bit(l1->ecx, 28));                                      /* fma, xsave, osxsave, avx */
    CHECK(bit(l7->ebx, 3) && bit(l7->ebx, 5) && bit(l7->ebx, 8)); /* bmi1, avx2, bmi2 */
    CHECK(!bit(l1->ecx, 3) && !bit(l7->ebx, 4) && !bit(l7->ebx, 11) &&
          !bit(l7->ebx, 14));                                          /* monitor, hle, rtm, mpx */
    CHECK(!bit(l7->ecx, 3) && !bit(l7->ecx, 5) && !bit(l7->ecx, 7));   /* pku, waitpkg, cet-ss */
    CHECK(!bit(l7->edx, 5) && !bit(l7->edx, 20) && !bit(l7->edx, 24)); /* uintr, cet-ibt, amx */
    CHECK(l1->ebx >> 24 == 0);
    CHECK(find(c, 0xd, 0)->eax == (uint32_t)c->xcr0 && find(c, 0xd, 0)->edx == 0);
    CHECK(find(c, 0xd, 2)->eax == 256 && find(c, 0xd, 2)->ebx == 576);
    CHECK(!bit(find(c, 0xd, 1)->eax, 3)); /* xsaves */
}

int main(void)
{
    struct odb_control *c = aligned_alloc(_Alignof(struct odb_control), sizeof(*c));
    CHECK(c);
    memset(c, 0, sizeof(*c));
    struct odb_err *e = cpu_fill(ODB_CPU_V3, c);
    if (e) {
        printf("skipped: %s\n", odb_err_text(e));
        return 77;
    }
    check_both(c);
    const struct odb_cpuid *l7 = find(c, 7, 0);
    CHECK(c->xcr0 == 7 && find(c, 0xd, 0)->ebx == 832 && find(c, 0xd, 0)->ecx == 832);
    CHECK(!(l7->ebx &
            (1u << 16 | 1u << 17 | 1u << 21 | 1u << 28 | 1u << 29 | 1u << 30 | 1u << 31))); /* avx512, sha */
    CHECK(l7->eax == 0 && !(l7->ecx & ~(1u << 2 | 1u << 22)));
    CHECK(!bit(find(c, 0x80000001, 0)->ecx, 6) && !bit(find(c, 0x80000001, 0)->ecx, 11)); /* sse4a, xop */
    for (uint32_t i = 5; i <= 8; i++)
        CHECK(find(c, 0xd, i)->eax == 0);
    e = cpu_fill(ODB_CPU_HOST, c);
    CHECK(!e);
    check_both(c);
    CHECK(c->has_avx512 ? c->xcr0 == 0xe7 && find(c, 0xd, 0)->ebx > 832 + 1024 : c->xcr0 == 7);
    free(c);
    puts("EXIT-SUCCESS");
    return 0;
}
