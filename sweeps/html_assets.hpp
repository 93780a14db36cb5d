// SPDX-License-Identifier: Apache-2.0
// The files of sweeps/html/ as text, compiled in.
#pragma once

#include <string_view>

namespace tilewright::sweeps::assets {

extern const std::string_view report_css;
extern const std::string_view table_js;
extern const std::string_view chart_js;
extern const std::string_view vega_loader_begin;
extern const std::string_view vega_loader_end;
extern const std::string_view vega_license;

}  // namespace tilewright::sweeps::assets
