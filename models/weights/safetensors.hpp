// SPDX-License-Identifier: Apache-2.0
// Safetensors files: memory-mapped for reading, checked before any of their data is touched; and writing.
// Layout: an 8-byte little-endian length, a JSON header of that length, then the tensors' bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace tilewright::models {

// A file that cannot be read or does not say the truth about itself; the message names file and tensor.
class SafetensorsError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

// `boolean` is a byte, 0 or 1: masks that frameworks keep beside the weights.
enum class ElementType { f64, f32, f16, bf16, i64, i32, u8, boolean };

std::size_t element_bytes(ElementType type);
bool is_floating(ElementType type);
std::string_view to_string(ElementType type);  // the spelling of the format: "F32", "BF16", ...

// Row-major elements of a tensor inside a mapped file. Valid as long as the file is.
struct TensorView {
    ElementType type = ElementType::f32;
    std::vector<std::int64_t> shape;
    const std::byte* data = nullptr;

    std::int64_t elements() const;
    // Element `index` as a number; exact for every type but large i64.
    double at(std::int64_t index) const;
    // Elements [begin, begin + count) into `out`.
    void read(std::int64_t begin, std::int64_t count, double* out) const;
    std::vector<double> read_all() const;
};

class SafetensorsFile {
  public:
    // Maps and checks the file: header length and syntax, known element types, shapes that match their bytes,
    // offsets inside the file, no overlap, no gap and no name twice. Throws SafetensorsError.
    explicit SafetensorsFile(const std::filesystem::path& path);
    ~SafetensorsFile();
    SafetensorsFile(SafetensorsFile&&) noexcept;
    SafetensorsFile& operator=(SafetensorsFile&&) noexcept;

    const std::map<std::string, TensorView>& tensors() const { return tensors_; }
    // Throws SafetensorsError if there is none.
    const TensorView& tensor(const std::string& name) const;

  private:
    class Mapping;
    std::string path_;
    std::unique_ptr<Mapping> mapping_;
    std::map<std::string, TensorView> tensors_;
};

// A tensor to be written as F32.
struct OutputTensor {
    std::vector<std::int64_t> shape;
    std::vector<float> values;
};

// The bytes of a file with these tensors, in the order of their names.
std::string safetensors_bytes(const std::map<std::string, OutputTensor>& tensors);

}  // namespace tilewright::models
