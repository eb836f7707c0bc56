/* fs and gs: thread pointer, arch_prctl, rd/wrfsbase and gs overrides on all kinds of operands. */
#include <asm/prctl.h>
#include <sys/auxv.h>

#include "tests/tracee/tracee.h"

static uint64_t area[64];
static _Thread_local int tls = 42;

int main(void)
{
    uint64_t base = 0, r;
    CHECK(syscall(SYS_arch_prctl, ARCH_GET_FS, &base) == 0 && base != 0);
    __asm__ volatile("mov %%fs:0, %0" : "=r"(r)); /* the thread control block points at itself */
    CHECK(r == base);
    CHECK(syscall(SYS_arch_prctl, ARCH_SET_GS, area) == 0);
    CHECK(syscall(SYS_arch_prctl, ARCH_GET_GS, &base) == 0 && base == (uintptr_t)area);
    area[3] = 77;
    __asm__ volatile("mov %%gs:24, %0" : "=r"(r));
    CHECK(r == 77);
    __asm__ volatile("addq $3, %%gs:24; mov $2, %%ecx; mov %%gs:8(,%%rcx,8), %0; movq %0, %%gs:32"
                     : "=r"(r)::"rcx", "cc", "memory");
    CHECK(r == 80 && area[4] == 80);
    __asm__ volatile("xor %%esi, %%esi; lea 8(%1), %%rdi; mov $1, %%ecx; movq $5, %%gs:0; rep movsq "
                     "%%gs:(%%rsi), %%es:(%%rdi);"
                     "mov %%gs:8, %0"
                     : "=r"(r)
                     : "r"(area)
                     : "rsi", "rdi", "rcx", "memory");
    CHECK(r == 5);
    __asm__ volatile("movdqu %%gs:16, %%xmm3; movdqu %%xmm3, %%gs:64; .byte 0x65; lea 16, %0"
                     : "=r"(r)::"xmm3", "memory");
    CHECK(area[9] == 80 && r == 16); /* lea ignores the segment */
    __asm__ volatile("pushq %%gs:24; popq %%gs:80" ::: "memory");
    CHECK(area[10] == 80);
    CHECK(tls == 42);
    if (!(getauxval(AT_HWCAP2) & 2))
        return passed();
    __asm__ volatile("rdgsbase %0" : "=r"(r));
    CHECK(r == (uintptr_t)area);
    __asm__ volatile("wrgsbase %1; mov %%gs:0, %0" : "=r"(r) : "r"(area + 4));
    CHECK(r == 80);
    __asm__ volatile(
        "rdfsbase %%rax; mov %1, %%rcx; wrfsbase %%rcx; mov %%fs:0, %%rdx; wrfsbase %%rax; mov %%rdx, %0"
        : "=r"(r)
        : "r"(area + 3)
        : "rax", "rcx", "rdx");
    CHECK(r == 80 && tls == 42);
    CHECK(syscall(SYS_arch_prctl, ARCH_GET_GS, &base) == 0 && base == (uintptr_t)(area + 4));
    return passed();
}
