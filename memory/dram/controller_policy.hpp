// SPDX-License-Identifier: Apache-2.0
// What the controller of a DRAM channel is free to choose.
#pragma once

#include <cstdint>

namespace tilewright::memory {

enum class PagePolicy : std::uint8_t {
    open,   // a row stays open until another one of its bank is needed
    closed  // every access closes its row behind it
};

inline const char* to_string(PagePolicy page) {
    return page == PagePolicy::open ? "open" : "closed";
}

struct DramControllerPolicy {
    PagePolicy page = PagePolicy::open;
    int read_queue = 32;  // accesses
    int write_queue = 32;
    double write_high_watermark = 0.8;  // of the write queue
    double write_low_watermark = 0.2;
    int refreshes_postponed = 0;  // at most, while accesses wait; JESD79-4 allows eight
    // More accesses that may be on their way or wait than a queue takes, before a shared channel has no room:
    // those that are served while a burst goes the longer way of a port that is further away than the
    // nearest.
    int ahead_accesses = 0;
    int packet_accesses = 1;  // of written data, that come at once
};

}  // namespace tilewright::memory
