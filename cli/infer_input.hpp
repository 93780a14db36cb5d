// SPDX-License-Identifier: Apache-2.0
// What infer reads and writes for networks of several kinds.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/command.hpp"
#include "models/weights/safetensors.hpp"

namespace tilewright::cli {

// The tensor "tokens". Throws SafetensorsError, also for tokens that the vocabulary does not have and for
// more of them than `most`.
std::vector<std::int64_t> read_tokens(const std::string& path, std::int64_t vocabulary,
                                      std::int64_t most = std::numeric_limits<std::int64_t>::max());

// The file of --calibration, for a recipe that has channel scales from what it holds, `what`: `needed`.
// Throws UsageError if there is none then, or one that nothing asks for.
std::optional<std::string> calibration_path(const boost::program_options::variables_map& values,
                                            const std::string& recipe, bool needed, const std::string& what);

// The file that --recipe names, or the recipe of that name in configs/recipes.
std::filesystem::path recipe_path(const boost::program_options::variables_map& values);
// What a checkpoint is refused with whose results F32 does not hold.
inline constexpr const char* weights_too_large =
    "its weights are so large that what comes out is no number any more";

// What was run, for people: "with NAME", or "in float64".
std::string arithmetic(const boost::program_options::variables_map& values);

// [rows, ...].
models::OutputTensor output_rows(const std::vector<double>& values, std::int64_t rows);

// Logits and blocks, as many rows as there were tokens, into the file of --output. Throws CheckpointError for
// numbers that F32 does not hold.
void write_text_output(const boost::program_options::variables_map& values, std::int64_t rows,
                       const std::vector<double>& logits, const std::vector<std::vector<double>>& blocks);

}  // namespace tilewright::cli
