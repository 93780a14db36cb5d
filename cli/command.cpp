// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"

#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "accel/design/config_files.hpp"

namespace tilewright::cli {

namespace po = boost::program_options;

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
        throw UsageError(std::string(error.what()) + "; usage: tilewright " + usage);
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

void check_outputs(const po::variables_map& values, const std::vector<std::string>& options) {
    std::vector<std::pair<std::string, std::filesystem::path>> seen;
    for (const auto& option : options) {
        if (values.count(option) == 0) continue;
        const auto text = values[option].as<std::string>();
        if (text.empty()) throw UsageError("--" + option + " is empty; allowed: the path of a file");
        const auto path = std::filesystem::absolute(text).lexically_normal();
        std::error_code error;
        if (!std::filesystem::is_directory(path.parent_path(), error)) {
            throw UsageError("--" + option + " " + text +
                             ": No such file or directory; allowed: a path in a folder that exists");
        }
        for (const auto& [other, other_path] : seen) {
            if (other_path != path) continue;
            throw UsageError("--" + option + " and --" + other +
                             " name the same file; allowed: different files");
        }
        seen.emplace_back(option, path);
    }
}

std::string build_identity() {
    std::stringstream bytes;
    bytes << std::ifstream("/proc/self/exe", std::ios::binary).rdbuf();
    bytes << std::ifstream(accel::config_root() / "cost" / "fabric.json", std::ios::binary).rdbuf();
    return TILEWRIGHT_VERSION "+" + accel::content_hash(bytes.str());
}

}  // namespace tilewright::cli
