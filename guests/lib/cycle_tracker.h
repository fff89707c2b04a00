/* Regions: `tracelane count --by region` adds up the cycles between these two marks.
 *
 * A name is a literal, so that a mark is one host call and nothing else: its text and length are
 * known when the guest is compiled. A mark costs four or five instructions and one host call, of which
 * a region counts those of its end but the call. */
#ifndef CYCLE_TRACKER_H
#define CYCLE_TRACKER_H

#include <stddef.h>
#include <stdint.h>

#define REGION_START(name) WRITE_MARK("cycle-tracker-start: " name "\n")
#define REGION_END(name) WRITE_MARK("cycle-tracker-end: " name "\n")
#define WRITE_MARK(line) write_mark(line, sizeof(line) - 1)

/* Writes text of the given length to the run's standard output. */
static inline void write_mark(const char *text, size_t length) {
    register uint32_t a0 __asm__("a0") = 1;
    register uint32_t a1 __asm__("a1") = (uint32_t)text;
    register uint32_t a2 __asm__("a2") = length;
    register uint32_t a7 __asm__("a7") = 64;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
}

#endif
