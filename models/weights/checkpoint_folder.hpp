// SPDX-License-Identifier: Apache-2.0
// A checkpoint directory: config.json and one or more safetensors files, whatever network they belong to.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "models/weights/safetensors.hpp"

namespace tilewright::models {

// A directory that is not a checkpoint of the wanted kind, or an incomplete or damaged one.
class CheckpointError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

// The projection to the vocabulary, in language models.
inline constexpr const char* checkpoint_head_name = "lm_head.weight";

// "[2, 3]".
std::string shape_text(const std::vector<std::int64_t>& shape);

// Reads config.json of a folder: a JSON object. Infinity and NaN, as Python writes them, are read as null.
// Throws CheckpointError.
nlohmann::json read_checkpoint_config(const std::filesystem::path& file);

// Reads counts from config.json and names what is missing or no count. `document` must outlive it.
class ConfigReader {
  public:
    // `within`: the pointer of a part of the file that `document` is.
    ConfigReader(const nlohmann::json& document, const std::string& file, const std::string& within = "");

    // Counts from 1 to 100,000,000. Throw CheckpointError.
    std::int64_t required(const char* key) const;
    std::int64_t optional(const char* key, std::int64_t otherwise) const;
    std::vector<std::int64_t> required_list(const char* key) const;
    // Of what may be said differently and is computed in one way: if it is there, one of these values.
    void fixed(const char* key, const std::vector<nlohmann::json>& computed) const;
    // Throws for a key that is none of these.
    void known_keys(const std::vector<std::string>& known) const;

  private:
    [[noreturn]] void refuse(const std::string& key, const std::string& what) const;
    std::int64_t count(const nlohmann::json& value, const std::string& key) const;

    const nlohmann::json& document_;
    std::string place_;
};

// Throws CheckpointError for heads that do not divide the channels. `place`: file and pointer.
void require_whole_heads(const std::string& place, std::int64_t heads, std::int64_t width);

class CheckpointFolder {
  public:
    // Maps all shards. `canonical` turns a name in a file into the one that it is asked for by. Throws
    // CheckpointError or SafetensorsError.
    explicit CheckpointFolder(const std::filesystem::path& folder,
                              const std::function<std::string(std::string)>& canonical = {});

    bool contains(const std::string& name) const { return tensors_.count(name) > 0; }
    // Throws CheckpointError if there is none.
    const TensorView& tensor(const std::string& name) const;
    std::vector<std::string> names() const;
    std::size_t size() const { return tensors_.size(); }
    const std::string& folder() const { return folder_; }

    // Throws CheckpointError when a tensor is missing, has another shape or a value that is not finite.
    // `ignore_ones`: axes of one element do not count.
    void check(const std::string& name, const std::vector<std::int64_t>& shape,
               bool ignore_ones = false) const;

    // Whether two tensors have the same numbers in the same shape.
    bool same(const std::string& one, const std::string& other) const;

    // Throws CheckpointError for more blocks than there are tensors, before a table of them is made that
    // might be larger than any checkpoint. `place`: file and pointer of the number.
    void require_blocks(const std::string& place, std::int64_t blocks) const;

    // All elements of a tensor.
    std::vector<float> read(const std::string& name) const;

  private:
    std::string folder_;
    std::vector<SafetensorsFile> files_;
    std::map<std::string, const TensorView*> tensors_;
};

}  // namespace tilewright::models
