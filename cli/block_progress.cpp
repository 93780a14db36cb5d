// SPDX-License-Identifier: Apache-2.0
#include "cli/block_progress.hpp"

#include <iostream>

namespace tilewright::cli {

BlockProgress::BlockProgress(const accel::TileProgram& program) : program_(program) {}

void BlockProgress::section(memory::TimeFs /*time*/, std::size_t section, std::int64_t repetition) {
    // Every engine enters a repetition; the first one counts.
    if (section < section_ || (section == section_ && repetition <= repetition_)) return;
    section_ = section;
    repetition_ = repetition;
    const auto& entered = program_.sections[section];
    std::cerr << "\r\033[K" << entered.name << " " << repetition + 1 << " of " << entered.repeat
              << std::flush;
}

void BlockProgress::finish(memory::TimeFs /*time*/) {
    std::cerr << "\r\033[K" << std::flush;
}

}  // namespace tilewright::cli
