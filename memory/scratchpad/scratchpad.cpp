// SPDX-License-Identifier: Apache-2.0
#include "memory/scratchpad/scratchpad.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "memory/integer_math.hpp"

namespace tilewright::memory {

namespace {

struct Shape {
    std::int64_t width_bits;
    std::int64_t depth;
};

std::int64_t smallest(std::span<const Shape> shapes, std::int64_t word_bits, std::int64_t words) {
    std::int64_t best = 0;
    for (const auto& shape : shapes) {
        const auto count = divide_up(word_bits, shape.width_bits) * divide_up(words, shape.depth);
        if (best == 0 || count < best) best = count;
    }
    return best;
}

// AMD UG1273 (Versal design guide): simple dual port forms.
constexpr std::array<Shape, 5> bram_shapes = {{{72, 512}, {36, 1024}, {18, 2048}, {9, 4096}, {4, 8192}}};
constexpr std::array<Shape, 4> uram_shapes = {{{72, 4096}, {36, 8192}, {18, 16384}, {9, 32768}}};
// AMD UG574 (UltraScale CLB), simple dual port: eight LUTs are a RAM32M16 or a RAM64M8.
constexpr std::array<Shape, 2> lutram_shapes = {{{14, 32}, {7, 64}}};
constexpr std::int64_t luts_per_lutram = 8;

}  // namespace

std::int64_t access_cycles(const ScratchpadSpecification& specification, std::int64_t read_words,
                           std::int64_t write_words) {
    const auto reads = divide_up(read_words, specification.banks);
    const auto writes = divide_up(write_words, specification.banks);
    return specification.ports >= 2 ? std::max(reads, writes) : reads + writes;
}

std::int64_t primitives(const ScratchpadSpecification& specification, bool narrow_uram) {
    if (specification.capacity_bytes == 0) return 0;
    const auto bank_bits = divide_up(specification.capacity_bytes * 8, specification.banks);
    const auto words = divide_up(bank_bits, specification.word_bits);
    switch (specification.kind) {
        case RamKind::bram:
            return specification.banks * smallest(bram_shapes, specification.word_bits, words);
        case RamKind::uram:
            return specification.banks *
                   smallest(std::span(uram_shapes).first(narrow_uram ? uram_shapes.size() : 1),
                            specification.word_bits, words);
        case RamKind::lutram:
            return specification.banks * luts_per_lutram *
                   smallest(lutram_shapes, specification.word_bits, words);
    }
    return 0;
}

}  // namespace tilewright::memory
