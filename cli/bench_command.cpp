// SPDX-License-Identifier: Apache-2.0
// How fast this program is on this machine, on one core: whole designs, a decode token at every fidelity
// (with data one of its blocks), and the kernels. Measured at every call, never asserted. The `benchmarks`
// target measures more, and finer.
#include <algorithm>
#include <chrono>
#include <functional>
#include <iostream>
#include <random>

#include "accel/report/evaluate.hpp"
#include "cli/command.hpp"
#include "models/formats/group_encoder.hpp"
#include "models/kernels/binary_convolution.hpp"
#include "models/kernels/four_bit_dot.hpp"
#include "sweeps/table.hpp"

namespace tilewright::cli {

namespace po = boost::program_options;
using nlohmann::json;
using nlohmann::ordered_json;

namespace {

constexpr const char* token_design = "lightmamba-vck190-w4a4";

// Seconds of a call: the median of at least three, and of as many as half a second holds.
double seconds_of(const std::function<void()>& call) {
    using Clock = std::chrono::steady_clock;
    constexpr double enough = 0.5;
    constexpr std::size_t fewest = 3;
    std::vector<double> times;
    double sum = 0;
    while (sum < enough || times.size() < fewest) {
        const auto begin = Clock::now();
        call();
        times.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
        sum += times.back();
    }
    const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
    std::nth_element(times.begin(), middle, times.end());
    return *middle;
}

class Figures {
  public:
    void add(const std::string& figure, double value, const std::string& unit) {
        table_.rows.push_back({{figure, value, unit}, false, "", ""});
        rows_.push_back({{"figure", figure}, {"value", value}, {"unit", unit}});
    }
    void print(bool as_json) const {
        std::cout << (as_json ? rows_.dump(2) + "\n" : sweeps::format_table(table_, 4));
    }

  private:
    sweeps::ResultTable table_{{{"figure", ""}, {"value", ""}, {"unit", ""}}, {}, {}};
    ordered_json rows_ = ordered_json::array();
};

accel::DesignDocument document_of(const std::string& name) {
    return accel::DesignDocument::load(accel::config_root() / "designs" / (name + ".json"));
}

void measure_designs(Figures& figures) {
    const auto document = document_of(token_design);
    const auto time = [](const accel::DesignDocument& of, accel::Fidelity fidelity) {
        return seconds_of([&] { accel::evaluate(of, fidelity); });
    };
    const auto timing = time(document, accel::Fidelity::timing);
    figures.add("designs simulated, a decode token of Mamba2-2.7B", 1 / timing, "designs/s");
    figures.add("that token, bound", 1e3 * time(document, accel::Fidelity::bound), "ms");
    figures.add("that token, timing", 1e3 * timing, "ms");
    auto by_command = document;
    by_command.set("/memories/ddr4/model", "commands");
    figures.add("that token, timing, DRAM command by command",
                1e3 * time(by_command, accel::Fidelity::timing), "ms");
    auto block = document;
    block.set("/network/layers", 1);
    block.set("/workload/lm_head", false);
    figures.add("one of its 64 blocks, functional", 1e3 * time(block, accel::Fidelity::functional), "ms");
}

void measure_kernels(Figures& figures) {
    constexpr std::size_t elements = 1 << 16;
    std::mt19937 random(1);
    std::vector<float> values(elements);
    std::normal_distribution<float> normal;
    for (auto& value : values) value = normal(random);
    const auto rate = [](double count, const std::function<void()>& call) {
        return count / seconds_of(call) / 1e6;
    };
    for (const auto* format : {"int8", "e2m1"}) {
        const models::GroupEncoder encoder(models::number_format(format), {128});
        std::vector<std::uint16_t> codes(elements);
        std::vector<float> scales(encoder.groups(elements));
        figures.add(std::string("numbers rounded to ") + format + ", groups of 128",
                    rate(elements, [&] { encoder.encode(values, codes, scales); }), "M/s");
    }
    const models::FourBitDot dot(models::number_format("e2m1"), models::number_format("e2m1"));
    std::vector<std::uint8_t> codes(elements);
    for (auto& code : codes) code = static_cast<std::uint8_t>(random() % 16);
    std::int64_t sum = 0;
    figures.add("exact products of e2m1", rate(elements, [&] { sum += dot.dot(codes, codes); }), "M/s");

    constexpr std::int64_t channels = 64;
    const models::ImageSize image{32, 32};
    models::SignMap signs(image, channels);
    std::vector<std::uint64_t> weights(channels * models::convolution_taps);
    for (auto& word : weights) word = (std::uint64_t{random()} << 32U) | random();
    const models::BinaryConvolution convolution(channels, channels, std::move(weights));
    const double products =
        static_cast<double>(image.pixels() * channels * channels * models::convolution_taps);
    figures.add("products of signs, 64 channels",
                rate(products,
                     [&] {
                         convolution.rows(signs, {0, image.height});
                     }),
                "M/s");
}

}  // namespace

int bench_command(const std::vector<std::string>& arguments) {
    po::options_description options("Options");
    options.add_options()("json", "print the figures as JSON");
    po::variables_map values;
    if (!parse_options(arguments, "bench [OPTIONS]", options, "nothing", 0, 0, values)) return success;
    Figures figures;
    measure_designs(figures);
    measure_kernels(figures);
    figures.print(values.count("json") > 0);
    return success;
}

}  // namespace tilewright::cli
