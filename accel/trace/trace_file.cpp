// SPDX-License-Identifier: Apache-2.0
#include "accel/trace/trace_file.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <stdexcept>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tilewright::accel {

namespace {

TraceFileError file_error(const std::string& path, int error) {
    return TraceFileError("cannot write " + path + ": " + std::strerror(error));
}

// 0 or the errno of what went wrong.
int write_all(int descriptor, const char* data, std::size_t size, std::uint64_t offset) {
    while (size > 0) {
        const auto count = ::pwrite(descriptor, data, size, static_cast<off_t>(offset));
        if (count < 0) {
            if (errno == EINTR) continue;
            return errno;
        }
        data += count;
        size -= static_cast<std::size_t>(count);
        offset += static_cast<std::uint64_t>(count);
    }
    return 0;
}

// Paths of files that are being written. A run has two; more of them are not removed by a signal.
std::array<std::atomic<const char*>, 8> unfinished{};
static_assert(std::atomic<const char*>::is_always_lock_free, "a signal handler reads them");

void replace_unfinished(const char* path, const char* by) {
    for (auto& place : unfinished) {
        auto expected = path;
        if (place.compare_exchange_strong(expected, by)) return;
    }
}

}  // namespace

void remove_unfinished_traces() noexcept {
    for (const auto& place : unfinished) {
        if (const auto* path = place.load()) ::unlink(path);
    }
}

TraceFile::TraceFile(std::string path) : path_(std::move(path)), part_path_(path_ + ".part") {
    // A place that could not be renamed to should be noticed now, not after the simulation; and nobody wants
    // to find /dev/null replaced by a trace.
    if (path_.empty()) throw file_error("\"\"", ENOENT);
    struct ::stat existing {};
    if (::stat(path_.c_str(), &existing) == 0 && !S_ISREG(existing.st_mode)) {
        if (S_ISDIR(existing.st_mode)) throw file_error(path_, EISDIR);
        throw TraceFileError(
            "cannot write " + path_ +
            ": it is no regular file; allowed: a path to which a finished trace can be moved");
    }
    descriptor_ = ::open(part_path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (descriptor_ < 0) throw file_error(path_, errno);
    replace_unfinished(nullptr, part_path_.c_str());
    block_.reset(new char[block_bytes]);  // not zeroed: pages are touched when they are filled
    next_ = block_.get();
    end_ = next_ + block_bytes;
}

TraceFile::~TraceFile() {
    if (descriptor_ >= 0) ::unlink(part_path_.c_str());
    close();
    replace_unfinished(part_path_.c_str(), nullptr);
}

void TraceFile::close() {
    if (descriptor_ >= 0 && ::close(std::exchange(descriptor_, -1)) != 0 && error_ == 0) error_ = errno;
}

void TraceFile::append(std::string_view text) {
    while (!text.empty()) {
        if (next_ == end_) write_block();
        const auto size = std::min(text.size(), static_cast<std::size_t>(end_ - next_));
        std::memcpy(next_, text.data(), size);
        next_ += size;
        text.remove_prefix(size);
    }
}

void TraceFile::patch(std::uint64_t offset, std::string_view text) {
    if (offset >= block_offset_) {
        std::memcpy(block_.get() + (offset - block_offset_), text.data(), text.size());
    } else {
        late_patches_.emplace_back(offset, text);
    }
}

void TraceFile::write_block() {
    const auto size = static_cast<std::size_t>(next_ - block_.get());
    if (error_ == 0) error_ = write_all(descriptor_, block_.get(), size, block_offset_);
    block_offset_ += size;
    next_ = block_.get();
}

void TraceFile::fail(int error) {
    close();
    ::unlink(part_path_.c_str());
    throw file_error(path_, error);
}

void TraceFile::finish() {
    if (descriptor_ < 0) return;
    write_block();
    if (error_ != 0) fail(error_);
    for (const auto& [offset, text] : late_patches_) {
        if (const int error = write_all(descriptor_, text.data(), text.size(), offset)) fail(error);
    }
    close();
    if (error_ != 0) fail(error_);
    replace_unfinished(part_path_.c_str(), nullptr);  // from here on it is the only copy
    // Renaming over an existing file makes ext4 write the new one to the disk at once (auto_da_alloc), which
    // takes longer than all the rest.
    ::unlink(path_.c_str());
    if (std::rename(part_path_.c_str(), path_.c_str()) != 0) fail(errno);
}

std::string json_escaped(std::string_view text) {
    static constexpr char hex[] = "0123456789abcdef";
    std::string escaped;
    for (const char c : text) {
        const auto code = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            escaped += '\\';
            escaped += c;
        } else if (code < 0x20) {
            escaped += "\\u00";
            escaped += hex[code >> 4];
            escaped += hex[code & 15];
        } else {
            escaped += c;
        }
    }
    return escaped;
}

}  // namespace tilewright::accel
