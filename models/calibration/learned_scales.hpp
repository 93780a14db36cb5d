// SPDX-License-Identifier: Apache-2.0
// GALT, FPQVAR's GHT-aware learnable transformation (arXiv 2505.16335): one scale per input channel, in front
// of a group-wise Hadamard rotation, fitted to the layer's outputs on calibration inputs. Outlier channels
// that change over time (VAR's scales) are then weakened before the rotation spreads them over their block.
#pragma once

#include "models/calibration/output_error.hpp"

namespace tilewright::models {

struct LearnedScalesOptions {
    int iterations = 100;
    double learning_rate = 0.05;  // of Adam, on the logarithms of the scales
};

struct LearnedScales {
    LinearTransform transform;
    double initial_error = 0;  // output_error() of `start`
    double error = 0;          // of `transform`, never more
    int best_iteration = 0;    // 0: `start`
};

// Minimises output_error() over the scales of `start` (all 1 if it has none) with its rotation as it is.
// Gradients pass through rounding as if it were the identity (straight-through estimator, Bengio et al.,
// arXiv 1308.3432), while a group's scale follows its largest element: with q = S r(v / S) and S = max|v| /
// M,
//   dq_i / dv_j = [i = j] + (q_i - v_i) / S * dS / dv_j.
// Power-of-two, MX and dual scales count as constants.
// Adam (Kingma and Ba, arXiv 1412.6980) with beta 0.9 and 0.999, a fixed number of iterations, the best kept.
// The same inputs give the same result. Throws std::invalid_argument as output_error() does.
LearnedScales learn_channel_scales(const LinearSample& sample, const LinearTransform& start,
                                   const LinearRounding& rounding, const LearnedScalesOptions& options = {});

}  // namespace tilewright::models
