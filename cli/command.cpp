// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <regex>
#include <sstream>
#include <typeinfo>

#include "accel/design/config_files.hpp"
#include "accel/design/schema.hpp"

namespace tilewright::cli {

namespace po = boost::program_options;

namespace {

// ", did you mean ...?" where an option is spelled nearly so.
std::string spelling_like(const std::string& unknown, const po::options_description& options) {
    std::vector<std::string> known;
    for (const auto& option : options.options()) {
        if (option->long_name().size() > 1) known.push_back(option->long_name());
    }
    const auto name = unknown.substr(std::min(unknown.find_first_not_of('-'), unknown.size()));
    std::vector<std::string> begun;  // "--fid"
    std::copy_if(known.begin(), known.end(), std::back_inserter(begun),
                 [&](const std::string& one) { return one.starts_with(name); });
    const auto near = begun.size() == 1 ? begun.front() : accel::nearest_spelling(name, known);
    return near.empty() ? "" : ", did you mean '--" + near + "'?";
}

// The library mixes up the dashes of names of one letter: those of long options have two.
std::string with_dashes(const std::string& message, const po::options_description& long_options) {
    const std::regex letter("'--?([A-Za-z])'");
    std::smatch name;
    if (!std::regex_search(message, name, letter)) return message;
    const auto& options = long_options.options();
    const bool is_long = std::any_of(options.begin(), options.end(), [&](const auto& option) {
        return option->long_name() == name[1].str();
    });
    return std::regex_replace(message, letter, is_long ? "'--$1'" : "'-$1'");
}

// What a value must be that the library turned down: it is of another type.
std::string allowed_value(const po::validation_error& error, const po::options_description& options) {
    for (const auto& option : options.options()) {
        const auto full_name = error.get_option_name();
        if (full_name != "--" + option->long_name() && full_name.substr(1) != option->format_name()) continue;
        const auto* typed = dynamic_cast<const po::typed_value_base*>(option->semantic().get());
        if (typed == nullptr || typed->value_type() == typeid(std::string)) continue;
        return std::string("; allowed: a ") +
               (typed->value_type() == typeid(double) ? "number" : "whole number");
    }
    return "";
}

}  // namespace

bool parse_options(const std::vector<std::string>& arguments, const std::string& usage,
                   const po::options_description& visible, const std::string& positional,
                   int least_positional, int most_positional, po::variables_map& values) {
    po::options_description all;
    all.add(visible);
    all.add_options()("help", "print this help")(positional.c_str(), po::value<std::vector<std::string>>());
    po::positional_options_description places;
    places.add(positional.c_str(), -1);
    try {
        po::store(po::command_line_parser(arguments)
                      .options(all)
                      .positional(places)
                      .style(po::command_line_style::unix_style & ~po::command_line_style::allow_guessing)
                      .run(),
                  values);
        if (values.count("help") > 0) {
            std::cout << "Usage: tilewright " << usage << "\n\n" << visible << "  --help  print this help\n";
            return false;
        }
        po::notify(values);
    } catch (const po::error& error) {
        const auto* unknown = dynamic_cast<const po::unknown_option*>(&error);
        auto message = with_dashes(error.what(), unknown != nullptr ? po::options_description() : all);
        if (unknown != nullptr) {
            message += spelling_like(unknown->get_option_name(), all);
        } else if (const auto* invalid = dynamic_cast<const po::validation_error*>(&error)) {
            message += allowed_value(*invalid, all);
        }
        throw UsageError(message + "; usage: tilewright " + usage);
    }
    const auto given = values.count(positional) > 0
                           ? static_cast<int>(values[positional].as<std::vector<std::string>>().size())
                           : 0;
    if (given < least_positional || (most_positional >= 0 && given > most_positional)) {
        throw UsageError(
            std::string(given < least_positional ? "an argument is missing" : "too many arguments") +
            "; usage: tilewright " + usage);
    }
    return true;
}

void check_outputs(const po::variables_map& values, const std::vector<OutputOption>& options) {
    struct Output {
        OutputOption option;
        std::string path;

        bool writes(const std::string& file) const {
            return file == path || (file.starts_with(path + ".") &&
                                    std::any_of(option.beside.begin(), option.beside.end(),
                                                [&](const auto& ending) { return file.ends_with(ending); }));
        }
    };
    std::vector<Output> seen;
    for (const auto& option : options) {
        if (values.count(option.name) == 0) continue;
        const auto text = values[option.name].as<std::string>();
        if (text.empty()) throw UsageError("--" + option.name + " is empty; allowed: the path of a file");
        const auto path = std::filesystem::absolute(text).lexically_normal();
        std::error_code error;
        if (std::filesystem::is_directory(path, error))
            throw UsageError("--" + option.name + " " + text + " is a folder; allowed: the path of a file");
        if (!std::filesystem::is_directory(path.parent_path(), error)) {
            throw UsageError("--" + option.name + " " + text +
                             ": No such file or directory; allowed: a path in a folder that exists");
        }
        const Output output{option, path.string()};
        for (const auto& other : seen) {
            if (!other.writes(output.path) && !output.writes(other.path)) continue;
            throw UsageError("--" + option.name + " and --" + other.option.name +
                             " write the same file; allowed: different files");
        }
        seen.push_back(output);
    }
}

void keep_inputs(const po::variables_map& values, const std::vector<std::string>& outputs,
                 const std::vector<std::filesystem::path>& inputs) {
    namespace fs = std::filesystem;
    for (const auto& option : outputs) {
        if (values.count(option) == 0) continue;
        const fs::path output = values[option].as<std::string>();
        const auto refuse_if = [&](const fs::path& input) {
            // With what is written beside it.
            const auto writes = [&](const char* ending) {
                std::error_code error;
                return fs::equivalent(output.string() + ending, input, error) && !error;
            };
            if (!writes("") && !writes(".part") && !writes(".gtkw")) return;
            throw UsageError("--" + option + " " + output.string() +
                             " is a file that is read, too, or writes over one; allowed: another file");
        };
        for (const auto& input : inputs) {
            refuse_if(input);
            std::error_code error;
            for (const auto& entry : fs::directory_iterator(input, error)) refuse_if(entry.path());
        }
    }
}

std::string build_identity() {
    std::stringstream bytes;
    bytes << std::ifstream("/proc/self/exe", std::ios::binary).rdbuf();
    bytes << std::ifstream(accel::config_root() / "cost" / "fabric.json", std::ios::binary).rdbuf();
    return TILEWRIGHT_VERSION "+" + accel::content_hash(bytes.str());
}

}  // namespace tilewright::cli
