/* base ^ exponent mod modulus by Montgomery multiplication, for odd moduli of up to 1024 bits.
 * Input: "modulus base exponent" in hexadecimal. Output: the result as little-endian bytes, as many
 * 32-bit words as the modulus has. */
#include "tracelane.h"

#define WORDS_MAX 32

static const uint8_t *bytes;
static size_t length, cursor;
static uint32_t modulus[WORDS_MAX], words, inverse;

static int hex_digit(uint8_t c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

/* The next hexadecimal number of the input: where its digits start, and how many there are. */
static size_t next_digits(const uint8_t **digits) {
    while (cursor < length && hex_digit(bytes[cursor]) < 0) cursor++;
    *digits = bytes + cursor;
    size_t start = cursor;
    while (cursor < length && hex_digit(bytes[cursor]) >= 0) cursor++;
    if (cursor == start) fail("a number is missing in the input");
    return cursor - start;
}

static void next_value(uint32_t value[WORDS_MAX]) {
    const uint8_t *digits;
    size_t count = next_digits(&digits);
    if (count > WORDS_MAX * 8) fail("a number has more than 1024 bits");
    for (size_t i = 0; i < count; i++) {
        value[i / 8] |= (uint32_t)hex_digit(digits[count - 1 - i]) << i % 8 * 4;
    }
}

static int below(const uint32_t *a, const uint32_t *b) {
    for (uint32_t i = words; i-- > 0;) {
        if (a[i] != b[i]) return a[i] < b[i];
    }
    return 0;
}

static void subtract_modulus(uint32_t *a) {
    uint32_t borrow = 0;
    for (uint32_t i = 0; i < words; i++) {
        uint64_t difference = (uint64_t)a[i] - modulus[i] - borrow;
        a[i] = difference;
        borrow = difference >> 63;
    }
}

/* a = 2a mod modulus, for a below it. */
static void twice(uint32_t *a) {
    uint32_t carry = 0;
    for (uint32_t i = 0; i < words; i++) {
        uint32_t high = a[i] >> 31;
        a[i] = a[i] << 1 | carry;
        carry = high;
    }
    if (carry || !below(a, modulus)) subtract_modulus(a);
}

/* a = a * b / 2^(32 words) mod modulus. */
static void multiply(uint32_t *a, const uint32_t *b) {
    uint32_t sum[WORDS_MAX + 2] = {0};
    for (uint32_t i = 0; i < words; i++) {
        uint64_t carry = 0;
        for (uint32_t j = 0; j < words; j++) {
            uint64_t next = (uint64_t)a[i] * b[j] + sum[j] + carry;
            sum[j] = next;
            carry = next >> 32;
        }
        uint64_t top = sum[words] + carry;
        sum[words] = top;
        sum[words + 1] = top >> 32;
        uint32_t factor = sum[0] * inverse;
        carry = ((uint64_t)factor * modulus[0] + sum[0]) >> 32;
        for (uint32_t j = 1; j < words; j++) {
            uint64_t next = (uint64_t)factor * modulus[j] + sum[j] + carry;
            sum[j - 1] = next;
            carry = next >> 32;
        }
        top = sum[words] + carry;
        sum[words - 1] = top;
        sum[words] = sum[words + 1] + (top >> 32);
    }
    if (sum[words] || !below(sum, modulus)) subtract_modulus(sum);
    memcpy(a, sum, words * sizeof *a);
}

int main(void) {
    static uint32_t base[WORDS_MAX], result[WORDS_MAX], one[WORDS_MAX];
    read_input(&bytes, &length);
    next_value(modulus);
    next_value(base);
    const uint8_t *exponent;
    size_t digit_count = next_digits(&exponent);

    words = WORDS_MAX;
    while (words > 0 && modulus[words - 1] == 0) words--;
    if (words == 0 || modulus[0] % 2 == 0 || (words == 1 && modulus[0] == 1)) {
        fail("the modulus is even or too small");
    }
    for (uint32_t i = words; i < WORDS_MAX; i++) {
        if (base[i]) fail("the base is not below the modulus");
    }
    if (!below(base, modulus)) fail("the base is not below the modulus");
    /* Newton: each step doubles the number of right bits of 1 / modulus. */
    inverse = modulus[0];
    for (int i = 0; i < 4; i++) inverse *= 2 - modulus[0] * inverse;
    inverse = -inverse;

    result[0] = 1;
    for (uint32_t i = 0; i < 32 * words; i++) twice(result), twice(base);
    for (size_t i = 0; i < digit_count; i++) {
        int digit = hex_digit(exponent[i]);
        for (int bit = 3; bit >= 0; bit--) {
            multiply(result, result);
            if (digit >> bit & 1) multiply(result, base);
        }
    }
    one[0] = 1;
    multiply(result, one);
    write_output(result, words * sizeof *result);
    return 0;
}
