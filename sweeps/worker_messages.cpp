// SPDX-License-Identifier: Apache-2.0
#include "sweeps/worker_messages.hpp"

#include <cerrno>
#include <cstdint>
#include <cstring>

#include <sys/socket.h>
#include <sys/types.h>

namespace tilewright::sweeps {
namespace {

constexpr std::size_t length_bytes = sizeof(std::uint64_t);
constexpr std::size_t status_bytes = 1;
// Far above any report: a longer one means that the worker's memory is no longer sound.
constexpr std::uint64_t maximum_length = std::uint64_t{1} << 30;

void append_length(std::string& bytes, std::uint64_t length) {
    char raw[length_bytes];
    std::memcpy(raw, &length, length_bytes);
    bytes.append(raw, length_bytes);
}

std::uint64_t read_length(std::string_view bytes) {
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), length_bytes);
    return length;
}

}  // namespace

bool send_all(int socket, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

bool receive_all(int socket, void* destination, std::size_t size) {
    auto* position = static_cast<char*>(destination);
    while (size > 0) {
        const ssize_t received = ::recv(socket, position, size, 0);
        if (received < 0 && errno == EINTR) continue;
        if (received <= 0) return false;
        position += received;
        size -= static_cast<std::size_t>(received);
    }
    return true;
}

std::string encode_result(const PointResult& result) {
    std::string bytes;
    const std::uint64_t length =
        status_bytes + length_bytes + result.report_json.size() + result.message.size();
    bytes.reserve(length_bytes + length);
    append_length(bytes, length);
    bytes.push_back(static_cast<char>(result.status));
    append_length(bytes, result.report_json.size());
    bytes += result.report_json;
    bytes += result.message;
    return bytes;
}

Decoded decode_result(std::string_view bytes, PointResult& result) {
    if (bytes.size() < length_bytes) return Decoded::incomplete;
    const std::uint64_t length = read_length(bytes);
    if (length > maximum_length || length < status_bytes + length_bytes) return Decoded::malformed;
    bytes.remove_prefix(length_bytes);
    if (bytes.size() < length) return Decoded::incomplete;
    if (bytes.size() > length) return Decoded::malformed;  // one answer per point: more means a broken worker

    const auto status = static_cast<unsigned char>(bytes.front());
    if (status > static_cast<unsigned char>(PointStatus::failed)) return Decoded::malformed;
    bytes.remove_prefix(status_bytes);
    const std::uint64_t report_length = read_length(bytes);
    bytes.remove_prefix(length_bytes);
    if (report_length > bytes.size()) return Decoded::malformed;
    result.status = static_cast<PointStatus>(status);
    result.report_json.assign(bytes.substr(0, report_length));
    result.message.assign(bytes.substr(report_length));
    return Decoded::complete;
}

}  // namespace tilewright::sweeps
