// SPDX-License-Identifier: Apache-2.0
#include "accel/rtl/binary_lane.hpp"

#include <algorithm>
#include <bit>
#include <numeric>
#include <span>

#include <fmt/format.h>

#include "accel/rtl/adder_tree.hpp"
#include "accel/rtl/agreement_count.hpp"
#include "accel/rtl/lane_control.hpp"
#include "accel/rtl/test_bench.hpp"
#include "accel/rtl/text.hpp"
#include "memory/integer_math.hpp"
#include "models/kernels/binary_convolution.hpp"
#include "models/weights/counter_random.hpp"

namespace tilewright::accel {

namespace {

constexpr std::string_view binary_lane_ports = R"(module @{name} (
    input logic clock,
    input logic clear,
    input logic enable,
    input logic @{inputs} signs,
    input logic @{inputs} weights,
    input logic @{groups} mask,
    output logic signed @{sum} sum
);
)";

constexpr std::string_view leaves = R"(
    // Signs that agree, of each tap inside the image.
    logic @{all} level_0;
    for (genvar i = 0; i < @{groups}; i++) begin : compare
        logic @{count_range} count;
        @{counter} counter (
            .left(signs[@{group} * i +: @{group}]),
            .right(weights[@{group} * i +: @{group}]),
            .count(count)
        );
        always_ff @(posedge clock)
            if (mask[i]) level_0[@{count_bits} * i +: @{count_bits}] <= count;
            else level_0[@{count_bits} * i +: @{count_bits}] <= '0;
    end
)";

// Twice the signs that agree, less all that were compared.
constexpr std::string_view correction = R"(
    // How many bits of the mask are set.
    logic @{present_range} present;
    always_comb begin
        present = '0;
        for (int i = 0; i < @{groups}; i++) present = present + @{one};
    end
@{delay}
    logic @{sum} compared;
    logic @{sum} difference;
    assign compared = @{present_wide} * @{group};
    always_ff @(posedge clock) difference <= @{doubled} - compared;
)";

using Signs = std::vector<float>;  // +1 and -1

// A 3x3 image, rows of weights, and what the kernel makes of them at every pixel.
class BinaryLaneVectors {
  public:
    BinaryLaneVectors(const BinaryLane& lane, TestBench& bench) : lane_(lane), bench_(bench) {}

    // Weights as they come, those that agree with a pixel's whole neighbourhood, and their opposite.
    void image() {
        const auto taps = static_cast<std::size_t>(models::convolution_taps * lane_.channels);
        pixels_ = random_signs(taps);
        auto rows = random_signs(taps);
        rows.insert(rows.end(), pixels_.begin(), pixels_.end());
        for (const auto sign : pixels_) rows.push_back(-sign);
        models::SignMap map({side, side}, lane_.channels);
        for (std::int64_t y = 0; y < side; ++y) {
            for (std::int64_t x = 0; x < side; ++x) map.set_pixel(y, x, pixel(y, x));
        }
        constexpr std::int64_t outputs = 3;
        const models::BinaryConvolution convolution(
            outputs, lane_.channels, models::pack_signs(std::span<const float>(rows), lane_.channels));
        for (std::int64_t y = 0; y < side; ++y) {
            for (std::int64_t x = 0; x < side; ++x) {
                std::int32_t dots[outputs];
                convolution.pixel(map, y, x, dots);
                for (std::size_t output = 0; output < outputs; ++output) {
                    neighbourhood(y, x, std::span(rows).subspan(output * taps, taps), dots[output]);
                }
            }
        }
    }

  private:
    static constexpr std::int64_t side = models::convolution_side;

    Signs random_signs(std::size_t count) {
        Signs signs(count);
        for (auto& sign : signs) sign = (random_.bits(place_++) & 1U) != 0 ? 1.0F : -1.0F;
        return signs;
    }

    std::span<const float> pixel(std::int64_t y, std::int64_t x) const {
        const auto channels = static_cast<std::size_t>(lane_.channels);
        return std::span(pixels_).subspan(static_cast<std::size_t>(y * side + x) * channels, channels);
    }

    // The taps of a pixel, as many a cycle as the lane takes, and the sum behind the last ones. Now and then
    // a cycle in which nothing is added.
    void neighbourhood(std::int64_t y, std::int64_t x, std::span<const float> weights, std::int32_t dot) {
        std::string signs;
        std::string mask;
        std::string rows;
        for (std::int64_t tap = 0; tap < models::convolution_taps; ++tap) {
            const auto from_y = y + tap / side - 1;
            const auto from_x = x + tap % side - 1;
            const bool inside = from_y >= 0 && from_y < side && from_x >= 0 && from_x < side;
            for (std::int64_t channel = 0; channel < lane_.channels; ++channel) {
                const auto at = static_cast<std::size_t>(channel);
                // What lies outside does not matter.
                const bool sign = inside ? pixel(from_y, from_x)[at] > 0 : (random_.bits(place_++) & 1U) != 0;
                signs += sign ? '1' : '0';
                mask += inside ? '1' : '0';
                rows += weights[static_cast<std::size_t>(tap * lane_.channels + channel)] > 0 ? '1' : '0';
            }
        }
        const auto inputs = static_cast<std::size_t>(lane_.inputs);
        for (std::size_t begin = 0; begin < signs.size(); begin += inputs) {
            const bool last = begin + inputs >= signs.size();
            const auto sum = last ? hex_digits(dot, lane_.sum_bits()) : "";
            const auto part = [&](const std::string& bits) { return bits.substr(begin, inputs); };
            add(begin == 0, true, part(signs), part(rows), part(mask), sum);
            if ((random_.bits(place_++) & 7U) == 0) {
                add(false, false, part(signs), part(rows), part(mask), sum);
            }
        }
    }

