/* The product of two square matrices of pseudo-random u32, modulo 2^32.
 * Input: "size seed" in decimal. Output: the product's fingerprint and trace as u32. */
#include "tracelane.h"

int main(void) {
    size_t cursor = 0;
    uint32_t size = next_number(&cursor, 1, 2048);
    uint32_t state = next_number(&cursor, 1, UINT32_MAX);
    uint32_t cells = size * size;
    uint32_t *a = allocate(cells * sizeof *a);
    uint32_t *b = allocate(cells * sizeof *b);
    uint32_t *row = allocate(size * sizeof *row);
    for (uint32_t i = 0; i < cells; i++) a[i] = next_random(&state);
    for (uint32_t i = 0; i < cells; i++) b[i] = next_random(&state);
    uint32_t sum = 0, trace = 0;
    for (uint32_t i = 0; i < size; i++) {
        for (uint32_t j = 0; j < size; j++) row[j] = 0;
        for (uint32_t k = 0; k < size; k++) {
            uint32_t factor = a[i * size + k];
            const uint32_t *line = b + k * size;
            for (uint32_t j = 0; j < size; j++) row[j] += factor * line[j];
        }
        for (uint32_t j = 0; j < size; j++) sum = fingerprint(sum, row[j]);
        trace += row[i];
    }
    uint32_t result[2] = {sum, trace};
    write_output(result, sizeof result);
    return 0;
}
