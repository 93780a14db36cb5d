// SPDX-License-Identifier: Apache-2.0
#include "models/networks/var_image.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>

#include "models/index.hpp"
#include "models/networks/float64_operators.hpp"
#include "models/networks/quantized_var.hpp"
#include "models/networks/quantized_var_ends.hpp"
#include "models/networks/transformer_operators.hpp"

namespace tilewright::models {

namespace {

constexpr std::size_t halves = 2;  // with the class, without

// What both arithmetics share: conditions, and the walk over blocks and scales.
template <typename Number>
class Transformer : public VarTransformer {
  public:
    explicit Transformer(const VarModel& model) : config_(model.config()), ends_(model.ends()) {}

    void begin(std::int64_t image_class) override {
        if (image_class < 0 || image_class >= config_.classes) {
            throw std::out_of_range("the class " + std::to_string(image_class) +
                                    " is not in the model; allowed: 0 to " +
                                    std::to_string(config_.classes - 1));
        }
        scale_ = 0;
        const auto width = index(config_.width);
        for (std::size_t half = 0; half < halves; ++half) {
            const auto row = half == 0 ? image_class : config_.classes;
            const auto first = ends_.classes.begin() + static_cast<std::ptrdiff_t>(index(row) * width);
            conditions_[half].assign(first, first + static_cast<std::ptrdiff_t>(width));
        }
        begin_blocks();
    }

    ScaleOutput next_scale(std::span<const double> map, bool keep_blocks) override {
        if (scale_ == config_.scales.size()) throw std::logic_error("an image has no further scale");
        const auto elements = scale_ == 0 ? 0 : config_.scale_tokens(scale_) * config_.codebook_width;
        if (map.size() != index(elements)) {
            throw std::invalid_argument("a map of " + std::to_string(map.size()) +
                                        " elements; allowed: " + std::to_string(elements));
        }
        ScaleOutput output;
        output.blocks.resize(keep_blocks ? index(config_.depth) : 0);
        for (std::size_t half = 0; half < halves; ++half) {
            auto x = input(map, half);
            for (int layer = 0; layer < config_.depth; ++layer) {
                block(layer, half, x);
                if (!keep_blocks) continue;
                auto& kept = output.blocks[index(layer)];
                kept.insert(kept.end(), x.begin(), x.end());
            }
            const auto logits = head(half, x);
            output.logits.insert(output.logits.end(), logits.begin(), logits.end());
        }
        ++scale_;
        return output;
    }

  protected:
    virtual void begin_blocks() = 0;
    virtual void block(int layer, std::size_t half, std::vector<Number>& x) = 0;
    virtual std::vector<Number> head(std::size_t half, const std::vector<Number>& x) = 0;
    // In front of the first block.
    virtual std::vector<Number> input(std::span<const double> map, std::size_t half) const = 0;

    VarConfig config_;
    VarEndWeights ends_;
    std::vector<Number> conditions_[halves];
    std::size_t scale_ = 0;
};

class Reference final : public Transformer<double> {
  public:
    Reference(const VarModel& model, std::vector<VarLinearInputs>* inputs)
        : Transformer(model), inputs_(inputs) {
        for (int layer = 0; layer < config_.depth; ++layer) blocks_.push_back(model.block(layer));
        if (inputs_ != nullptr) inputs_->resize(blocks_.size());
    }

  private:
    void begin_blocks() override {
        for (std::size_t half = 0; half < halves; ++half) {
            caches_[half].assign(blocks_.size(), {});
            modulation_[half].clear();
            for (const auto& weights : blocks_) {
                modulation_[half].push_back(var_modulation(config_, weights, conditions_[half]));
            }
            std::vector<double> activated;
            for (const auto value : conditions_[half]) activated.push_back(value / (1 + std::exp(-value)));
            head_modulation_[half] =
                linear_rows(ends_.head_adaln, ends_.head_adaln_bias, activated, index(config_.width));
        }
    }

    void block(int layer, std::size_t half, std::vector<double>& x) override {
        auto* inputs = inputs_ != nullptr && half == 0 ? &(*inputs_)[index(layer)] : nullptr;
        var_block(config_, blocks_[index(layer)], modulation_[half][index(layer)], x,
                  caches_[half][index(layer)], inputs);
    }

    std::vector<double> head(std::size_t half, const std::vector<double>& x) override {
        const auto width = index(config_.width);
        const std::span<const double> modulation(head_modulation_[half]);
        const auto normed = modulated_norm_rows(x, modulation.first(width), modulation.subspan(width, width));
        return linear_rows(ends_.head, ends_.head_bias, normed, width);
    }

