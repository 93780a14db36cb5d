// SPDX-License-Identifier: Apache-2.0
#include "accel/rtl/dot_lane.hpp"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "accel/rtl/adder_tree.hpp"
#include "accel/rtl/lane_control.hpp"
#include "accel/rtl/test_bench.hpp"
#include "accel/rtl/text.hpp"
#include "memory/integer_math.hpp"
#include "models/kernels/exact_dot.hpp"
#include "models/weights/counter_random.hpp"

namespace tilewright::accel {

namespace {

constexpr std::string_view signed_leaves = R"(
    // Products.
    logic @{all} level_0;
    for (genvar i = 0; i < @{inputs}; i++) begin : multiply
        logic signed @{range} product;
        @{multiplier} multiplier (
            .weight_code(weight_codes[@{weight_bits} * i +: @{weight_bits}]),
            .input_code(input_codes[@{input_bits} * i +: @{input_bits}]),
            .product(product)
        );
        always_ff @(posedge clock) level_0[@{bits} * i +: @{bits}] <= product;
    end
)";

constexpr std::string_view sign_magnitude_leaves = R"(
    // Products as sign and magnitude. A negative one enters the tree as the complement of its magnitude, and
    // the one that this lacks is the carry of some adder.
    logic @{all} products;
    for (genvar i = 0; i < @{inputs}; i++) begin : multiply
        logic @{magnitude_range} magnitude;
        logic negative;
        logic signed @{range} unused_product;
        @{multiplier} multiplier (
            .weight_code(weight_codes[@{weight_bits} * i +: @{weight_bits}]),
            .input_code(input_codes[@{input_bits} * i +: @{input_bits}]),
            .product(unused_product),
            .magnitude(magnitude),
            .negative(negative)
        );
        always_ff @(posedge clock) products[@{bits} * i +: @{bits}] <= {negative, magnitude};
    end

    logic @{all} level_0;
    logic @{inputs_range} carry_0;
    always_comb
        for (int i = 0; i < @{inputs}; i++) begin
            carry_0[i] = products[@{bits} * i + @{sign}];
            level_0[@{bits} * i +: @{bits}] = products[@{bits} * i +: @{bits}] ^ {1'b0, {@{sign}{carry_0[i]}}};
        end
)";

constexpr std::string_view dot_lane_ports = R"(module @{name} (
    input logic clock,
    input logic clear,
    input logic enable,
    input logic @{weights} weight_codes,
    input logic @{codes} input_codes,
    output logic signed @{sum} sum
);
)";

// Codes of the largest and the smallest product.
struct Extremes {
    std::uint32_t largest[2];
    std::uint32_t smallest[2];
};

Extremes find_extremes(const RtlMultiplier& multiplier) {
    Extremes extremes = {};
    std::int64_t largest = 0;
    std::int64_t smallest = 0;
    for (const auto weight : finite_codes(multiplier.weights())) {
        for (const auto input : finite_codes(multiplier.inputs())) {
            const auto product = multiplier.units(weight, input);
            if (product > largest) {
                largest = product;
                extremes.largest[0] = weight;
                extremes.largest[1] = input;
            }
            if (product < smallest) {
                smallest = product;
                extremes.smallest[0] = weight;
                extremes.smallest[1] = input;
            }
        }
    }
    return extremes;
}

// Cycles of a lane and the sums that the kernels make of them.
class DotLaneVectors {
  public:
    using Codes = std::vector<std::uint16_t>;

    DotLaneVectors(const DotLane& lane, TestBench& bench)
        : lane_(lane), bench_(bench), exact_(lane.multiplier.weights(), lane.multiplier.inputs()) {}

    void cycle(bool clear, bool enable, const Codes& weights, const Codes& inputs) {
        if (clear) sum_ = 0;
        if (enable) sum_ += exact_.dot(weights, inputs).units.convert_to<models::Int128>();
        bench_.add({clear ? "1" : "0", enable ? "1" : "0", packed(weights, lane_.multiplier.weights().bits),
                    packed(inputs, lane_.multiplier.inputs().bits)},
                   hex_digits(sum_, lane_.sum_bits()));
    }

    // A segment of equal products, as long as they come.
    void equal_segment(std::uint32_t weight, std::uint32_t input) {
        for (std::int64_t begin = 0; begin < lane_.segment; begin += lane_.inputs) {
            const auto count =
                static_cast<std::size_t>(std::min<std::int64_t>(lane_.inputs, lane_.segment - begin));
            Codes weights(static_cast<std::size_t>(lane_.inputs), 0);
            Codes inputs = weights;
            std::fill_n(weights.begin(), count, static_cast<std::uint16_t>(weight));
            std::fill_n(inputs.begin(), count, static_cast<std::uint16_t>(input));
            cycle(begin == 0, true, weights, inputs);
        }
    }

    // Short segments of random codes, some with gaps.
    void random_segments(std::int64_t cycles) {
        const auto longest = std::min<std::int64_t>(6, memory::divide_up(lane_.segment, lane_.inputs));
        std::int64_t left = 0;
        for (std::int64_t i = 0; i < cycles; ++i) {
            const auto draw = random_.bits(place_++);
            const bool clear = left == 0;
            // Without `enable`, operands do not matter.
            const bool enable = (draw >> 32) % 8 != 0;
            if (clear) left = 1 + static_cast<std::int64_t>(draw % static_cast<std::uint64_t>(longest));
            if (enable || (draw >> 40) % 2 == 0) --left;
            cycle(clear, enable, random_codes(lane_.multiplier.weights()),
                  random_codes(lane_.multiplier.inputs()));
        }
    }

