// SPDX-License-Identifier: Apache-2.0
// The Vega charting library as one piece of JavaScript text.
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>

namespace tilewright::sweeps {

class VegaError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

// The folder that held Vega when the program was configured (Debian: package libjs-vega); empty if there was
// none.
std::filesystem::path default_vega_folder();

// JavaScript that defines the global `vega` with `parse` and `View`, safe inside a <script> element.
// Debian ships Vega as one UMD file per module and no bundle, so the needed modules are joined here by a
// small loader, without the parts that charts of points and lines do not use (maps, trees, force layouts,
// word clouds). Throws VegaError that names the missing file and the package.
std::string load_vega_library(const std::filesystem::path& folder);

}  // namespace tilewright::sweeps
