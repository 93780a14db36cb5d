// SPDX-License-Identifier: Apache-2.0
// Any bytes as a design: refused with ConfigError, or a design whose canonical form is a design again.
#include "accel/design/config_error.hpp"
#include "accel/design/config_files.hpp"
#include "memory_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tilewright;
    const fuzz::MemoryFile input(data, size);
    try {
        const auto document = accel::DesignDocument::load(input.path());
        (void)document.parse();
        const auto canonical = document.canonical().dump();
        const fuzz::MemoryFile again(reinterpret_cast<const std::uint8_t*>(canonical.data()),
                                     canonical.size());
        (void)accel::DesignDocument::load(again.path()).parse();
    } catch (const accel::ConfigError&) {
        return 0;
    }
    return 0;
}
