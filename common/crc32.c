/* CRC-32, slicing by eight: table[k][b] is the CRC of byte b followed by k zero bytes, so eight bytes
 * fold in with eight look-ups that do not wait for each other. */
#include "common/crc32.h"

#include <pthread.h>
#include <string.h>

static uint32_t table_[8][256];
static pthread_once_t once_ = PTHREAD_ONCE_INIT;

static void fill_table(void)
{
    for (uint32_t b = 0; b < 256; b++) {
        uint32_t c = b;
        for (int bit = 0; bit < 8; bit++)
            c = (c >> 1) ^ (c & 1 ? 0xedb88320u : 0);
        table_[0][b] = c;
    }
    for (uint32_t b = 0; b < 256; b++) {
        for (int k = 1; k < 8; k++)
            table_[k][b] = (table_[k - 1][b] >> 8) ^ table_[0][table_[k - 1][b] & 255];
    }
}

uint32_t odb_crc32(const void *data, size_t n_bytes)
{
    pthread_once(&once_, fill_table);
    const uint8_t *p = data;
    uint32_t c = 0xffffffffu;
    for (; n_bytes >= 8; n_bytes -= 8, p += 8) {
        uint64_t w;
        memcpy(&w, p, 8);
        w ^= c;
        c = table_[7][w & 255] ^ table_[6][w >> 8 & 255] ^ table_[5][w >> 16 & 255] ^
            table_[4][w >> 24 & 255] ^ table_[3][w >> 32 & 255] ^ table_[2][w >> 40 & 255] ^
            table_[1][w >> 48 & 255] ^ table_[0][w >> 56];
    }
    for (; n_bytes; n_bytes--)
        c = (c >> 8) ^ table_[0][(c ^ *p++) & 255];
    return ~c;
}
