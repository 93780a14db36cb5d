// SPDX-License-Identifier: Apache-2.0
#include "accel/design/design.hpp"

#include <algorithm>

namespace tilewright::accel {

const char* to_string(Buffer buffer) {
    switch (buffer) {
        case Buffer::weights:
            return "weights";
        case Buffer::activations:
            return "activations";
        case Buffer::state:
            return "state";
        case Buffer::intermediates:
            return "intermediates";
    }
    return "unknown";
}

const char* to_string(Stream stream) {
    switch (stream) {
        case Stream::weights:
            return "weights";
        case Stream::state:
            return "state";
        case Stream::convolution:
            return "convolution";
    }
    return "unknown";
}

std::size_t Design::port_of(Stream stream) const {
    for (std::size_t i = 0; i < memory_ports.size(); ++i) {
        const auto& carries = memory_ports[i].carries;
        if (std::find(carries.begin(), carries.end(), stream) != carries.end()) return i;
    }
    return 0;
}

models::MambaStep Design::step() const {
    models::MambaStep step;
    step.phase = workload.phase;
    step.tokens = workload.tokens;
    step.online_hadamard = recipe.online_hadamard;
    return step;
}

}  // namespace tilewright::accel
