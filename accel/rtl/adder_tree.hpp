// SPDX-License-Identifier: Apache-2.0
// A binary adder tree with a register behind every adder: ceil(log2(leaves)) cycles.
//
// Leaves may lack a one each: the negation of a magnitude m is ~m + 1, and the + 1 of a leaf goes on as a bit
// beside it. An adder of two such numbers takes one of the bits as its carry and hands the other one on, so n
// leaves cost no more than their n - 1 adders and the one behind the tree. That is what the resource model
// means where it says that signs fold into the adder behind.
#pragma once

#include <string>
#include <vector>

namespace tilewright::accel {

struct AdderTree {
    int leaves = 1;
    // Bits of a number after 0, 1, ... levels of adders: bits[0] of a leaf, then as many as the sums need.
    std::vector<int> bits;
    bool is_signed = true;
    bool carries = false;  // leaves lack ones: bits `carry_0`

    int levels() const { return static_cast<int>(bits.size()) - 1; }
    int root_bits() const { return bits.back(); }

    // From vector `level_0` of all leaves, the first in its lowest bits, to `level_<levels()>`; likewise
    // `carry_...`. They are declared by the text, except for those of level 0.
    std::string text() const;
};

// Levels of a tree.
int tree_levels(int leaves);

}  // namespace tilewright::accel