  private:
    static std::string packed(const Codes& codes, int bits) {
        // From the last code, whose bits are the highest.
        std::string binary;
        for (auto code = codes.rbegin(); code != codes.rend(); ++code) {
            binary += fmt::format("{:0{}b}", *code, bits);
        }
        return hex_of_binary(binary);
    }

    Codes random_codes(const models::NumberFormat& format) {
        const auto finite = finite_codes(format);
        Codes codes(static_cast<std::size_t>(lane_.inputs));
        for (auto& code : codes) {
            code = static_cast<std::uint16_t>(finite[random_.bits(place_++) % finite.size()]);
        }
        return codes;
    }

    const DotLane& lane_;
    TestBench& bench_;
    models::ExactDot exact_;
    models::CounterRandom random_{1, "vectors of a dot-product lane"};
    std::uint64_t place_ = 0;
    models::Int128 sum_ = 0;
};

}  // namespace

std::string DotLane::name() const {
    return fmt::format("dot_lane_{}_{}_{}", multiplier.weights().name, multiplier.inputs().name, inputs);
}

int DotLane::latency() const {
    return 2 + tree_levels(inputs);
}

int DotLane::bits_of_sum(std::int64_t products) const {
    return 1 + static_cast<int>(
                   std::bit_width(static_cast<std::uint64_t>(multiplier.largest_product() * products)));
}

std::string DotLane::body() const {
    AdderTree tree;
    tree.leaves = inputs;
    tree.carries = multiplier.sign_magnitude();
    tree.bits = {multiplier.product_bits()};
    for (int level = 1; level <= tree_levels(inputs); ++level) {
        tree.bits.push_back(bits_of_sum(std::min<std::int64_t>(inputs, std::int64_t{1} << level)));
    }
    const auto bits = multiplier.product_bits();
    auto text = fill(tree.carries ? sign_magnitude_leaves : signed_leaves,
                     {{"multiplier", multiplier.name()},
                      {"inputs", std::to_string(inputs)},
                      {"inputs_range", bit_range(inputs)},
                      {"all", bit_range(inputs * bits)},
                      {"bits", std::to_string(bits)},
                      {"range", bit_range(bits)},
                      {"sign", std::to_string(bits - 1)},
                      {"magnitude_range", bit_range(multiplier.magnitude_bits())},
                      {"weight_bits", std::to_string(multiplier.weights().bits)},
                      {"input_bits", std::to_string(multiplier.inputs().bits)}});
    return text + tree.text() +
           accumulator_text(
               {1 + tree.levels(),
                sign_extended(fmt::format("level_{}", tree.levels()), tree.root_bits(), sum_bits()),
                tree.carries ? fmt::format("carry_{}[0]", tree.levels()) : "", sum_bits()});
}

RtlModule DotLane::module(const std::vector<std::string>& origin) const {
    RtlModule module;
    module.name = name();
    module.summary = fmt::format("sum of {} products a cycle, up to {} in all", inputs, segment);
    module.latency = latency();
    module.uses = {multiplier.name()};
    std::vector<std::string> lines = {
        fmt::format("A dot-product lane: {} products of weights in {} and inputs in {} a cycle.", inputs,
                    multiplier.weights().name, multiplier.inputs().name),
        "",
        "enable: adds the products of these operands to the sum",
        "clear: the sum before these operands counts as 0; may come with enable or alone",
        "weight_codes, input_codes: the first code in the lowest bits; codes of 0 where a segment ends early",
        fmt::format("sum: two's complement, exact, in units of {}; no sum of up to {} products overflows",
                    power_of_two(multiplier.lsb_exponent()), segment),
        fmt::format("Latency: {} cycles, a new set of operands every cycle; no reset", latency())};
    lines.insert(lines.end(), origin.begin(), origin.end());
    module.source = header_comment(lines) +
                    fill(dot_lane_ports, {{"name", module.name},
                                          {"weights", bit_range(inputs * multiplier.weights().bits)},
                                          {"codes", bit_range(inputs * multiplier.inputs().bits)},
                                          {"sum", bit_range(sum_bits())}}) +
                    body() + "endmodule\n";
    add_vectors(module);
    return module;
}

void DotLane::add_vectors(RtlModule& module) const {
    constexpr std::int64_t most_cycles = 300;
    constexpr std::int64_t least_cycles = 40;
    constexpr std::int64_t file_digits = 1'000'000;
    TestBench bench({{"clear", 1},
                     {"enable", 1},
                     {"weight_codes", inputs * multiplier.weights().bits},
                     {"input_codes", inputs * multiplier.inputs().bits}},
                    {"sum", sum_bits(), true}, true);
    DotLaneVectors vectors(*this, bench);
    const auto [largest, smallest] = find_extremes(multiplier);
    vectors.equal_segment(largest[0], largest[1]);
    vectors.equal_segment(smallest[0], smallest[1]);
    // A negative zero, where there is one.
    vectors.equal_segment(1U << static_cast<unsigned>(multiplier.weights().bits - 1), 0);
    const auto line = std::int64_t{inputs} * (multiplier.weights().bits + multiplier.inputs().bits) / 4 + 1;
    vectors.random_segments(std::clamp(file_digits / line, least_cycles, most_cycles));
    bench.finish(module);
}

}  // namespace tilewright::accel
