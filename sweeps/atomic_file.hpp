// SPDX-License-Identifier: Apache-2.0
// Files that are either whole or not there.
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string_view>

namespace tilewright::sweeps {

class FileError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

// Replaces the file at `path` by `content`: a reader, and a crash at any moment, sees the old file or the new
// one. Written beside the target, synced and renamed; a symbolic link is followed and the old file's
// permissions stay. What is not a regular file (/dev/stdout, a FIFO) is written to directly. Throws FileError
// with the path and the system's reason; the old file is then untouched.
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

}  // namespace tilewright::sweeps
