// SPDX-License-Identifier: Apache-2.0
// Any bytes as a safetensors file: refused with SafetensorsError, or every element can be read.
#include <algorithm>
#include <vector>

#include "memory_file.hpp"
#include "models/weights/safetensors.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tilewright;
    const fuzz::MemoryFile input(data, size);
    try {
        const models::SafetensorsFile file(input.path());
        std::vector<double> values;
        for (const auto& [name, view] : file.tensors()) {
            // A mapped file holds no more elements than bytes.
            if (view.elements() < 0 || static_cast<std::size_t>(view.elements()) > size) std::abort();
            values.resize(static_cast<std::size_t>(view.elements()));
            view.read(0, view.elements(), values.data());
            if (file.tensor(name).data != view.data) std::abort();
        }
    } catch (const models::SafetensorsError&) {
        return 0;
    }
    return 0;
}
