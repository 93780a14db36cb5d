// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>

namespace tilewright::accel {

// A program whose instructions read what is not there (not yet, no more, or never), found by carrying it out
// on data. The message says which instruction missed what.
class FunctionalError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

}  // namespace tilewright::accel
