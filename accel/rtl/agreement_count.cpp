// SPDX-License-Identifier: Apache-2.0
#include "accel/rtl/agreement_count.hpp"

#include <algorithm>
#include <bit>
#include <span>

#include <fmt/format.h>

#include "accel/rtl/lane_control.hpp"
#include "accel/rtl/test_bench.hpp"
#include "accel/rtl/text.hpp"
#include "models/kernels/binary_convolution.hpp"
#include "models/weights/counter_random.hpp"

namespace tilewright::accel {

namespace {

// The bits of each weight that are still to be added up, by name.
using Columns = std::vector<std::vector<std::string>>;

std::string count_function(int bits) {
    std::string rows;
    for (unsigned value = 0; value < 1U << static_cast<unsigned>(bits); ++value) {
        rows += fmt::format("            {}'b{:0{}b}: count_{} = {};\n", bits, value, bits, bits,
                            sized(static_cast<unsigned>(std::popcount(value)), count_width(bits)));
    }
    return fmt::format(
        "\n    function automatic logic {} count_{}(input logic {} ones);\n"
        "        case (ones)\n{}            default: count_{} = {};\n        endcase\n"
        "    endfunction\n",
        bit_range(count_width(bits)), bits, bit_range(bits), rows, bits, sized(0, count_width(bits)));
}

class Counters {
  public:
    explicit Counters(int bits) : result_bits_(count_width(bits)), columns_(1) {
        for (int i = 0; i < bits; ++i) columns_[0].push_back(fmt::format("agree[{}]", i));
    }

    // One level of counters of `inputs` bits; what is left of a column and too little for one stays.
    void level(int inputs) {
        Columns next(columns_.size() + 2);
        for (std::size_t weight = 0; weight < columns_.size(); ++weight) {
            const auto& column = columns_[weight];
            std::size_t place = 0;
            while (column.size() - place > 2) place = count(column, place, weight, inputs, next);
            for (; place < column.size(); ++place) next[weight].push_back(column[place]);
        }
        while (next.back().empty()) next.pop_back();
        columns_ = std::move(next);
    }

    bool can_be_added() const {
        for (const auto& column : columns_) {
            if (column.size() > 2) return false;
        }
        return true;
    }

    std::string sum() const {
        std::string rows[2];
        for (int weight = result_bits_ - 1; weight >= 0; --weight) {
            for (std::size_t row = 0; row < 2; ++row) {
                const auto place = static_cast<std::size_t>(weight);
                const bool there = place < columns_.size() && columns_[place].size() > row;
                rows[row] += (rows[row].empty() ? "" : ", ") + (there ? columns_[place][row] : "1'b0");
            }
        }
        return fmt::format("{{{}}} + {{{}}}", rows[0], rows[1]);
    }

    const std::string& text() const { return text_; }
    bool counts_six() const { return counts_six_; }

  private:
    // Counts bits of a column from `place` on; returns the place behind them.
    std::size_t count(const std::vector<std::string>& column, std::size_t place, std::size_t weight,
                      int inputs, Columns& next) {
        const auto end = std::min(column.size(), place + static_cast<std::size_t>(inputs));
        const auto table = end - place > 3 ? 6 : 3;
        if (table == 6) counts_six_ = true;
        std::string bits;
        for (auto i = place + static_cast<std::size_t>(table); i-- > place;) {
            bits += (bits.empty() ? "" : ", ") + (i < end ? column[i] : "1'b0");
        }
        const auto name = fmt::format("count_{}_of_{}", counters_++, 1U << weight);
        const auto width = count_width(table);
        // Bits beyond the result's are never set.
        const auto kept = std::min(width, result_bits_ - static_cast<int>(weight));
        text_ += fmt::format("    logic {} {};\n", bit_range(kept), name);
        if (kept < width) {
            text_ += fmt::format("    logic {} unused_{};\n    assign {{unused_{}, {}}} = ",
                                 bit_range(width - kept), name, name, name);
        } else {
            text_ += fmt::format("    assign {} = ", name);
        }
        text_ += fmt::format("count_{}({{{}}});\n", table, bits);
        for (int bit = 0; bit < kept; ++bit) {
            next[weight + static_cast<std::size_t>(bit)].push_back(fmt::format("{}[{}]", name, bit));
        }
        return end;
    }

