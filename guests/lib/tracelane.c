#include "tracelane.h"

#define INPUT ((const volatile uint32_t *)0x40000000)
#define OUTPUT ((volatile uint32_t *)0x60000000)
#define HEADER_BYTES 16
#define OUTPUT_BYTES_MAX (0x20000000u - HEADER_BYTES)

#define HOST_WRITE 64
#define HOST_EXIT 93

static uint32_t host(uint32_t call, uint32_t a, uint32_t b, uint32_t c) {
    register uint32_t a0 __asm__("a0") = a;
    register uint32_t a1 __asm__("a1") = b;
    register uint32_t a2 __asm__("a2") = c;
    register uint32_t a7 __asm__("a7") = call;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
    return a0;
}

void read_input(const uint8_t **bytes, size_t *length) {
    *bytes = (const uint8_t *)INPUT + HEADER_BYTES;
    *length = *INPUT;
}

uint8_t *output_bytes(void) { return (uint8_t *)OUTPUT + HEADER_BYTES; }

void set_output_length(size_t length) { *OUTPUT = length; }

void write_output(const void *bytes, size_t length) {
    uint32_t used = *OUTPUT;
    if (length > OUTPUT_BYTES_MAX - used) fail("output too long");
    memcpy(output_bytes() + used, bytes, length);
    *OUTPUT = used + length;
}

static size_t text_length(const char *text) {
    size_t length = 0;
    while (text[length]) length++;
    return length;
}

void print(const char *text) { host(HOST_WRITE, 1, (uint32_t)text, text_length(text)); }

void print_u32(uint32_t value) {
    char digits[11];
    size_t at = sizeof digits - 1;
    digits[at] = 0;
    do {
        digits[--at] = '0' + value % 10;
        value /= 10;
    } while (value);
    print(digits + at);
}

void print_hex(const uint8_t *bytes, size_t length) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < length; i++) {
        char pair[3] = {digits[bytes[i] >> 4], digits[bytes[i] & 15], 0};
        print(pair);
    }
}

_Noreturn void leave(uint32_t code) {
    host(HOST_EXIT, code, 0, 0);
    for (;;) {
    }
}

_Noreturn void fail(const char *why) {
    host(HOST_WRITE, 2, (uint32_t)why, text_length(why));
    host(HOST_WRITE, 2, (uint32_t) "\n", 1);
    leave(1);
}

uint32_t next_number(size_t *cursor, uint32_t min, uint32_t max) {
    const uint8_t *bytes;
    size_t length, at = *cursor;
    read_input(&bytes, &length);
    while (at < length && (bytes[at] < '0' || bytes[at] > '9')) at++;
    if (at == length) fail("a number is missing in the input");
    uint64_t value = 0;
    for (; at < length && bytes[at] >= '0' && bytes[at] <= '9'; at++) {
        value = value * 10 + (bytes[at] - '0');
        if (value > max) fail("a number in the input is too large");
    }
    if (value < min) fail("a number in the input is too small");
    *cursor = at;
    return value;
}

uint32_t next_random(uint32_t *state) {
    uint32_t x = *state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

#define CLASS_COUNT 32
#define CLASS_MIN 4

extern uint8_t __heap_start[], __heap_end[];
static uint8_t *heap_next = __heap_start;
static void *free_lists[CLASS_COUNT];

static unsigned class_of(size_t bytes) {
    unsigned class = CLASS_MIN;
    while (((size_t)1 << class) < bytes) class++;
    return class;
}

void *allocate(size_t bytes) {
    if (bytes > (size_t)(__heap_end - __heap_start)) fail("out of heap");
    unsigned class = class_of(bytes);
    void *block = free_lists[class];
    if (block) {
        free_lists[class] = *(void **)block;
        return block;
    }
    if (((size_t)1 << class) > (size_t)(__heap_end - heap_next)) fail("out of heap");
    block = heap_next;
    heap_next += (size_t)1 << class;
    return block;
}

void release(void *block, size_t bytes) {
    unsigned class = class_of(bytes);
    *(void **)block = free_lists[class];
    free_lists[class] = block;
}

#define ALIGNED(a) (((uintptr_t)(a) & 3) == 0)

void *memcpy(void *restrict to, const void *restrict from, size_t length) {
    uint8_t *t = to;
    const uint8_t *f = from;
    if (ALIGNED(t) && ALIGNED(f)) {
        for (; length >= 4; length -= 4, t += 4, f += 4) *(uint32_t *)t = *(const uint32_t *)f;
    }
    while (length--) *t++ = *f++;
    return to;
}

void *memmove(void *to, const void *from, size_t length) {
    uint8_t *t = to;
    const uint8_t *f = from;
    if (t <= f) {
        while (length--) *t++ = *f++;
    } else {
        while (length--) t[length] = f[length];
    }
    return to;
}

void *memset(void *to, int value, size_t length) {
    uint8_t *t = to;
    uint32_t word = (uint8_t)value * 0x01010101u;
    if (ALIGNED(t)) {
        for (; length >= 4; length -= 4, t += 4) *(uint32_t *)t = word;
    }
    while (length--) *t++ = value;
    return to;
}

int memcmp(const void *a, const void *b, size_t length) {
    const uint8_t *x = a, *y = b;
    for (; length; length--, x++, y++) {
        if (*x != *y) return *x - *y;
    }
    return 0;
}
