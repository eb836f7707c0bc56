/* CPU policies.
 *
 * Every cpuid leaf is read once and then cut down. Policy v3 shows what every CPU since Haswell and Zen has
 * (x86-64-v3, AES, PCLMULQDQ, FSGSBASE), so that a recording replays on any of them; RDRAND, RDSEED
 * and RDPID are shown where the host has them, because replay never executes them. All else that a
 * program could start to use is hidden: lists of what is *shown* for the feature words, so that bits
 * unknown today are hidden too. Policy host shows everything but what the engine cannot do.
 *
 * Under both, numbers that depend on which core runs the program (APIC ids) are zero. */
#include "recorder/cpu.h"

#include <cpuid.h>
#include <stdbool.h>
#include <string.h>

#define BIT(n) (1u << (n))

/* leaf 1 */
#define L1_ECX_HOST_HIDE (BIT(3) /* monitor */ | BIT(5) /* vmx */ | BIT(6) /* smx */)
#define L1_ECX_V3                                                                                          \
    (BIT(0) | BIT(1) /* pclmul */ | BIT(9) | BIT(12) /* fma */ | BIT(13) | BIT(17) | BIT(19) | BIT(20) |   \
     BIT(21) | BIT(22) /* movbe */ | BIT(23) | BIT(25) /* aes */ | BIT(26) | BIT(27) | BIT(28) | BIT(29) | \
     BIT(30) | BIT(31))
/* leaf 7 */
#define L7_EBX_HOST_HIDE \
    (BIT(2) /* sgx */ | BIT(4) /* hle */ | BIT(11) /* rtm */ | BIT(14) /* mpx */ | BIT(25) /* pt */)
#define L7_ECX_HOST_HIDE                                                                                   \
    (BIT(3) | BIT(4) /* pku */ | BIT(5) /* waitpkg */ | BIT(7) /* cet-ss */ | BIT(23) /* kl */ | BIT(29) | \
     BIT(30) | BIT(31))
#define L7_EDX_HOST_HIDE                                                                       \
    (BIT(5) /* uintr */ | BIT(16) /* tsxldtrk */ | BIT(20) /* cet-ibt */ | BIT(22) | BIT(24) | \
     BIT(25) /* amx */)
#define L7_EBX_V3                                                                                          \
    (BIT(0) /* fsgsbase */ | BIT(3) /* bmi1 */ | BIT(5) /* avx2 */ | BIT(6) | BIT(7) | BIT(8) /* bmi2 */ | \
     BIT(9) /* erms */ | BIT(10) | BIT(13) | BIT(18) /* rdseed */ | BIT(20))
#define L7_ECX_V3 (BIT(2) /* umip */ | BIT(22) /* rdpid */)
#define L7_EDX_V3 (BIT(4) /* fsrm */ | BIT(10) | BIT(26) | BIT(27) | BIT(28) | BIT(29) | BIT(30) | BIT(31))
#define L7_1_EAX_HOST_HIDE (BIT(21) /* amx-fp16 */ | BIT(17) /* fred */ | BIT(18) | BIT(26) /* lam */)
#define L7_1_EDX_HOST_HIDE \
    (BIT(8) /* amx-complex */ | BIT(15) /* user msr */ | BIT(18) /* cet-sss */ | BIT(21) /* apx */)
/* leaf 80000001 */
#define X1_ECX_HOST_HIDE (BIT(2) /* svm */ | BIT(15) /* lwp */ | BIT(29) /* monitorx */)
#define X1_ECX_V3 (BIT(0) | BIT(1) | BIT(3) | BIT(4) | BIT(5) /* lzcnt */ | BIT(8) | BIT(9) | BIT(22))
#define X1_EDX_HIDE_V3 (BIT(30) | BIT(31) /* 3dnow */)
/* leaf 80000008 */
#define X8_EBX_HIDE_V3 (BIT(0) /* clzero */ | BIT(3) | BIT(4) /* rdpru */ | BIT(8) | BIT(9))
#define X8_EBX_HIDE_HOST (BIT(4) /* rdpru: a clock */ | BIT(3) | BIT(8))
/* leaf d, subleaf 1 */
#define LD_1_EAX_HOST (BIT(1) /* xsavec */ | BIT(2) /* xgetbv(1) */)

