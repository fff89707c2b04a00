/* Decompresses a gzip file (RFC 1951, RFC 1952) and checks its sum and length.
 * Input: one gzip member. Output: the decompressed bytes; they are also the window that
 * back references read, so nothing is copied twice. */
#include "tracelane.h"

#define CODE_BITS_MAX 15
#define SYMBOL_COUNT_MAX 288

static const uint8_t *bytes;
static size_t length, at;
static uint32_t bit_buffer, bit_count;
static uint8_t *out;
static size_t out_length;

/* A canonical code: how many symbols of each length, and the symbols in order of their codes. */
struct code {
    uint16_t count[CODE_BITS_MAX + 1];
    uint16_t symbol[SYMBOL_COUNT_MAX];
};

static uint32_t next_byte(void) {
    if (at == length) fail("the stream is cut short");
    return bytes[at++];
}

static uint32_t take_bits(uint32_t count) {
    while (bit_count < count) {
        bit_buffer |= next_byte() << bit_count;
        bit_count += 8;
    }
    uint32_t value = bit_buffer & ((1u << count) - 1);
    bit_buffer >>= count;
    bit_count -= count;
    return value;
}

static void put(uint8_t byte) {
    if (out_length == (1u << 28)) fail("the stream is too long");
    out[out_length++] = byte;
}

static void make_code(struct code *code, const uint8_t *lengths, size_t count) {
    uint16_t offset[CODE_BITS_MAX + 2] = {0};
    for (int bits = 0; bits <= CODE_BITS_MAX; bits++) code->count[bits] = 0;
    for (size_t i = 0; i < count; i++) code->count[lengths[i]]++;
    code->count[0] = 0;
    int32_t left = 1;
    for (int bits = 1; bits <= CODE_BITS_MAX; bits++) {
        left = 2 * left - code->count[bits];
        if (left < 0) fail("a code has too many symbols");
        offset[bits + 1] = offset[bits] + code->count[bits];
    }
    for (size_t i = 0; i < count; i++) {
        if (lengths[i]) code->symbol[offset[lengths[i]]++] = i;
    }
}

static uint32_t take_symbol(const struct code *code) {
    int32_t value = 0, first = 0, index = 0;
    for (int bits = 1; bits <= CODE_BITS_MAX; bits++) {
        value |= take_bits(1);
        int32_t count = code->count[bits];
        if (value - first < count) return code->symbol[index + value - first];
        index += count;
        first = (first + count) << 1;
        value <<= 1;
    }
    fail("a code word has no symbol");
}

static void stored(void) {
    bit_buffer = bit_count = 0;
    uint32_t size = next_byte();
    size |= next_byte() << 8;
    uint32_t check = next_byte();
    check |= next_byte() << 8;
    if ((size ^ check) != 0xffff) fail("a stored block has a wrong length");
    while (size--) put(next_byte());
}