    void add(bool clear, bool enable, std::string signs, std::string rows, std::string mask,
             const std::string& sum) {
        std::string groups;
        mask.resize(static_cast<std::size_t>(lane_.inputs), '0');
        for (std::size_t i = 0; i < mask.size(); i += static_cast<std::size_t>(lane_.group())) {
            groups += mask[i];
        }
        const auto packed = [&](std::string bits) {
            bits.resize(static_cast<std::size_t>(lane_.inputs), '0');
            std::reverse(bits.begin(), bits.end());
            return hex_of_binary(bits);
        };
        std::reverse(groups.begin(), groups.end());
        bench_.add({clear ? "1" : "0", enable ? "1" : "0", packed(std::move(signs)), packed(std::move(rows)),
                    hex_of_binary(groups)},
                   sum);
    }

    const BinaryLane& lane_;
    TestBench& bench_;
    models::CounterRandom random_{1, "vectors of a binary lane"};
    std::uint64_t place_ = 0;
    Signs pixels_;  // of all channels of each pixel
};

}  // namespace

std::string BinaryLane::name() const {
    return fmt::format("binary_lane_{}", inputs);
}

int BinaryLane::group() const {
    return static_cast<int>(std::gcd(std::int64_t{inputs}, channels));
}

int BinaryLane::sum_bits() const {
    const auto most = std::max<std::int64_t>(inputs, models::convolution_taps * channels);
    return 1 + std::bit_width(static_cast<std::uint64_t>(most));
}

int BinaryLane::latency() const {
    return 3 + tree_levels(groups());
}

std::string BinaryLane::body() const {
    AdderTree tree;
    tree.leaves = groups();
    tree.is_signed = false;
    for (int level = 0; level <= tree_levels(groups()); ++level) {
        tree.bits.push_back(count_width(std::min(groups(), 1 << level) * group()));
    }
    const auto present_bits = count_width(groups());
    const auto bits = sum_bits();
    // One bit is doubled away, and the sign's is above it.
    const auto doubled = fmt::format(
        "{{{}, 1'b0}}", zero_extended(fmt::format("level_{}", tree.levels()), tree.root_bits(), bits - 1));
    return fill(leaves, {{"all", bit_range(groups() * count_width(group()))},
                         {"groups", std::to_string(groups())},
                         {"group", std::to_string(group())},
                         {"counter", agreement_count_name(group())},
                         {"count_bits", std::to_string(count_width(group()))},
                         {"count_range", bit_range(count_width(group()))}}) +
           tree.text() +
           fill(correction, {{"present_range", bit_range(present_bits)},
                             {"groups", std::to_string(groups())},
                             {"one", zero_extended("mask[i]", 1, present_bits)},
                             {"delay", delay_text("present", present_bits, 1 + tree.levels())},
                             {"sum", bit_range(bits)},
                             {"present_wide", zero_extended("present_then", present_bits, bits)},
                             {"group", sized(static_cast<std::uint64_t>(group()), bits)},
                             {"doubled", doubled}}) +
           accumulator_text({2 + tree.levels(), "difference", "", bits});
}

RtlModule BinaryLane::module(const std::vector<std::string>& origin) const {
    RtlModule module;
    module.name = name();
    module.summary = fmt::format("{} products of signs a cycle", inputs);
    module.latency = latency();
    module.uses = {agreement_count_name(group())};
    std::vector<std::string> lines = {
        fmt::format("A lane of a binary convolution: {} products of signs a cycle; 1 is +1, 0 is -1.",
                    inputs),
        "",
        "enable: adds 2 popcount(xnor & mask) - popcount(mask) of these operands to the sum",
        "clear: the sum before these operands counts as 0; may come with enable or alone",
        "signs, weights: tap after tap, the first channel in the lowest bits",
        fmt::format("mask: a bit for every {} signs, 0 where their tap lies outside the image", group()),
        fmt::format("sum: two's complement; no sum over the {} taps of {} channels overflows",
                    models::convolution_taps, channels),
        fmt::format("Latency: {} cycles, a new set of operands every cycle; no reset", latency())};
    lines.insert(lines.end(), origin.begin(), origin.end());
    module.source = header_comment(lines) +
                    fill(binary_lane_ports, {{"name", module.name},
                                             {"inputs", bit_range(inputs)},
                                             {"groups", bit_range(groups())},
                                             {"sum", bit_range(sum_bits())}}) +
                    body() + "endmodule\n";
    add_vectors(module);
    return module;
}

void BinaryLane::add_vectors(RtlModule& module) const {
    constexpr std::int64_t enough_cycles = 300;
    constexpr std::int64_t pixels_and_rows = 9 * 3;
    const auto cycles =
        pixels_and_rows * memory::divide_up(models::convolution_taps * channels, std::int64_t{inputs});
    const auto images = std::clamp<std::int64_t>(enough_cycles / cycles, 1, 8);
    TestBench bench({{"clear", 1}, {"enable", 1}, {"signs", inputs}, {"weights", inputs}, {"mask", groups()}},
                    {"sum", sum_bits(), true}, true);
    BinaryLaneVectors vectors(*this, bench);
    for (std::int64_t image = 0; image < images; ++image) vectors.image();
    bench.finish(module);
}

}  // namespace tilewright::accel
