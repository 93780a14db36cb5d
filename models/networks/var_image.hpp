// SPDX-License-Identifier: Apache-2.0
// VAR's transformer from class to logits, scale after scale, in float64 or under a recipe; and sampling.
//
// For every image there are two rows of conditions: its class, and none (classifier-free guidance). With
// lvl_pos the sum of the position's and the level's embedding,
//
//   x of the first scale   class embedding + pos_start + lvl_pos
//   x of the others        word_embed(map) + lvl_pos, the map being what the codes so far look like at this
//   scale logits                 head(norm(x) (1 + scale) + shift), scale and shift from the class (AdaLN)
//   guided                 (1 + t) logits(class) - t logits(none), t = guidance x scale / (scales - 1)
//
// (VAR, arXiv 2404.02905, and the authors' code, models/var.py, models/helpers.py.)
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "models/networks/var_reference.hpp"
#include "models/recipes/transformer_recipe.hpp"
#include "models/weights/var_model.hpp"

namespace tilewright::models {

// One image's transformer; scales come in order. Not for several images at once.
class VarTransformer {
  public:
    virtual ~VarTransformer() = default;

    // Forgets what went before. Throws std::out_of_range for a class that the model does not have.
    virtual void begin(std::int64_t image_class) = 0;

    struct ScaleOutput {
        std::vector<double> logits;               // [2, tokens, codebook]: with the class, without
        std::vector<std::vector<double>> blocks;  // if asked for: [2, tokens, width] behind each
    };
    // `map`: [tokens, codebook width]; empty at the first scale.
    virtual ScaleOutput next_scale(std::span<const double> map, bool keep_blocks) = 0;
};

// In float64. `inputs`, if given, gets what every block fed its linear layers with the class (calibration).
std::unique_ptr<VarTransformer> make_var_reference(const VarModel& model,
                                                   std::vector<VarLinearInputs>* inputs = nullptr);

// Bit for bit under a recipe: blocks as in quantized_var.hpp, all else as in quantized_var_ends.hpp.
// `calibration`, what make_var_reference() collected, is needed for learned scales only.
std::unique_ptr<VarTransformer> make_quantized_var(const VarModel& model, const TransformerRecipe& recipe,
                                                   const std::vector<VarLinearInputs>* calibration = nullptr);

// Guided logits of a scale, [tokens, codebook].
std::vector<double> guided_logits(std::span<const double> logits, double guidance, std::size_t scale,
                                  std::size_t scales);

struct VarSampling {
    bool greedy = false;       // the largest logit; otherwise
    std::int64_t top_k = 900;  // only codes with one of the k largest logits; 0: all
    double top_p = 0.96;       // and of these the likeliest that have this share together; 0: all
    std::uint64_t seed = 1;
};

// A code for every row of logits. Random numbers are a function of seed, scale and row alone.
std::vector<std::int64_t> sample_codes(std::span<const double> logits, std::int64_t codebook,
                                       const VarSampling& sampling, std::size_t scale);

}  // namespace tilewright::models
