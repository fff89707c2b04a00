/* Quicksort of pseudo-random numbers, with insertion sort for short parts.
 * Input: "count seed" in decimal. Output: fingerprint, least, median, greatest as u32. */
#include "tracelane.h"

#define SHORT 12

static void insertion_sort(uint32_t *a, size_t count) {
    for (size_t i = 1; i < count; i++) {
        uint32_t value = a[i];
        size_t at = i;
        for (; at > 0 && a[at - 1] > value; at--) a[at] = a[at - 1];
        a[at] = value;
    }
}

static uint32_t median(uint32_t a, uint32_t b, uint32_t c) {
    uint32_t low = a < b ? a : b, high = a < b ? b : a;
    return c < low ? low : c > high ? high : c;
}

static void sort(uint32_t *a, size_t count) {
    while (count > SHORT) {
        uint32_t pivot = median(a[0], a[count / 2], a[count - 1]);
        size_t left = 0, right = count - 1;
        for (;;) {
            while (a[left] < pivot) left++;
            while (a[right] > pivot) right--;
            if (left >= right) break;
            uint32_t swapped = a[left];
            a[left++] = a[right];
            a[right--] = swapped;
        }
        size_t split = right + 1;
        /* The shorter part by recursion: the stack stays logarithmic. */
        if (split < count - split) {
            sort(a, split);
            a += split;
            count -= split;
        } else {
            sort(a + split, count - split);
            count = split;
        }
    }
    insertion_sort(a, count);
}

int main(void) {
    size_t cursor = 0;
    uint32_t count = next_number(&cursor, 1, 1u << 26);
    uint32_t state = next_number(&cursor, 1, UINT32_MAX);
    uint32_t *a = allocate(count * sizeof *a);
    for (uint32_t i = 0; i < count; i++) a[i] = next_random(&state);
    sort(a, count);
    uint32_t sum = 0;
    for (uint32_t i = 0; i < count; i++) sum = fingerprint(sum, a[i]);
    uint32_t result[4] = {sum, a[0], a[count / 2], a[count - 1]};
    write_output(result, sizeof result);
    return 0;
}
