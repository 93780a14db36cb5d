// SPDX-License-Identifier: Apache-2.0
#include "models/weights/safetensors.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <set>
#include <utility>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tilewright::models {

using nlohmann::json;

static_assert(std::endian::native == std::endian::little,
              "tensors are read where they lie, in little-endian order");

namespace {

constexpr std::pair<std::string_view, ElementType> types[] = {
    {"F64", ElementType::f64},   {"F32", ElementType::f32},     {"F16", ElementType::f16},
    {"BF16", ElementType::bf16}, {"I64", ElementType::i64},     {"I32", ElementType::i32},
    {"U8", ElementType::u8},     {"BOOL", ElementType::boolean}};

// The format's own limit on the header.
constexpr std::uint64_t longest_header = 100'000'000;

double half_to_double(std::uint16_t bits) {
    const int sign = bits >> 15;
    const int exponent = (bits >> 10) & 31;
    const int mantissa = bits & 1023;
    double value = 0;
    if (exponent == 31) {
        value = mantissa == 0 ? HUGE_VAL : std::nan("");
    } else if (exponent == 0) {
        value = std::ldexp(mantissa, -24);
    } else {
        value = std::ldexp(1024 + mantissa, exponent - 25);
    }
    return sign != 0 ? -value : value;
}

// All halves, once: a table look-up a weight is faster than taking it apart.
const std::vector<double>& half_table() {
    static const std::vector<double> table = [] {
        std::vector<double> values(1U << 16);
        for (std::size_t i = 0; i < values.size(); ++i)
            values[i] = half_to_double(static_cast<std::uint16_t>(i));
        return values;
    }();
    return table;
}

template <typename T>
T load(const std::byte* data, std::int64_t index) {
    T value;
    std::memcpy(&value, data + static_cast<std::size_t>(index) * sizeof(T), sizeof(T));
    return value;
}

template <typename Stored, typename Convert>
void convert_all(const std::byte* data, std::int64_t begin, std::int64_t count, double* out,
                 Convert convert) {
    for (std::int64_t i = 0; i < count; ++i) out[i] = convert(load<Stored>(data, begin + i));
}

}  // namespace

std::size_t element_bytes(ElementType type) {
    switch (type) {
        case ElementType::f64:
        case ElementType::i64:
            return 8;
        case ElementType::f32:
        case ElementType::i32:
            return 4;
        case ElementType::f16:
        case ElementType::bf16:
            return 2;
        case ElementType::u8:
        case ElementType::boolean:
            return 1;
    }
    return 0;
}

bool is_floating(ElementType type) {
    return type == ElementType::f64 || type == ElementType::f32 || type == ElementType::f16 ||
           type == ElementType::bf16;
}

std::string_view to_string(ElementType type) {
    for (const auto& [name, candidate] : types) {
        if (candidate == type) return name;
    }
    return "";
}

std::int64_t TensorView::elements() const {
    std::int64_t count = 1;
    for (const auto size : shape) count *= size;
    return count;
}

double TensorView::at(std::int64_t index) const {
    double value = 0;
    read(index, 1, &value);
    return value;
}

std::vector<double> TensorView::read_all() const {
    std::vector<double> values(static_cast<std::size_t>(elements()));
    read(0, elements(), values.data());
    return values;
}

void TensorView::read(std::int64_t begin, std::int64_t count, double* out) const {
    switch (type) {
        case ElementType::f64:
            convert_all<double>(data, begin, count, out, [](double v) { return v; });
            break;
        case ElementType::f32:
            convert_all<float>(data, begin, count, out, [](float v) { return double{v}; });
            break;
        case ElementType::f16:
            convert_all<std::uint16_t>(data, begin, count, out,
                                       [&table = half_table()](std::uint16_t v) { return table[v]; });
            break;
        case ElementType::bf16:
            convert_all<std::uint16_t>(data, begin, count, out, [](std::uint16_t v) {
                return double{std::bit_cast<float>(std::uint32_t{v} << 16)};
            });
            break;
        case ElementType::i64:
            convert_all<std::int64_t>(data, begin, count, out,
                                      [](std::int64_t v) { return static_cast<double>(v); });
            break;
        case ElementType::i32:
            convert_all<std::int32_t>(data, begin, count, out, [](std::int32_t v) { return double(v); });
            break;
        case ElementType::u8:
        case ElementType::boolean:
            convert_all<std::uint8_t>(data, begin, count, out, [](std::uint8_t v) { return double(v); });
            break;
    }
}

class SafetensorsFile::Mapping {
  public:
    Mapping(const std::byte* bytes, std::size_t length) : data(bytes), size(length) {}
    ~Mapping() { munmap(const_cast<std::byte*>(data), size); }
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;

    const std::byte* data;
    std::size_t size;
};

namespace {

struct Entry {
    std::string name;
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
};

[[noreturn]] void refuse(const std::string& path, const std::string& what) {
    throw SafetensorsError(path + ": " + what);
}

// A name that stands twice would hide a tensor.
json parse_header(std::string_view text, const std::string& path) {
    std::set<std::string> names;
    std::string twice;
    const auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
        if (depth == 1 && event == json::parse_event_t::key) {
            auto name = parsed.get<std::string>();
            if (!names.insert(name).second) twice = name;
        }
        return true;
    };
    auto header = json::parse(text.begin(), text.end(), watch, false);
    if (!header.is_object()) refuse(path, "has a header that is not a JSON object");
    if (!twice.empty()) refuse(path, "tensor \"" + twice + "\" stands twice in the header");
    return header;
}

