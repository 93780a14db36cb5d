// SPDX-License-Identifier: Apache-2.0
#include "sweeps/atomic_file.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sweeps/file_descriptor.hpp"

namespace tilewright::sweeps {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& path, const char* what, int error) {
    throw FileError(fmt::format("cannot {} {}: {}", what, path.string(), std::strerror(error)));
}

void write_all(int descriptor, std::string_view content, const fs::path& path) {
    while (!content.empty()) {
        const ssize_t written = ::write(descriptor, content.data(), content.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) fail(path, "write", errno);
        content.remove_prefix(static_cast<std::size_t>(written));
    }
}

// Removes the temporary file unless it has been renamed.
struct TemporaryFile {
    std::string name;
    FileDescriptor descriptor;
    bool keep = false;

    explicit TemporaryFile(const fs::path& target) : name(target.string() + ".XXXXXX") {
        descriptor = FileDescriptor(::mkostemp(name.data(), O_CLOEXEC));
        if (!descriptor.valid()) fail(target, "write", errno);
    }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    ~TemporaryFile() {
        if (descriptor.valid() && !keep) ::unlink(name.c_str());
    }
};

// mkostemp makes files private; a report should be as readable as any other new file.
mode_t permissions_of_new_files() {
    const mode_t mask = ::umask(0);
    ::umask(mask);
    return 0666 & ~mask;
}

}  // namespace

void write_file_atomically(const fs::path& path, std::string_view content) {
    struct stat existing {};
    const bool exists = ::stat(path.c_str(), &existing) == 0;
    if (exists && S_ISDIR(existing.st_mode)) fail(path, "write", EISDIR);
    if (exists && !S_ISREG(existing.st_mode)) {
        const FileDescriptor direct(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
        if (!direct.valid()) fail(path, "write", errno);
        write_all(direct.get(), content, path);
        return;
    }
    std::error_code unresolved;
    fs::path target = exists ? fs::canonical(path, unresolved) : path;
    if (unresolved) target = path;

    TemporaryFile temporary(target);
    write_all(temporary.descriptor.get(), content, path);
    const mode_t mode = exists ? existing.st_mode & 07777 : permissions_of_new_files();
    if (::fchmod(temporary.descriptor.get(), mode) != 0) fail(path, "set the permissions of", errno);
    if (::fsync(temporary.descriptor.get()) != 0) fail(path, "write", errno);
    if (::rename(temporary.name.c_str(), target.c_str()) != 0) fail(path, "replace", errno);
    temporary.keep = true;

    // The rename itself lasts only once the folder is on disk. Some file systems cannot sync folders: no
    // error.
    const fs::path folder = target.has_parent_path() ? target.parent_path() : fs::path(".");
    const FileDescriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (directory.valid()) ::fsync(directory.get());
}

}  // namespace tilewright::sweeps
