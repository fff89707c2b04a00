/* What a guest may use: its input, its output, text for people, a heap.
 *
 * A guest reads its input in place and publishes bytes that a proof speaks of; text and exit code
 * are for people. Everything here is plain loads and stores but for print and leave. */
#ifndef TRACELANE_H
#define TRACELANE_H

#include <stddef.h>
#include <stdint.h>

/* Where the input lies and how long it is. */
void read_input(const uint8_t **bytes, size_t *length);

/* Adds bytes to the output. */
void write_output(const void *bytes, size_t length);

/* The output region, for a guest that makes its output in place, and how much of it counts. */
uint8_t *output_bytes(void);
void set_output_length(size_t length);

/* Text on the run's standard output. */
void print(const char *text);
void print_u32(uint32_t value);
void print_hex(const uint8_t *bytes, size_t length);

/* Ends the run; fail says why first, with exit code 1. */
_Noreturn void leave(uint32_t code);
_Noreturn void fail(const char *why);

/* The next decimal number of the input, from a cursor that starts at 0; fails where there is none
 * or where it is not between min and max. */
uint32_t next_number(size_t *cursor, uint32_t min, uint32_t max);

/* Pseudo-random numbers (xorshift32); the state must not be 0. */
uint32_t next_random(uint32_t *state);

/* Folds a value into a running fingerprint. */
static inline uint32_t fingerprint(uint32_t sum, uint32_t value) { return sum * 31 + value; }

/* A heap with one free list a power of two; allocate fails rather than return null. */
void *allocate(size_t bytes);
void release(void *bytes, size_t length);

void *memcpy(void *restrict to, const void *restrict from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int value, size_t length);
int memcmp(const void *a, const void *b, size_t length);

#endif