std::uint64_t offset(const json& value, const std::string& path, const std::string& name) {
    if (!value.is_number_unsigned())
        refuse(path, "tensor \"" + name + "\" has an offset that is not a count of bytes");
    return value.get<std::uint64_t>();
}

TensorView parse_tensor(const json& description, const std::string& path, Entry& entry) {
    const auto& name = entry.name;
    const auto broken = [&](const std::string& what) { refuse(path, "tensor \"" + name + "\" " + what); };
    if (!description.is_object() || !description.contains("dtype") || !description.contains("shape") ||
        !description.contains("data_offsets")) {
        broken("lacks dtype, shape or data_offsets");
    }
    if (!description.at("dtype").is_string() || !description.at("shape").is_array() ||
        !description.at("data_offsets").is_array() || description.at("data_offsets").size() != 2) {
        broken("has a dtype, shape or data_offsets of the wrong kind");
    }
    TensorView view;
    const auto type = description.at("dtype").get<std::string>();
    const auto* found =
        std::find_if(std::begin(types), std::end(types), [&](const auto& t) { return t.first == type; });
    if (found == std::end(types))
        broken("has the element type " + type + "; allowed: F64, F32, F16, BF16, I64, I32, U8, BOOL");
    view.type = found->second;
    std::uint64_t bytes = element_bytes(view.type);
    for (const auto& size : description.at("shape")) {
        if (!size.is_number_unsigned()) broken("has a shape that is not made of counts");
        const auto extent = size.get<std::uint64_t>();
        if (__builtin_mul_overflow(bytes, extent, &bytes) || extent > (std::uint64_t{1} << 62)) {
            broken("has a shape too large for any file");
        }
        view.shape.push_back(static_cast<std::int64_t>(extent));
    }
    entry.begin = offset(description.at("data_offsets").at(0), path, name);
    entry.end = offset(description.at("data_offsets").at(1), path, name);
    if (entry.end < entry.begin || entry.end - entry.begin != bytes) {
        broken("needs " + std::to_string(bytes) + " bytes by its shape but has offsets " +
               std::to_string(entry.begin) + " to " + std::to_string(entry.end));
    }
    return view;
}

}  // namespace

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : path_(path.string()) {
    const int descriptor = open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) refuse(path_, std::string("cannot be read: ") + std::strerror(errno));
    struct stat status = {};
    const bool regular = fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
    const auto size = regular ? static_cast<std::size_t>(status.st_size) : 0;
    void* mapped = size >= 8 ? mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0) : MAP_FAILED;
    close(descriptor);
    if (!regular) refuse(path_, "is not a regular file");
    if (mapped == MAP_FAILED) refuse(path_, "is too short to be a safetensors file, or cannot be mapped");
    mapping_ = std::make_unique<Mapping>(static_cast<const std::byte*>(mapped), size);

    const auto header_bytes = load<std::uint64_t>(mapping_->data, 0);
    if (header_bytes > longest_header || header_bytes > size - 8) {
        refuse(path_, "says that its header has " + std::to_string(header_bytes) + " bytes; the file has " +
                          std::to_string(size));
    }
    const auto* text = reinterpret_cast<const char*>(mapping_->data) + 8;
    const auto header = parse_header({text, header_bytes}, path_);
    const auto data_bytes = size - 8 - header_bytes;
    std::vector<Entry> entries;
    for (const auto& [name, description] : header.items()) {
        if (name == "__metadata__") continue;
        Entry entry;
        entry.name = name;
        auto view = parse_tensor(description, path_, entry);
        if (entry.end > data_bytes) {
            refuse(path_, "tensor \"" + name + "\" ends at byte " + std::to_string(entry.end) + " of " +
                              std::to_string(data_bytes) + ": the file is truncated");
        }
        view.data = mapping_->data + 8 + header_bytes + entry.begin;
        tensors_.emplace(name, std::move(view));
        entries.push_back(std::move(entry));
    }
    std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
        return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    std::uint64_t next = 0;
    for (const auto& entry : entries) {
        if (entry.begin < next) refuse(path_, "tensor \"" + entry.name + "\" overlaps the one before it");
        if (entry.begin > next) refuse(path_, "there is a gap before tensor \"" + entry.name + "\"");
        next = entry.end;
    }
    if (next != data_bytes)
        refuse(path_, std::to_string(data_bytes - next) + " bytes behind the last tensor belong to none");
}

SafetensorsFile::~SafetensorsFile() = default;
SafetensorsFile::SafetensorsFile(SafetensorsFile&&) noexcept = default;
SafetensorsFile& SafetensorsFile::operator=(SafetensorsFile&&) noexcept = default;

const TensorView& SafetensorsFile::tensor(const std::string& name) const {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) refuse(path_, "there is no tensor \"" + name + "\"");
    return found->second;
}

std::string safetensors_bytes(const std::map<std::string, OutputTensor>& tensors) {
    json header = json::object();
    std::uint64_t next = 0;
    for (const auto& [name, tensor] : tensors) {
        const auto bytes = tensor.values.size() * sizeof(float);
        header[name] = {{"dtype", "F32"}, {"shape", tensor.shape}, {"data_offsets", {next, next + bytes}}};
        next += bytes;
    }
    auto text = header.dump();
    text.append((8 - text.size() % 8) % 8, ' ');  // tensors begin on a multiple of eight bytes
    const auto length = static_cast<std::uint64_t>(text.size());
    std::string file(reinterpret_cast<const char*>(&length), sizeof(length));
    file += text;
    for (const auto& [name, tensor] : tensors) {
        file.append(reinterpret_cast<const char*>(tensor.values.data()),
                    tensor.values.size() * sizeof(float));
    }
    return file;
}

}  // namespace tilewright::models
