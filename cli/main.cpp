// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "accel/design/config_error.hpp"
#include "accel/design/schema.hpp"
#include "accel/report/heap.hpp"
#include "cli/command.hpp"
#include "sweeps/store.hpp"

namespace {

using namespace tilewright::cli;

constexpr Command commands[] = {
    {"run", "evaluate one design", run_command},
    {"sweep", "evaluate all points of a study", sweep_command},
    {"ask", "a question in plain words about a sweep's results", ask_command},
    {"compare", "designs side by side", compare_command},
    {"check", "numerics of a design against float64 and its kernels", check_command},
    {"reproduce", "published figures beside ours", reproduce_command},
    {"formats", "the number formats and their codes", formats_command},
    {"convert", "numbers to codes of a format", convert_command},
    {"multiply", "all products of two formats", multiply_command},
    {"dot", "exact dot products of codes", dot_command},
    {"hadamard", "the Hadamard transform of numbers", hadamard_command},
    {"quantize", "numbers to scales and codes, group by group", quantize_command},
    {"dram-trace", "a trace of memory requests through a device's DRAM", dram_trace_command},
    {"bench", "how fast this program is on this machine", bench_command},
    {"export", "SystemVerilog of a design's arithmetic", export_command},
    {"infer", "run a checkpoint in float64, or through the kernels of a recipe", infer_command},
};

void print_usage(std::ostream& stream) {
    stream << "tilewright " TILEWRIGHT_VERSION
              ": simulates and explores accelerators for low-bit networks on AMD devices\n\n"
              "Usage: tilewright COMMAND [ARGUMENTS]\n\nCommands:\n";
    for (const auto& command : commands) {
        stream << "  " << command.name << std::string(12 - std::string(command.name).size(), ' ')
               << command.summary << "\n";
    }
    stream << "\n'tilewright COMMAND --help' tells more.\n";
}

int dispatch(int count, char** words) {
    if (count < 2) {
        print_usage(std::cerr);
        return usage_error;
    }
    const std::string name = words[1];
    if (name == "--help" || name == "-h" || name == "help") {
        print_usage(std::cout);
        return success;
    }
    if (name == "--version") {
        std::cout << "tilewright " TILEWRIGHT_VERSION "\n";
        return success;
    }
    for (const auto& command : commands) {
        if (name == command.name) return command.run(std::vector<std::string>(words + 2, words + count));
    }
    std::vector<std::string> names;
    std::string list;
    for (const auto& command : commands) {
        names.emplace_back(command.name);
        list += (list.empty() ? "" : ", ") + names.back();
    }
    const auto near = tilewright::accel::nearest_spelling(name, names);
    throw UsageError("there is no command \"" + name + "\"" +
                     (near.empty() ? "" : ", did you mean \"" + near + "\"?") + "; allowed: " + list);
}

}  // namespace

int main(int count, char** words) {
    tilewright::accel::keep_freed_memory();
    std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is told as a full disk is
    try {
        const auto status = dispatch(count, words);
        if (std::cout.flush()) return status;
        std::cerr << "tilewright: stdout: writing failed\n";
        return status == success ? check_failed : status;
    } catch (const UsageError& error) {
        std::cerr << "tilewright: " << error.what() << "\n";
        return usage_error;
    } catch (const tilewright::accel::DesignDoesNotFit& error) {
        std::cerr << "tilewright: " << error.what() << "\n";
        return does_not_fit;
    } catch (const tilewright::accel::ConfigError& error) {
        std::cerr << "tilewright: " << error.what() << "\n";
        return usage_error;
    } catch (const tilewright::sweeps::StoreFullError& error) {
        std::cerr << "tilewright: " << error.what() << "\n";
        return check_failed;
    } catch (const tilewright::sweeps::StoreError& error) {
        std::cerr << "tilewright: " << error.what() << "\n";
        return usage_error;
    } catch (const std::exception& error) {  // files that cannot be written among them
        std::cerr << "tilewright: " << error.what() << "\n";
        return check_failed;
    }
}
