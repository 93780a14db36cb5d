// SPDX-License-Identifier: Apache-2.0
// What every command of the command line shares.
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include <boost/program_options.hpp>

namespace tilewright::cli {

// Exit codes of the program.
enum ExitCode : int {
    success = 0,
    check_failed = 1,
    usage_error = 2,
    does_not_fit = 3,  // or a point of a sweep failed
    interrupted = 130  // as shells report a program that Ctrl-C ended
};

// A command line that cannot be understood.
class UsageError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

struct Command {
    const char* name;
    const char* summary;
    int (*run)(const std::vector<std::string>& arguments);
};

int run_command(const std::vector<std::string>& arguments);
int sweep_command(const std::vector<std::string>& arguments);
int ask_command(const std::vector<std::string>& arguments);
int compare_command(const std::vector<std::string>& arguments);
int check_command(const std::vector<std::string>& arguments);
int reproduce_command(const std::vector<std::string>& arguments);
int formats_command(const std::vector<std::string>& arguments);
int convert_command(const std::vector<std::string>& arguments);
int multiply_command(const std::vector<std::string>& arguments);
int dot_command(const std::vector<std::string>& arguments);
int hadamard_command(const std::vector<std::string>& arguments);
int quantize_command(const std::vector<std::string>& arguments);
int dram_trace_command(const std::vector<std::string>& arguments);
int bench_command(const std::vector<std::string>& arguments);
int export_command(const std::vector<std::string>& arguments);
int infer_command(const std::vector<std::string>& arguments);

// Parses options and positional arguments. Prints the help and returns false when --help was given. Throws
// UsageError.
bool parse_options(const std::vector<std::string>& arguments, const std::string& usage,
                   const boost::program_options::options_description& visible, const std::string& positional,
                   int least_positional, int most_positional, boost::program_options::variables_map& values);

// An option that names a file to write. Beside it, under its name, come files with these endings.
struct OutputOption {
    std::string name;
    std::vector<std::string> beside = {};
};
// Refuses output paths that are empty, equal to each other or to what is written beside another one, or in a
// folder that is not there, before any work is done.
void check_outputs(const boost::program_options::variables_map& values,
                   const std::vector<OutputOption>& options);

// Throws UsageError if one of these options names a file that is read; of a folder, one of its files. Before
// anything is written.
void keep_inputs(const boost::program_options::variables_map& values, const std::vector<std::string>& outputs,
                 const std::vector<std::filesystem::path>& inputs);

// Identifies this build and its cost constants: results of another one are not results of this one.
std::string build_identity();

}  // namespace tilewright::cli
