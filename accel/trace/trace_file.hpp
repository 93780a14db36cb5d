// SPDX-License-Identifier: Apache-2.0
// The buffered file that the trace writers fill, and the number formatting that makes them fast.
//
// A trace is written beside its place as `<path>.part` and renamed by finish(), so that whoever finds a trace
// finds a whole one; without finish() the destructor removes what there is, and remove_unfinished_traces()
// where there is none.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tilewright::accel {

// A trace that cannot be written; the message has the path and the system's reason.
class TraceFileError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

class TraceFile {
  public:
    // Creates `<path>.part`; throws TraceFileError with the path and the reason when that is not
    // possible.
    explicit TraceFile(std::string path);
    ~TraceFile();
    TraceFile(const TraceFile&) = delete;
    TraceFile& operator=(const TraceFile&) = delete;

    // Room for `size` bytes (at most block_bytes) in one piece; what was filled is told with commit().
    char* reserve(std::size_t size) {
        if (static_cast<std::size_t>(end_ - next_) < size) write_block();
        return next_;
    }
    void commit(char* end) { next_ = end; }
    // Any length.
    void append(std::string_view text);

    // Bytes appended so far: where the next one will stand in the file.
    std::uint64_t offset() const { return block_offset_ + static_cast<std::uint64_t>(next_ - block_.get()); }
    // Writes over text that was appended before.
    void patch(std::uint64_t offset, std::string_view text);

    // Writes what is left and moves the file to its place. Throws TraceFileError (disk full) and then
    // leaves nothing. Nothing may be appended afterwards.
    void finish();

    const std::string& path() const { return path_; }

    static constexpr std::size_t block_bytes = std::size_t{1} << 18;

  private:
    void write_block();
    void close();
    [[noreturn]] void fail(int error);

    std::string path_;
    std::string part_path_;
    int descriptor_ = -1;
    std::unique_ptr<char[]> block_;
    char* next_ = nullptr;
    char* end_ = nullptr;
    std::uint64_t block_offset_ = 0;  // of the block in the file
    // Of blocks that are written already.
    std::vector<std::pair<std::uint64_t, std::string>> late_patches_;
    int error_ = 0;  // the first one; what follows it is dropped, and finish() tells of it
};

// Removes what open files have written so far. A signal handler may call it, at the program's end.
void remove_unfinished_traces() noexcept;

// The functions below write at `out` and return the place behind. They want at least 24 bytes of room.

inline constexpr auto two_digits = [] {
    std::array<char, 200> digits{};
    for (std::size_t i = 0; i < 100; ++i) {
        digits[2 * i] = static_cast<char>('0' + i / 10);
        digits[2 * i + 1] = static_cast<char>('0' + i % 10);
    }
    return digits;
}();

inline constexpr auto powers_of_ten = [] {
    std::array<std::uint64_t, 20> powers{};
    std::uint64_t power = 1;
    for (auto& entry : powers) {
        entry = power;
        power *= 10;
    }
    return powers;
}();

inline std::size_t decimal_digits(std::uint64_t value) {
    // 1233 / 4096 is a little over log10(2), so this is the number of digits or one less.
    const auto guess = static_cast<std::size_t>(std::bit_width(value | 1) * 1233) >> 12;
    return guess + (value >= powers_of_ten[guess] ? 1 : 0) + (value == 0 ? 1 : 0);
}

inline char* put_unsigned(char* out, std::uint64_t value) {
    char* const end = out + decimal_digits(value);
    char* place = end;
    while (value >= 100) {
        place -= 2;
        std::memcpy(place, &two_digits[2 * (value % 100)], 2);
        value /= 100;
    }
    if (value >= 10) {
        std::memcpy(place - 2, &two_digits[2 * value], 2);
    } else {
        place[-1] = static_cast<char>('0' + value);
    }
    return end;
}

inline char* put_integer(char* out, std::int64_t value) {
    if (value >= 0) return put_unsigned(out, static_cast<std::uint64_t>(value));
    *out = '-';
    return put_unsigned(out + 1, ~static_cast<std::uint64_t>(value) + 1);
}

// Nanoseconds as microseconds with three decimals.
inline char* put_microseconds(char* out, std::uint64_t nanoseconds) {
    out = put_unsigned(out, nanoseconds / 1000);
    const auto fraction = nanoseconds % 1000;
    out[0] = '.';
    out[1] = static_cast<char>('0' + fraction / 100);
    std::memcpy(out + 2, &two_digits[2 * (fraction % 100)], 2);
    return out + 4;
}

// A text made once and written often. The copy of a fixed size is a handful of vector moves; it may reach
// past the end of the text, so `room()` bytes have to be reserved for it.
class Piece {
  public:
    Piece() = default;
    explicit Piece(std::string_view text) : text_(text) {
        std::memcpy(head_.data(), text.data(), std::min(text.size(), head_.size()));
    }

    char* put(char* out) const {
        std::memcpy(out, head_.data(), head_.size());
        if (text_.size() > head_.size()) std::memcpy(out, text_.data(), text_.size());
        return out + text_.size();
    }
    std::size_t room() const { return std::max(text_.size(), head_.size()); }

  private:
    std::array<char, 80> head_{};
    std::string text_;
};

// Text as the inside of a JSON string.
std::string json_escaped(std::string_view text);

}  // namespace tilewright::accel
