// SPDX-License-Identifier: Apache-2.0
#include "accel/functional/var_functional_run.hpp"

namespace tilewright::accel {

FunctionalOutcome run_var_functional(const Design&, const TileProgram&, Observer*) {
    throw std::logic_error("pending");
}

}  // namespace tilewright::accel
