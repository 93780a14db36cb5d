// SPDX-License-Identifier: Apache-2.0
// Runs the built program as a user would: in a folder of its own, catching what it prints and how it ends.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <nlohmann/json.hpp>
#include <sys/wait.h>
#include <unistd.h>

namespace tilewright::test {

namespace fs = std::filesystem;

inline std::string read_file(const fs::path& path) {
    std::stringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
}

inline fs::path source_path(const std::string& below) {
    return fs::path(TILEWRIGHT_SOURCE_DIR) / below;
}

struct Result {
    int code = -1;
    std::string out;
    std::string err;
};

// A folder that goes away with the test.
class Workspace {
  public:
    Workspace() {
        auto name = (fs::temp_directory_path() / "tilewright-test-XXXXXX").string();
        if (mkdtemp(name.data()) != nullptr) folder_ = name;
    }
    ~Workspace() {
        std::error_code ignored;
        fs::remove_all(folder_, ignored);
    }
    Workspace(const Workspace&) = delete;
    Workspace& operator=(const Workspace&) = delete;

    fs::path path(const std::string& name) const { return folder_ / name; }

    void write(const std::string& name, const std::string& text) const { std::ofstream(path(name)) << text; }

    // A shell command line behind the program's name.
    Result run(const std::string& arguments) const {
        const auto command = "cd '" + folder_.string() + "' && '" + std::string(TILEWRIGHT_PROGRAM) + "' " +
                             arguments + " >out.txt 2>err.txt </dev/null";
        const int status = std::system(command.c_str());
        return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read_file(path("out.txt")),
                read_file(path("err.txt"))};
    }

  private:
    fs::path folder_;
};

inline std::string design(const std::string& name) {
    return source_path("configs/designs/" + name + ".json").string();
}

// Settings that make the main design small.
inline const std::string small =
    " --set /network/layers=2 --set /network/d_model=192 --set /network/d_state=24 --set "
    "/network/vocabulary=500 --set /recipe/weights/group_size=64 --set /recipe/activations/group_size=64"
    " --set /network/head_dim=32 --set '/buffers/state={\"ram\":\"uram\"}' ";

}  // namespace tilewright::test
