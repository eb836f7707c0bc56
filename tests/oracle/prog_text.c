/* Bytes: string instructions, byte and word stores, crc table, run-length coding, high byte registers. */
#include "tests/oracle/nolibc.h"

static uint8_t text[3000], packed[4000], back[3000];
static uint32_t table[256];

static uint32_t crc(const uint8_t *p, int n)
{
    uint32_t c = ~0u;
    for (int i = 0; i < n; i++)
        c = table[(c ^ p[i]) & 255] ^ c >> 8;
    return ~c;
}

int main(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++)
            c = c & 1 ? 0xedb88320 ^ c >> 1 : c >> 1;
        table[i] = c;
    }
    for (int i = 0; i < 3000; i++)
        text[i] = (uint8_t)("aaaaabbbccccccccd ef"[i * i / 50 % 20]);
    int n = 0, m = 0;
    for (int i = 0; i < 3000;) {
        int run = 1;
        while (i + run < 3000 && run < 255 && text[i + run] == text[i])
            run++;
        packed[n++] = (uint8_t)run, packed[n++] = text[i];
        i += run;
    }
    for (int i = 0; i < n; i += 2) {
        memset(back + m, packed[i + 1], packed[i]);
        m += packed[i];
    }
    print("bytes ", (uint64_t)n << 32 | (uint32_t)m);
    print("crc ", (uint64_t)crc(text, 3000) << 32 | crc(back, m));
    memcpy(back + 1000, back, 1500);
    uint64_t count = 3000, at = (uint64_t)back, from = (uint64_t)text, found;
    __asm__ volatile("repe cmpsb; mov %%rcx, %3"
                     : "+D"(at), "+S"(from), "+c"(count), "=r"(found)::"cc", "memory");
    __asm__ volatile("mov $0x1234, %%eax; mov %%ah, %%bl; add %%al, %%bh; xchg %%ah, %%bh; bswap %%eax; "
                     "movzx %%bx, %%ecx; add %%rcx, %0"
                     : "+r"(found)::"rax", "rbx", "rcx", "cc");
    at = (uint64_t)(back + 2999), from = (uint64_t)(text + 2999), count = 700;
    __asm__ volatile("std; rep movsw; lodsb; stosb; lodsq; stosl; cld"
                     : "+D"(at), "+S"(from), "+c"(count)::"rax", "cc", "memory");
    print("found ", found);
    print("crc ", crc(back, 3000));
    return 0;
}
