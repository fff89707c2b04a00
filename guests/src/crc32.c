/* CRC-32 (IEEE 802.3, reflected) of the whole input, by a table made at the start.
 * Input: any bytes. Output: the sum as a little-endian u32. */
#include "tracelane.h"

static uint32_t table[256];

int main(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t entry = i;
        for (int bit = 0; bit < 8; bit++) entry = entry >> 1 ^ (entry & 1 ? 0xedb88320 : 0);
        table[i] = entry;
    }
    const uint8_t *bytes;
    size_t length;
    read_input(&bytes, &length);
    uint32_t sum = 0xffffffff;
    for (size_t i = 0; i < length; i++) sum = sum >> 8 ^ table[(sum ^ bytes[i]) & 0xff];
    sum = ~sum;
    write_output(&sum, sizeof sum);
    return 0;
}
