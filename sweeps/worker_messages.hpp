// SPDX-License-Identifier: Apache-2.0
// What parent and worker say to each other over their socket: a point's index one way, a framed result back.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "sweeps/point.hpp"

namespace tilewright::sweeps {

// Writes all of `bytes`. False if the other side is gone. Neither raises SIGPIPE nor stops at EINTR.
bool send_all(int socket, std::string_view bytes);

// Reads exactly `size` bytes; false at end of stream or error.
bool receive_all(int socket, void* destination, std::size_t size);

// A result as bytes: 8 bytes length of the rest, 1 byte status, 8 bytes length of the report, report,
// message; lengths in host order, since both ends are one program on one machine.
std::string encode_result(const PointResult& result);

enum class Decoded { incomplete, complete, malformed };

// Takes a result from the bytes received so far.
Decoded decode_result(std::string_view bytes, PointResult& result);

}  // namespace tilewright::sweeps
