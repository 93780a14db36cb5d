// SPDX-License-Identifier: Apache-2.0
// A study and the design that it varies, from their files.
#pragma once

#include <filesystem>

#include "accel/report/evaluate.hpp"
#include "sweeps/point.hpp"
#include "sweeps/study.hpp"

namespace tilewright::cli {

struct LoadedStudy {
    sweeps::Study study;
    accel::DesignDocument base;
};

// Throws accel::ConfigError.
LoadedStudy load_study(const std::filesystem::path& path);

// The base design with what a point sets.
accel::DesignDocument design_of(const accel::DesignDocument& base, const sweeps::Point& point);

}  // namespace tilewright::cli
