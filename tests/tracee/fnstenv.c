/* fnstenv and fnsave show the rip of the last x87 instruction (shellcode and old unwinders look). */
#include "tests/tracee/tracee.h"

int main(void)
{
    uint32_t env[7] = {0}, image[27] = {0};
    uint64_t at;
    __asm__ volatile("fninit; lea 1f(%%rip), %1; 1: fldpi; fnstenv %0; fninit" : "=m"(env), "=&r"(at));
    CHECK((env[0] & 0xffff) == 0x37f && (env[1] & 0x3800) == 0x3800 && (env[2] & 0xffff) == 0x3fff);
    /* CPUs that keep the pointer only for unmasked exceptions store 0 */
    CHECK(env[3] == (uint32_t)at || env[3] == 0);
    __asm__ volatile("fninit; fldpi; fld1; fnsave %0; frstor %0; fstp %%st(0); fstp %%st(0)" : "=m"(image));
    CHECK((image[1] & 0x3800) == 0x3000);
    env[0] = 0x27f;
    uint16_t cw;
    __asm__ volatile("fldenv %1; fnstcw %0; fninit" : "=m"(cw) : "m"(env));
    CHECK(cw == 0x27f);
    return passed();
}
