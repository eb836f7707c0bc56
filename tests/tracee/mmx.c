/* MMX registers, their aliasing with the x87 stack, emms, maskmovq, pextrw, movq2dq. */
#include "tests/tracee/tracee.h"

int main(void)
{
    uint64_t a = 0x0102030405060708, b = 0x1010101010101010, r, x;
    __asm__ volatile("movq %1, %%mm0; movq %2, %%mm7; paddb %%mm7, %%mm0; movq %%mm0, %0; emms"
                     : "=r"(r)
                     : "r"(a), "r"(b)
                     : "mm0", "mm7");
    CHECK(r == 0x1112131415161718);
    __asm__ volatile(
        "movq %1, %%mm1; pshufw $0x1b, %%mm1, %%mm2; movq2dq %%mm2, %%xmm3; movq %%xmm3, %0; emms"
        : "=r"(r)
        : "m"(a)
        : "mm1", "mm2", "xmm3");
    CHECK(r == 0x0708050603040102);
    unsigned char image[10], target[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    __asm__ volatile("fninit; movq %1, %%mm0; fstpt %0; emms; fninit" : "=m"(image) : "r"(a) : "st");
    memcpy(&x, image, 8);
    CHECK(x == a && image[8] == 0xff && image[9] == 0xff);
    uint64_t mask = 0x80ff000080000080;
    __asm__ volatile("movq %0, %%mm0; movq %1, %%mm1; maskmovq %%mm1, %%mm0; emms" ::"r"(a), "r"(mask),
                     "D"(target)
                     : "mm0", "mm1", "memory");
    CHECK(!memcmp(target, "\x08\x02\x03\x05\x05\x06\x02\x01", 8));
    uint16_t tag[14];
    __asm__ volatile("fninit; movq %1, %%mm3; fnstenv %0; emms" : "=m"(tag) : "r"(a) : "mm3");
    printf("%x\n", tag[4]);
    return passed();
}
