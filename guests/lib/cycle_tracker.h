/* Regions: `tracelane count --by region` adds up the cycles between these two marks. */
#ifndef CYCLE_TRACKER_H
#define CYCLE_TRACKER_H

#include "tracelane.h"

static inline void region_start(const char *name) {
    print("cycle-tracker-start: ");
    print(name);
    print("\n");
}

static inline void region_end(const char *name) {
    print("cycle-tracker-end: ");
    print(name);
    print("\n");
}

#endif
