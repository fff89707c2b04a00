/* Keccak-256 (the padding of Ethereum, before FIPS 202) of the whole input.
 * Input: any bytes. Output: the 32 bytes of the digest, also printed in hexadecimal. */
#include "tracelane.h"

#define RATE_BYTES 136

static const uint64_t ROUND[24] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
    0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
    0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
    0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
    0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

/* The path of rho and pi through the lanes, and the rotation at each step. */
static const uint8_t LANE[24] = {10, 7,  11, 17, 18, 3, 5,  16, 8,  21, 24, 4,
                                 15, 23, 19, 13, 12, 2, 20, 14, 22, 9,  6,  1};
static const uint8_t ROTATION[24] = {1,  3,  6,  10, 15, 21, 28, 36, 45, 55, 2,  14,
                                     27, 41, 56, 8,  25, 43, 62, 18, 39, 61, 20, 44};

static uint64_t rotate(uint64_t x, unsigned bits) { return x << bits | x >> (64 - bits); }

static void permute(uint64_t a[25]) {
    for (int round = 0; round < 24; round++) {
        uint64_t c[5];
        for (int x = 0; x < 5; x++) c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
        for (int x = 0; x < 5; x++) {
            uint64_t d = c[(x + 4) % 5] ^ rotate(c[(x + 1) % 5], 1);
            for (int y = 0; y < 25; y += 5) a[x + y] ^= d;
        }
        uint64_t carried = a[1];
/* Unrolled, each rotation has a constant distance: a shift by a variable is a call on 32 bits. */
#pragma GCC unroll 24
        for (int t = 0; t < 24; t++) {
            uint64_t next = a[LANE[t]];
            a[LANE[t]] = rotate(carried, ROTATION[t]);
            carried = next;
        }
        for (int y = 0; y < 25; y += 5) {
            for (int x = 0; x < 5; x++) c[x] = a[y + x];
            for (int x = 0; x < 5; x++) a[y + x] = c[x] ^ (~c[(x + 1) % 5] & c[(x + 2) % 5]);
        }
        a[0] ^= ROUND[round];
    }
}

static void absorb(uint64_t state[25], const uint8_t *block) {
    for (int lane = 0; lane < RATE_BYTES / 8; lane++) {
        const uint8_t *b = block + 8 * lane;
        uint32_t low = b[0] | b[1] << 8 | b[2] << 16 | (uint32_t)b[3] << 24;
        uint32_t high = b[4] | b[5] << 8 | b[6] << 16 | (uint32_t)b[7] << 24;
        state[lane] ^= (uint64_t)high << 32 | low;
    }
    permute(state);
}

int main(void) {
    uint64_t state[25] = {0};
    const uint8_t *bytes;
    size_t length;
    read_input(&bytes, &length);
    for (; length >= RATE_BYTES; bytes += RATE_BYTES, length -= RATE_BYTES) absorb(state, bytes);

    uint8_t last[RATE_BYTES] = {0};
    memcpy(last, bytes, length);
    last[length] = 0x01;
    last[RATE_BYTES - 1] |= 0x80;
    absorb(state, last);

    write_output(state, 32);
    print_hex((const uint8_t *)state, 32);
    print("\n");
    return 0;
}
