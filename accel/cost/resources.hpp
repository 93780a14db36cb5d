// SPDX-License-Identifier: Apache-2.0
// Fabric primitives that a design takes, engine by engine, from the structure of each engine.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "accel/cost/cost_constants.hpp"
#include "accel/design/design.hpp"
#include "accel/schedule/tile_program.hpp"

namespace tilewright::accel {

// DSP blocks of a binary32 multiply-add: one DSP58, or a multiplier and an adder of DSP48E2.
double multiply_add_dsp(const Design& design, const CostConstants& constants);

// What a matrix unit's multipliers take, and what they leave for its adder trees.
struct Multipliers {
    std::int64_t dsp = 0;
    double lut = 0;           // multipliers of lookup tables, or what sets packed products right
    std::int64_t leaves = 0;  // of the tree of an output
    int leaf_bits = 0;
    std::int64_t registers = 0;  // of leaf_bits, outside DSP blocks
};
// `bits`: of a product, signed, as the trees take it; `table_lut`: of one multiplier of lookup tables.
Multipliers multipliers(const MatrixEngine& engine, int bits, double table_lut,
                        const CostConstants& constants);

// LUTs of a tree that adds `leaves` numbers of `bits` bits: every level adds pairs one bit wider than the
// last.
std::int64_t adder_tree_lut(const CostConstants& constants, std::int64_t leaves, int bits);
// Bits of the sum of such a tree.
int adder_tree_bits(std::int64_t leaves, int bits);

FabricResources matrix_resources(const Design& design, const CostConstants& constants);
// What feeds the AI Engines: a mover for every PLIO, and behind each that brings sums, lanes that scale them
// by group and add them up. Nothing without an array.
FabricResources aie_resources(const Design& design, const CostConstants& constants);
// Movers of all PLIO of an array.
FabricResources plio_resources(const AieMapping& mapping, const CostConstants& constants);
FabricResources ssm_resources(const Design& design, const CostConstants& constants);
FabricResources hadamard_resources(const Design& design, const CostConstants& constants);
FabricResources vector_resources(const Design& design, const CostConstants& constants);
FabricResources port_resources(const MemoryPort& port, const CostConstants& constants);

// Bits of right operands that all PLIO of an array bring at once.
std::int64_t right_word_bits(const AieMapping& mapping);
// Of the activations, likewise, that the array reads; 0 without one.
std::int64_t aie_left_word_bits(const Design& design);

// Bits of weights that the AI Engines take at once: a word for every PLIO or GMIO; 0 without an array.
std::int64_t aie_weight_word_bits(const Design& design);

// The scratchpad that holds a buffer of `bytes` bytes: banks and word width follow from who reads it.
memory::ScratchpadSpecification buffer_specification(const Design& design, Buffer buffer, std::int64_t bytes);

// The memory that holds Mamba's vectors, which stay on chip: of every layer the two norms, the convolution's
// bias, A, D and dt_bias, and the last norm, in fp16; as wide as the vector unit.
memory::ScratchpadSpecification vectors_specification(const Design& design);

struct ResourceUse {
    std::vector<std::pair<std::string, FabricResources>> components;
    FabricResources total;
    AiePlacement aie;  // tiles and PLIO; zero without an array

    bool fits(const FabricResources& available) const;
    // "2110 DSP of 1968, ..." for everything that does not fit; empty if all does.
    std::string overflow(const FabricResources& available) const;
    // "most DSP: matrix 2048, ..." for each of those: the component that takes most.
    std::string most_of_overflow(const FabricResources& available) const;
};

// Of the whole design with buffers of the given capacities. Fully unrolled designs have every engine and
// buffer once per block of the network.
ResourceUse design_resources(const Design& design, const std::array<std::int64_t, buffer_count>& buffer_bytes,
                             const CostConstants& constants);

}  // namespace tilewright::accel
