// SPDX-License-Identifier: Apache-2.0
// The program of a binary super-resolution network.
//
// An image goes through in strips of tile.rows rows. A convolution of a strip waits for the strip behind it,
// whose first row it needs. Every unit needs the average of all pixels, so units follow each other; inside a
// unit signs, counts and rescaling of successive strips overlap. Behind the body strips go through all stages
// of the upsampler and the tail before the next ones, so that what lies between those stays on the chip.
#pragma once

#include "accel/design/design.hpp"
#include "accel/schedule/tile_program.hpp"
#include "models/graph/operator_graph.hpp"

namespace tilewright::accel {

// Adds the engines that such a design has, DMA engines first.
void add_super_resolution_engines(const Design& design, TileProgram& program);

// Throws MappingError for images of more pixels than instructions can count.
TileProgram build_super_resolution_program(const Design& design, const models::OperatorGraph& graph);

}  // namespace tilewright::accel