    std::vector<double> input(std::span<const double> map, std::size_t half) const override {
        const auto width = index(config_.width);
        const auto before = index(config_.tokens_until(scale_)) * width;
        auto x = linear_rows(ends_.word, ends_.word_bias, map, index(config_.codebook_width));
        for (std::size_t i = 0; scale_ == 0 && i < ends_.start.size(); ++i) {
            x.push_back(conditions_[half][i % width] + static_cast<double>(ends_.start[i]));
        }
        for (std::size_t i = 0; i < x.size(); ++i) {
            x[i] += static_cast<double>(ends_.levels[scale_ * width + i % width]) +
                    static_cast<double>(ends_.positions[before + i]);
        }
        return x;
    }

    std::vector<VarBlockWeights> blocks_;
    std::vector<VarLinearInputs>* inputs_;
    std::vector<VarCache> caches_[halves];
    std::vector<std::vector<double>> modulation_[halves];
    std::vector<double> head_modulation_[halves];
};

class Quantized final : public Transformer<float> {
  public:
    Quantized(const VarModel& model, const TransformerRecipe& recipe,
              const std::vector<VarLinearInputs>* calibration)
        : Transformer(model), network_(model.config(), recipe) {
        ends_ = prepare_var_ends(std::move(ends_));
        places_ = var_places(config_, ends_);
        for (int layer = 0; layer < config_.depth; ++layer) {
            blocks_.push_back(
                prepare_var_block(config_, model.block(layer), recipe,
                                  calibration == nullptr ? nullptr : &(*calibration)[index(layer)]));
        }
    }

  private:
    void begin_blocks() override {
        for (std::size_t half = 0; half < halves; ++half) {
            caches_[half].assign(blocks_.size(), {});
            modulation_[half].clear();
            for (const auto& weights : blocks_) {
                modulation_[half].push_back(network_.modulation(weights, conditions_[half]));
            }
            head_modulation_[half] = var_head_modulation(ends_, conditions_[half]);
        }
    }

    void block(int layer, std::size_t half, std::vector<float>& x) override {
        network_.block(blocks_[index(layer)], modulation_[half][index(layer)], x,
                       caches_[half][index(layer)]);
    }

    std::vector<float> head(std::size_t half, const std::vector<float>& x) override {
        const auto width = index(config_.width);
        std::vector<float> logits;
        for (std::size_t at = 0; at < x.size(); at += width) {
            const auto row = var_logits(ends_, head_modulation_[half], std::span(x).subspan(at, width));
            logits.insert(logits.end(), row.begin(), row.end());
        }
        return logits;
    }

    std::vector<float> input(std::span<const double> map, std::size_t half) const override {
        const auto width = index(config_.width);
        const auto inputs = index(config_.codebook_width);
        const auto tokens = config_.scale_tokens(scale_);
        const std::vector<float> all(map.begin(), map.end());
        std::vector<float> x;
        for (std::int64_t t = 0; t < tokens; ++t) {
            const auto at = index(config_.tokens_until(scale_) + t) * width;
            const auto place = std::span(places_).subspan(at, width);
            const auto made =
                scale_ == 0 ? var_start(ends_, conditions_[half], t, place)
                            : var_embedding(ends_, std::span(all).subspan(index(t) * inputs, inputs), place);
            x.insert(x.end(), made.begin(), made.end());
        }
        return x;
    }

    QuantizedVar network_;
    std::vector<float> places_;
    std::vector<QuantizedVarBlock> blocks_;
    std::vector<QuantizedVarCache> caches_[halves];
    std::vector<std::vector<float>> modulation_[halves];
    std::vector<float> head_modulation_[halves];
};

}  // namespace

std::unique_ptr<VarTransformer> make_var_reference(const VarModel& model,
                                                   std::vector<VarLinearInputs>* inputs) {
    return std::make_unique<Reference>(model, inputs);
}

std::unique_ptr<VarTransformer> make_quantized_var(const VarModel& model, const TransformerRecipe& recipe,
                                                   const std::vector<VarLinearInputs>* calibration) {
    return std::make_unique<Quantized>(model, recipe, calibration);
}

std::vector<double> guided_logits(std::span<const double> logits, double guidance, std::size_t scale,
                                  std::size_t scales) {
    const auto size = logits.size() / halves;
    const auto t = scales > 1 ? guidance * static_cast<double>(scale) / static_cast<double>(scales - 1) : 0.0;
    std::vector<double> guided(size);
    for (std::size_t i = 0; i < size; ++i) guided[i] = (1 + t) * logits[i] - t * logits[size + i];
    return guided;
}

}  // namespace tilewright::models
