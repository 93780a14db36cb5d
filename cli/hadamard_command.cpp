// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/numeric_input.hpp"
#include "models/kernels/hadamard.hpp"

namespace tilewright::cli {

namespace po = boost::program_options;

namespace {

// Every run of n lines becomes n transformed numbers. A transform that fails is reported at the last line of
// its run.
template <typename Number, typename Read, typename Transform>
std::string transform_lines(std::size_t n, const char* format, Read read, Transform transform) {
    std::string output;
    std::vector<Number> numbers;
    std::int64_t last = 0;
    for_each_input_line([&](std::string_view text, std::int64_t line) {
        last = line;
        numbers.push_back(read(text, line));
        if (numbers.size() < n) return;
        try {
            transform(std::span<Number>(numbers));
        } catch (const std::overflow_error& error) {
            throw UsageError(fmt::format("stdin#{}: {}", line, error.what()));
        }
        for (const auto number : numbers)
            fmt::format_to(std::back_inserter(output), fmt::runtime(format), number);
        numbers.clear();
    });
    if (!numbers.empty()) {
        refuse_line(last, fmt::format("the input ends after {} of {} numbers", numbers.size(), n),
                    fmt::format("{} numbers, or several times as many", n));
    }
    return output;
}

}  // namespace

int hadamard_command(const std::vector<std::string>& arguments) {
    po::options_description options("Options");
    options.add_options()(
        "n", po::value<std::int64_t>(),
        "points: 1, 12, 20, 28 or 40 times a power of two; several transforms may follow each "
        "other")("integer", "integers, exactly, without the factor 1/sqrt(n)")("inverse",
                                                                               "multiply by the transpose");
    po::variables_map values;
    if (!parse_options(arguments, "hadamard --n N [OPTIONS] < NUMBERS", options, "argument", 0, 0, values)) {
        return success;
    }
    const auto n = static_cast<std::size_t>(count_option(values, "n"));
    if (!models::find_hadamard_shape(n)) {
        throw UsageError(fmt::format(
            "--n {}: there is no such transform; allowed: 1, 12, 20, 28 or 40 times a power of two", n));
    }
    const auto direction =
        values.count("inverse") > 0 ? models::Direction::inverse : models::Direction::forward;
    if (values.count("integer") > 0) {
        print_result(
            transform_lines<std::int64_t>(n, "{}\n", read_integer, [&](std::span<std::int64_t> numbers) {
                models::hadamard_transform_integer(numbers, direction);
            }));
    } else {
        print_result(transform_lines<double>(n, "{:.17g}\n", read_number, [&](std::span<double> numbers) {
            models::hadamard_transform(numbers, direction);
            // A difference of infinities has a sign bit on some machines.
            for (auto& number : numbers) number = std::isnan(number) ? std::abs(number) : number;
        }));
    }
    return success;
}

}  // namespace tilewright::cli
