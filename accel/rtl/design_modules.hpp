// SPDX-License-Identifier: Apache-2.0
// The arithmetic of a design as modules of SystemVerilog: what its resource model counts, once for each
// pair of formats.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "accel/design/design.hpp"
#include "accel/rtl/rtl_module.hpp"

namespace tilewright::accel {

// A format that is not written out; names the place in the design as a JSON pointer.
class RtlError : public std::runtime_error {
  public:
    RtlError(std::string pointer, const std::string& what, std::string allowed)
        : std::runtime_error(what), pointer_(std::move(pointer)), allowed_(std::move(allowed)) {}
    const std::string& pointer() const { return pointer_; }
    const std::string& allowed() const { return allowed_; }

  private:
    std::string pointer_;
    std::string allowed_;
};

// Multipliers and lanes of the linear layers that the fabric multiplies, quantizers of all layers' inputs,
// and the lane of binary convolutions. Each module stands behind those that it uses. Throws RtlError.
std::vector<RtlModule> design_modules(const Design& design);

// README.md beside the modules: what there is, how to lint and to simulate it.
std::string modules_readme(const Design& design, const std::vector<RtlModule>& modules);

}  // namespace tilewright::accel
