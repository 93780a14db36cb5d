// SPDX-License-Identifier: Apache-2.0
#include "models/weights/synthetic_mamba.hpp"

#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <new>
#include <span>
#include <stdexcept>
#include <string_view>

#include <sys/mman.h>

#include "models/index.hpp"
#include "models/weights/counter_random.hpp"

namespace tilewright::models {

namespace {

// How a vector of channel scales is drawn: exp(spread * normal), and `factor` times that for a `fraction`.
struct ChannelScales {
    double spread = 0;
    double fraction = 0;
    double factor = 1;
};

constexpr ChannelScales output_scales = {.spread = 0.3, .fraction = 0, .factor = 1};
constexpr ChannelScales gate_scales = {.spread = 0.5, .fraction = 1.0 / 128, .factor = 4};
constexpr ChannelScales input_scales = {.spread = 0.2, .fraction = 0, .factor = 1};
constexpr ChannelScales norm_scales = {.spread = 0.25, .fraction = 1.0 / 256, .factor = 3};
constexpr ChannelScales residual_scales = {.spread = 0.4, .fraction = 0, .factor = 1};
constexpr std::size_t channels_per_fixed = 640;
constexpr float fixed_factor = 30;
constexpr double moving_fraction = 1.0 / 500;  // of the channels, at each token
constexpr float moving_factor = 15;
constexpr double jitter = 0.1;

float channel_scale(const ChannelScales& scales, const CounterRandom& random, std::uint64_t channel) {
    auto scale = portable_exp(scales.spread * random.normal(channel));
    // A position that normal() does not use.
    if (random.uniform(~channel) < scales.fraction) scale *= scales.factor;
    return static_cast<float>(scale);
}

std::uint16_t to_bf16(float number) {
    const auto bits = std::bit_cast<std::uint32_t>(number);
    return static_cast<std::uint16_t>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16);
}

// Numbers as elements of a tensor.
void store(std::span<const float> numbers, ElementType type, std::byte* out) {
    if (type == ElementType::f32) {
        std::memcpy(out, numbers.data(), numbers.size_bytes());
        return;
    }
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        const auto rounded = to_bf16(numbers[i]);
        std::memcpy(out + 2 * i, &rounded, 2);
    }
}

struct TensorDraw {
    const MambaConfig& config;
    std::uint64_t seed;
    std::string name;
    const std::vector<std::int64_t>& shape;

    bool is(std::string_view ending) const {
        return name.size() >= ending.size() && std::string_view(name).ends_with(ending);
    }
};

// [outputs, inputs] with heavy tails. Four elements take the 64 bits of one draw.
void draw_linear(const TensorDraw& draw, ElementType storage, std::byte* memory) {
    const auto outputs = index(draw.shape[0]);
    const auto inputs = index(draw.shape[1]);
    const CounterRandom random(draw.seed, draw.name);
    const CounterRandom row_random(draw.seed, draw.name + ".outputs");
    const CounterRandom column_random(draw.seed, draw.name + ".inputs");
    const auto& student = StudentTable::get();
    const auto gain = 1 / std::sqrt(static_cast<double>(inputs));
    const auto draws = (inputs + 3) / 4;
    std::vector<float> columns(4 * draws);
    for (std::size_t k = 0; k < inputs; ++k) {
        columns[k] = static_cast<float>(gain * channel_scale(input_scales, column_random, k));
    }
    const auto gated = draw.is("in_proj.weight") ? index(2 * draw.config.d_inner()) : 0;
    std::vector<float> row(4 * draws);
    for (std::size_t n = 0; n < outputs; ++n) {
        const auto scale = channel_scale(n < gated ? gate_scales : output_scales, row_random, n);
        for (std::size_t block = 0; block < draws; ++block) {
            const auto bits = random.bits(n * draws + block);
            for (std::size_t lane = 0; lane < 4; ++lane) {
                const auto k = 4 * block + lane;
                row[k] = student(static_cast<std::uint32_t>(bits >> (16 * lane))) * (scale * columns[k]);
            }
        }
        store({row.data(), inputs}, storage, memory + n * inputs * element_bytes(storage));
    }
}

// One element of a tensor that is not a large matrix.
std::function<double(std::uint64_t)> element_rule(const TensorDraw& draw, const CounterRandom& random) {
    const auto uniform = [random](double limit) {
        return [random, limit](std::uint64_t i) { return limit * (2 * random.uniform(i) - 1); };
    };
    if (draw.is("conv1d.weight") || draw.is("conv1d.bias")) {
        return uniform(1 / std::sqrt(static_cast<double>(draw.config.convolution_width)));
    }
    if (draw.is("dt_proj.weight")) return uniform(1 / std::sqrt(static_cast<double>(draw.config.dt_rank())));
    if (draw.is("dt_bias") || draw.is("dt_proj.bias")) {
        return [random](std::uint64_t i) {
            const auto lowest = portable_log(0.001);
            const auto dt = portable_exp(lowest + random.uniform(i) * (portable_log(0.1) - lowest));
            return dt + portable_log(1 - portable_exp(-dt));  // softplus^-1
        };
    }
    if (draw.is("A_log")) {
        if (draw.config.version == MambaVersion::mamba2) {
            return [random](std::uint64_t i) { return portable_log(1 + 15 * random.uniform(i)); };
        }
        const auto states = static_cast<std::uint64_t>(draw.config.d_state);
        return [random, states](std::uint64_t i) {
            return portable_log(static_cast<double>(i % states + 1)) + jitter * random.normal(i);
        };
    }
    if (draw.is("mixer.D")) return [random](std::uint64_t i) { return 1 + jitter * random.normal(i); };
    return [random](std::uint64_t i) { return double{channel_scale(norm_scales, random, i)}; };
}

