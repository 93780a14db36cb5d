// SPDX-License-Identifier: Apache-2.0
// The heap of a process that evaluates many designs.
#pragma once

#include <cstdlib>

#include <malloc.h>

namespace tilewright::accel {

// Memory that one design gave back serves the next. Returned to the system in between, every page of a
// program would have to be cleared and mapped anew, which takes longer than filling it.
inline void keep_freed_memory() {
#ifdef __GLIBC__
    constexpr int largest_heap_block = 1 << 25;  // the most that glibc allows, DEFAULT_MMAP_THRESHOLD_MAX
    constexpr int kept = 1 << 28;                // a few times what a design needs
    mallopt(M_MMAP_THRESHOLD, largest_heap_block);
    mallopt(M_TRIM_THRESHOLD, kept);
#endif
}

}  // namespace tilewright::accel
