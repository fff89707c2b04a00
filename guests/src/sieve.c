/* The sieve of Eratosthenes over odd numbers, one bit each.
 * Input: "limit" in decimal. Output: how many primes are at most limit, and the greatest, as u32. */
#include "tracelane.h"

int main(void) {
    size_t cursor = 0;
    uint32_t limit = next_number(&cursor, 2, 1u << 30);
    uint32_t odd_count = (limit + 1) / 2;
    uint32_t word_count = odd_count / 32 + 1;
    uint32_t *composite = allocate(word_count * sizeof *composite);
    for (uint32_t i = 1; (2 * i + 1) * (2 * i + 1) <= limit; i++) {
        if (composite[i / 32] >> i % 32 & 1) continue;
        for (uint32_t j = 2 * i * (i + 1); j < odd_count; j += 2 * i + 1) {
            composite[j / 32] |= 1u << j % 32;
        }
    }
    uint32_t count = 1, greatest = 2;
    for (uint32_t i = 1; i < odd_count; i++) {
        if (composite[i / 32] >> i % 32 & 1) continue;
        count++;
        greatest = 2 * i + 1;
    }
    uint32_t result[2] = {count, greatest};
    write_output(result, sizeof result);
    return 0;
}
