// SPDX-License-Identifier: Apache-2.0
// Rides on a TLM-2.0 generic payload: when the first and the last byte of a burst pass the point where the
// transaction is now. Lets an interconnect stream data instead of storing and forwarding whole bursts.
#pragma once

#include <tlm.h>

#include "memory/time.hpp"

namespace tilewright::memory {

struct BurstExtension : tlm::tlm_extension<BurstExtension> {
    TimeFs first_data = 0;
    TimeFs last_data = 0;  // of a posted write: when the memory's queue has all of it
    TimeFs pins_free = 0;  // of a memory that answers at once: when it is done with what it has planned
    TimeFs wanted = 0;     // set by the initiator: since when the burst has been there to be issued
    TimeFs allowed = 0;    // and when its port had room for one more on its way
    TimeFs issued = 0;     // set by the interconnect: no burst behind it reaches the memory sooner
    TimeFs sent = 0;       // and: the last byte of a write reaches the memory
    // Of a read: the memory has it and nothing before it, and serves it up to last_data.
    TimeFs service_begin = 0;

    // The interconnect's own.
    std::size_t port = 0;
    std::size_t channel = 0;
    bool answered = false;  // by the memory

    tlm::tlm_extension_base* clone() const override { return new BurstExtension(*this); }
    void copy_from(const tlm::tlm_extension_base& other) override {
        *this = static_cast<const BurstExtension&>(other);
    }
};

}  // namespace tilewright::memory