    int result_bits_;
    Columns columns_;
    std::string text_;
    int counters_ = 0;
    bool counts_six_ = false;
};

void add_vectors(RtlModule& module, int bits) {
    constexpr int random_vectors = 400;
    constexpr int exhaustive_bits = 8;  // of each row
    TestBench bench({{"left", bits}, {"right", bits}}, {"count", count_width(bits)}, false);
    const auto add = [&](const std::vector<float>& left, const std::vector<float>& right) {
        // Over one pixel, of whose taps the middle one alone lies inside the image.
        models::SignMap pixel({1, 1}, bits);
        pixel.set_pixel(0, 0, std::span(left));
        std::vector<float> taps;
        for (int tap = 0; tap < models::convolution_taps; ++tap) {
            taps.insert(taps.end(), right.begin(), right.end());
        }
        const models::BinaryConvolution convolution(1, bits,
                                                    models::pack_signs(std::span<const float>(taps), bits));
        std::int32_t dot = 0;
        convolution.pixel(pixel, 0, 0, std::span(&dot, 1));
        const auto digits = [](const std::vector<float>& row) {
            std::string binary;
            for (auto sign = row.rbegin(); sign != row.rend(); ++sign) binary += *sign < 0 ? '0' : '1';
            return hex_of_binary(binary);
        };
        bench.add({digits(left), digits(right)}, hex_digits((dot + bits) / 2, count_width(bits)));
    };
    const auto row = [&](auto&& bit) {
        std::vector<float> signs;
        signs.reserve(static_cast<std::size_t>(bits));
        for (int i = 0; i < bits; ++i) signs.push_back(bit(i) ? 1.0F : -1.0F);
        return signs;
    };
    if (bits <= exhaustive_bits) {
        const auto all = 1U << static_cast<unsigned>(bits);
        for (unsigned left = 0; left < all; ++left) {
            for (unsigned right = 0; right < all; ++right) {
                add(row([&](int i) { return (left >> static_cast<unsigned>(i) & 1U) != 0; }),
                    row([&](int i) { return (right >> static_cast<unsigned>(i) & 1U) != 0; }));
            }
        }
        module.exhaustive = true;
    } else {
        const models::CounterRandom random(1, "vectors of a counter");
        std::uint64_t place = 0;
        // Every number of signs that agree, from none to all; then any.
        for (int agree = 0; agree <= bits; ++agree) {
            const auto left = row([&](int) { return (random.bits(place++) & 1U) != 0; });
            add(left, row([&](int i) { return (left[static_cast<std::size_t>(i)] > 0) == (i < agree); }));
        }
        for (int i = 0; i < random_vectors; ++i) {
            const auto draw = [&](int) { return (random.bits(place++) & 1U) != 0; };
            const auto left = row(draw);
            add(left, row(draw));
        }
    }
    bench.finish(module);
}

}  // namespace

int count_width(int bits) {
    return std::bit_width(static_cast<unsigned>(bits));
}

std::string agreement_count_name(int bits) {
    return fmt::format("agreement_count_{}", bits);
}

RtlModule agreement_count(int bits, const std::vector<std::string>& origin) {
    RtlModule module;
    module.name = agreement_count_name(bits);
    module.summary = fmt::format("how many of {} signs agree", bits);
    std::vector<std::string> lines = {
        fmt::format("How many of {} signs agree with those of another row; 1 is +1, 0 is -1.", bits), "",
        "count: 0 to the number of signs", "Latency: combinational"};
    lines.insert(lines.end(), origin.begin(), origin.end());
    Counters counters(bits);
    if (bits > 2) counters.level(3);
    while (!counters.can_be_added()) counters.level(6);
    auto functions = bits > 2 ? count_function(3) : "";
    if (counters.counts_six()) functions += count_function(6);
    module.source = header_comment(lines) +
                    fmt::format(
                        "module {0} (\n    input logic {1} left,\n    input logic {1} right,\n"
                        "    output logic {2} count\n);\n{3}\n    logic {1} agree;\n"
                        "    assign agree = ~(left ^ right);\n\n{4}\n    assign count = {5};\nendmodule\n",
                        module.name, bit_range(bits), bit_range(count_width(bits)), functions,
                        counters.text(), counters.sum());
    add_vectors(module, bits);
    return module;
}

}  // namespace tilewright::accel