#define XCR0_V3 7u
#define XCR0_HOST 0xe7u /* and AVX-512 */
/* x86-64-v3 as the psABI defines it */
#define V3_NEEDS_1                                                                                     \
    (BIT(0) | BIT(9) | BIT(12) | BIT(13) | BIT(19) | BIT(20) | BIT(22) | BIT(23) | BIT(27) | BIT(28) | \
     BIT(29))
#define V3_NEEDS_7 (BIT(3) | BIT(5) | BIT(8))
#define AVX512_NEEDS (BIT(16) | BIT(17) | BIT(30) | BIT(31)) /* f, dq, bw, vl */

static void add(struct odb_control *c, uint32_t leaf, uint32_t subleaf)
{
    if (c->n_cpuid == sizeof(c->cpuid) / sizeof(c->cpuid[0]))
        return;
    struct odb_cpuid *e = &c->cpuid[c->n_cpuid++];
    *e = (struct odb_cpuid){.leaf = leaf, .subleaf = subleaf};
    __cpuid_count(leaf, subleaf, e->eax, e->ebx, e->ecx, e->edx);
}

static void add_subleaves(struct odb_control *c, uint32_t leaf)
{
    for (uint32_t sub = 0; sub < 64; sub++) {
        if (leaf == 0xd && sub > 8)
            return; /* states beyond AVX-512 are hidden */
        if (leaf != 0xd && sub > 7)
            return;
        add(c, leaf, sub);
        const struct odb_cpuid *e = &c->cpuid[c->n_cpuid - 1];
        if ((leaf == 4 || leaf == 0x8000001d) && (e->eax & 31) == 0)
            return;
        if (leaf == 0xb && !(e->ecx & 0xff00))
            return;
        if (leaf == 7 && sub >= c->cpuid[c->n_cpuid - 1 - sub].eax)
            return;
    }
}

static void enumerate(struct odb_control *c)
{
    uint32_t max = __get_cpuid_max(0, NULL);
    uint32_t max_ext = __get_cpuid_max(0x80000000, NULL);
    c->max_leaf = max < 0x16 ? max : 0x16; /* beyond: PT, AMX, AVX10, key locker, hybrid: hidden */
    c->max_ext_leaf = max_ext < 0x80000021 ? max_ext : 0x80000021;
    for (uint32_t leaf = 0; leaf <= c->max_leaf; leaf++) {
        if (leaf == 4 || leaf == 7 || leaf == 0xb || leaf == 0xd)
            add_subleaves(c, leaf);
        else if (leaf != 0xf && leaf != 0x10 && leaf != 0x12 && leaf != 0x14) /* RDT, SGX, PT */
            add(c, leaf, 0);
    }
    if (c->cpuid[1].ecx & BIT(31)) {
        add(c, 0x40000000, 0);
        uint32_t last = c->cpuid[c->n_cpuid - 1].eax;
        for (uint32_t leaf = 0x40000001; leaf <= last && leaf <= 0x40000010; leaf++)
            add(c, leaf, 0);
    }
    for (uint32_t leaf = 0x80000000; leaf <= c->max_ext_leaf; leaf++) {
        if (leaf == 0x8000001d)
            add_subleaves(c, leaf);
        else
            add(c, leaf, 0);
    }
}

static struct odb_cpuid *find(struct odb_control *c, uint32_t leaf, uint32_t subleaf)
{
    for (uint32_t i = 0; i < c->n_cpuid; i++)
        if (c->cpuid[i].leaf == leaf && c->cpuid[i].subleaf == subleaf)
            return &c->cpuid[i];
    return NULL;
}

/* Sizes of the xsave area for the shown components: SDM vol. 1, 13.4. */
static void set_xsave_leaf(struct odb_control *c, uint32_t sub1_shown)
{
    uint32_t standard = 576;
    uint32_t compact = 576;
    for (uint32_t i = 2; i <= 8; i++) {
        struct odb_cpuid *e = find(c, 0xd, i);
        if (!e)
            continue;
        if (!(c->xcr0 >> i & 1)) {
            e->eax = e->ebx = e->ecx = e->edx = 0;
            continue;
        }
        if (e->ebx + e->eax > standard)
            standard = e->ebx + e->eax;
        compact = ((e->ecx & 2) ? (compact + 63) & ~63u : compact) + e->eax;
    }
    struct odb_cpuid *e = find(c, 0xd, 0);
    if (!e)
        return;
    e->eax = (uint32_t)c->xcr0;
    e->edx = 0;
    e->ebx = e->ecx = standard;
    e = find(c, 0xd, 1);
    if (!e)
        return;
    e->eax &= sub1_shown;
    e->ebx = e->eax & BIT(1) ? compact : 0;
    e->ecx = e->edx = 0;
}

