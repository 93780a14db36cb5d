// SPDX-License-Identifier: Apache-2.0
#include "accel/schedule/memory_layout.hpp"

#include "memory/integer_math.hpp"

namespace tilewright::accel {

using memory::divide_up;

TransferSize transfer_size(const models::Quantization& format, std::int64_t elements) {
    return {divide_up(models::value_bits(format, elements), 8),
            divide_up(models::scale_bits(format, elements), 8)};
}

std::int64_t padded_bytes(const MemoryPort& port, const TransferSize& size) {
    const auto beat = port.width_bits / 8 * static_cast<std::int64_t>(port.channels);
    return divide_up(size.value_bytes, beat) * beat + divide_up(size.scale_bytes, beat) * beat;
}

std::int64_t Allocator::place(std::int64_t bytes) {
    const auto at = next_;
    next_ += divide_up(bytes, alignment_) * alignment_;
    return at;
}

}  // namespace tilewright::accel