static void compressed(const struct code *literals, const struct code *distances) {
    static const uint16_t length_base[29] = {3,  4,  5,  6,  7,  8,  9,  10,  11,  13,
                                             15, 17, 19, 23, 27, 31, 35, 43,  51,  59,
                                             67, 83, 99, 115, 131, 163, 195, 227, 258};
    static const uint8_t length_bits[29] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                            2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
    static const uint16_t distance_base[30] = {
        1,   2,   3,   4,   5,   7,    9,    13,   17,   25,   33,   49,   65,    97,    129,
        193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
    static const uint8_t distance_bits[30] = {0, 0, 0, 0, 1, 1, 2, 2,  3,  3,  4,  4,  5,  5,  6,
                                              6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13};
    for (;;) {
        uint32_t symbol = take_symbol(literals);
        if (symbol < 256) {
            put(symbol);
            continue;
        }
        if (symbol == 256) return;
        symbol -= 257;
        if (symbol >= 29) fail("a length is out of range");
        uint32_t run = length_base[symbol] + take_bits(length_bits[symbol]);
        symbol = take_symbol(distances);
        if (symbol >= 30) fail("a distance is out of range");
        uint32_t distance = distance_base[symbol] + take_bits(distance_bits[symbol]);
        if (distance > out_length) fail("a distance reaches before the start");
        while (run--) put(out[out_length - distance]);
    }
}

static void fixed_block(void) {
    static struct code literals, distances;
    uint8_t lengths[SYMBOL_COUNT_MAX];
    for (int i = 0; i < SYMBOL_COUNT_MAX; i++) {
        lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
    }
    make_code(&literals, lengths, SYMBOL_COUNT_MAX);
    memset(lengths, 5, 30);
    make_code(&distances, lengths, 30);
    compressed(&literals, &distances);
}

static void dynamic_block(void) {
    static const uint8_t order[19] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                      11, 4,  12, 3, 13, 2, 14, 1, 15};
    static struct code literals, distances;
    uint8_t lengths[288 + 32] = {0};
    uint32_t literal_count = take_bits(5) + 257;
    uint32_t distance_count = take_bits(5) + 1;
    uint32_t order_count = take_bits(4) + 4;
    if (literal_count > 286 || distance_count > 30) fail("a block has too many codes");
    for (uint32_t i = 0; i < order_count; i++) lengths[order[i]] = take_bits(3);
    make_code(&literals, lengths, 19);
    uint32_t filled = 0;
    while (filled < literal_count + distance_count) {
        uint32_t symbol = take_symbol(&literals);
        uint32_t value = 0, repeat = 1;
        if (symbol < 16) {
            value = symbol;
        } else if (symbol == 16) {
            if (filled == 0) fail("a length repeats nothing");
            value = lengths[filled - 1];
            repeat = 3 + take_bits(2);
        } else {
            repeat = symbol == 17 ? 3 + take_bits(3) : 11 + take_bits(7);
        }
        if (filled + repeat > literal_count + distance_count) fail("too many lengths");
        while (repeat--) lengths[filled++] = value;
    }
    make_code(&literals, lengths, literal_count);
    make_code(&distances, lengths + literal_count, distance_count);
    compressed(&literals, &distances);
}

static void skip_text(void) {
    while (next_byte()) {
    }
}

static void skip_header(void) {
    if (next_byte() != 0x1f || next_byte() != 0x8b || next_byte() != 8) fail("this is no gzip file");
    uint32_t flags = next_byte();
    for (int i = 0; i < 6; i++) next_byte();
    if (flags & 4) {
        uint32_t extra = next_byte();
        extra |= next_byte() << 8;
        while (extra--) next_byte();
    }
    if (flags & 8) skip_text();
    if (flags & 16) skip_text();
    if (flags & 2) next_byte(), next_byte();
}

static uint32_t take_word(void) {
    uint32_t word = 0;
    for (int i = 0; i < 4; i++) word |= next_byte() << 8 * i;
    return word;
}

static uint32_t crc(const uint8_t *data, size_t count) {
    uint32_t table[16], sum = 0xffffffff;
    for (uint32_t i = 0; i < 16; i++) {
        uint32_t entry = i;
        for (int bit = 0; bit < 4; bit++) entry = entry >> 1 ^ (entry & 1 ? 0xedb88320 : 0);
        table[i] = entry;
    }
    for (size_t i = 0; i < count; i++) {
        sum ^= data[i];
        sum = sum >> 4 ^ table[sum & 15];
        sum = sum >> 4 ^ table[sum & 15];
    }
    return ~sum;
}

int main(void) {
    read_input(&bytes, &length);
    out = output_bytes();
    skip_header();
    uint32_t last;
    do {
        last = take_bits(1);
        switch (take_bits(2)) {
        case 0: stored(); break;
        case 1: fixed_block(); break;
        case 2: dynamic_block(); break;
        default: fail("a block has no type");
        }
    } while (!last);
    uint32_t sum = take_word();
    uint32_t size = take_word();
    if (size != out_length) fail("the length is not the promised one");
    if (sum != crc(out, out_length)) fail("the sum is not the promised one");
    set_output_length(out_length);
    print_u32(out_length);
    print(" bytes\n");
    return 0;
}