static void mask(struct odb_cpuid *e, uint32_t eax, uint32_t ebx, uint32_t ecx, uint32_t edx)
{
    if (!e)
        return;
    e->eax &= eax;
    e->ebx &= ebx;
    e->ecx &= ecx;
    e->edx &= edx;
}

/* Numbers of the core that happens to run us. */
static void hide_core_ids(struct odb_control *c)
{
    mask(find(c, 1, 0), ~0u, 0x00ffffff, ~0u, ~0u);
    mask(find(c, 0x8000001e, 0), 0, 0xffffff00, 0, ~0u);
    for (uint32_t i = 0; i < 8; i++)
        mask(find(c, 0xb, i), ~0u, ~0u, ~0u, 0);
}

static void apply_v3(struct odb_control *c)
{
    mask(find(c, 1, 0), ~0u, ~0u, L1_ECX_V3, ~BIT(22) /* acpi */);
    mask(find(c, 7, 0), 0, L7_EBX_V3, L7_ECX_V3, L7_EDX_V3);
    mask(find(c, 7, 1), 0, 0, 0, 0);
    mask(find(c, 7, 2), 0, 0, 0, 0);
    mask(find(c, 0x80000001, 0), ~0u, ~0u, X1_ECX_V3, ~X1_EDX_HIDE_V3);
    mask(find(c, 0x80000008, 0), ~0u, ~X8_EBX_HIDE_V3, ~0u, 0);
    set_xsave_leaf(c, 0);
}

static void apply_host(struct odb_control *c)
{
    mask(find(c, 1, 0), ~0u, ~0u, ~L1_ECX_HOST_HIDE, ~0u);
    mask(find(c, 7, 0), ~0u, ~L7_EBX_HOST_HIDE, ~L7_ECX_HOST_HIDE, ~L7_EDX_HOST_HIDE);
    mask(find(c, 7, 1), ~L7_1_EAX_HOST_HIDE, ~0u, ~0u, ~L7_1_EDX_HOST_HIDE);
    mask(find(c, 0x80000001, 0), ~0u, ~0u, ~X1_ECX_HOST_HIDE, ~0u);
    mask(find(c, 0x80000008, 0), ~0u, ~X8_EBX_HIDE_HOST, ~0u, 0);
    set_xsave_leaf(c, LD_1_EAX_HOST);
}

static uint64_t real_xcr0(void)
{
    uint32_t lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return (uint64_t)hi << 32 | lo;
}

struct odb_err *cpu_fill(uint32_t policy, struct odb_control *control)
{
    control->n_cpuid = 0;
    enumerate(control);
    const struct odb_cpuid *l1 = find(control, 1, 0);
    const struct odb_cpuid *l7 = find(control, 7, 0);
    const struct odb_cpuid *x1 = find(control, 0x80000001, 0);
    bool v3 = l1 && l7 && x1 && (l1->ecx & V3_NEEDS_1) == V3_NEEDS_1 &&
              (l7->ebx & V3_NEEDS_7) == V3_NEEDS_7 && (x1->ecx & BIT(5));
    if (!v3 || (real_xcr0() & XCR0_V3) != XCR0_V3)
        return odb_err("this CPU is older than x86-64-v3 (AVX2, BMI2, FMA), which odb needs");
    bool avx512 = (l7->ebx & AVX512_NEEDS) == AVX512_NEEDS && (real_xcr0() & XCR0_HOST) == XCR0_HOST;
    control->has_avx512 = avx512;
    control->cpu_policy = policy;
    control->xcr0 = policy == ODB_CPU_HOST && avx512 ? XCR0_HOST : XCR0_V3;
    hide_core_ids(control);
    if (policy == ODB_CPU_HOST)
        apply_host(control);
    else
        apply_v3(control);
    struct odb_cpuid *e = find(control, 0, 0);
    e->eax = control->max_leaf;
    e = find(control, 0x80000000, 0);
    if (e)
        e->eax = control->max_ext_leaf;
    return NULL;
}