void draw_tensor(const TensorDraw& draw, ElementType storage, std::byte* memory) {
    if (draw.shape.size() == 2 && !draw.is("dt_proj.weight") && !draw.is("A_log")) {
        draw_linear(draw, storage, memory);
        return;
    }
    std::size_t elements = 1;
    for (const auto size : draw.shape) elements *= index(size);
    const auto element = element_rule(draw, CounterRandom(draw.seed, draw.name));
    std::vector<float> numbers(elements);
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<float>(element(i));
    store(numbers, storage, memory);
}

// Tensors begin on cache lines.
std::size_t padded(std::size_t bytes) {
    return (bytes + 63) / 64 * 64;
}

// More than any network has, and few enough that sizes in bytes cannot overflow.
constexpr std::int64_t most_elements = std::int64_t{1} << 40;

std::int64_t checked_elements(const std::string& name, const std::vector<std::int64_t>& shape) {
    std::int64_t elements = 1;
    for (const auto size : shape) {
        if (size > most_elements / elements) {
            throw std::invalid_argument("tensor \"" + name + "\" has more than 2^40 elements");
        }
        elements *= size;
    }
    return elements;
}

// In huge pages where there are: touching small ones for the first time takes longer than the drawing.
std::unique_ptr<std::byte[], void (*)(void*)> allocate(std::size_t bytes) {
    constexpr std::size_t huge_page = std::size_t{2} << 20;
    const auto whole = (bytes + huge_page - 1) / huge_page * huge_page;
    auto* memory = static_cast<std::byte*>(std::aligned_alloc(huge_page, whole));
    if (memory == nullptr) throw std::bad_alloc();
    madvise(memory, whole, MADV_HUGEPAGE);  // a hint: its failure changes nothing but the time
    return {memory, std::free};
}

}  // namespace

SyntheticMamba::SyntheticMamba(const MambaConfig& config, std::uint64_t seed, ElementType storage)
    : config_(config), memory_(nullptr, std::free) {
    if (storage != ElementType::f32 && storage != ElementType::bf16) {
        throw std::invalid_argument("synthetic weights stored as " + std::string(to_string(storage)) +
                                    "; allowed: F32, BF16");
    }
    std::size_t bytes = 0;
    for (const auto& [name, shape] : mamba_weight_shapes(config)) {
        TensorView view;
        view.type = storage;
        view.shape = shape;
        bytes += padded(index(checked_elements(name, shape)) * element_bytes(storage));
        tensors_.emplace(name, std::move(view));
    }
    memory_ = allocate(bytes);
    auto* next = memory_.get();
    for (auto& [name, view] : tensors_) {
        draw_tensor({config, seed, name, view.shape}, storage, next);
        view.data = next;
        next += padded(index(view.elements()) * element_bytes(storage));
    }
}

const TensorView& SyntheticMamba::tensor(const std::string& name) const {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) {
        throw std::out_of_range("the synthetic network has no tensor \"" + name + "\"");
    }
    return found->second;
}

std::vector<double> synthetic_residual(const MambaConfig& config, std::int64_t tokens, std::uint64_t seed) {
    if (tokens < 0 || config.d_model < 1) {
        throw std::invalid_argument("a residual stream of " + std::to_string(tokens) + " tokens of " +
                                    std::to_string(config.d_model) + " channels");
    }
    const auto width = index(config.d_model);
    const CounterRandom channel_random(seed, "residual.channels");
    const CounterRandom random(seed, "residual.elements");
    const CounterRandom moving(seed, "residual.moving");
    const auto& student = StudentTable::get();
    std::vector<float> scales(width);
    for (std::size_t c = 0; c < width; ++c) scales[c] = channel_scale(residual_scales, channel_random, c);
    const CounterRandom fixed(seed, "residual.fixed");
    for (std::size_t i = 0; i * channels_per_fixed < width; ++i)
        scales[fixed.bits(i) % width] *= fixed_factor;
    std::vector<double> residual(index(tokens) * width);
    for (std::size_t i = 0; i < residual.size(); ++i) {
        auto scale = scales[i % width];
        if (moving.uniform(i) < moving_fraction) scale *= moving_factor;
        residual[i] = double{student(static_cast<std::uint32_t>(random.bits(i))) * scale};
    }
    return residual;
}

}  // namespace tilewright::models
