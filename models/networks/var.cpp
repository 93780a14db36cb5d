// SPDX-License-Identifier: Apache-2.0
#include "models/networks/var.hpp"

#include <stdexcept>
#include <utility>

#include "models/graph/graph_writer.hpp"

namespace tilewright::models {

std::int64_t VarConfig::tokens_until(std::size_t scale) const {
    std::int64_t sum = 0;
    for (std::size_t s = 0; s < scale; ++s) sum += scale_tokens(s);
    return sum;
}

VarConfig var_config(int depth) {
    if (depth != 16 && depth != 20 && depth != 24 && depth != 30 && depth != 36) {
        throw std::invalid_argument("VAR of depth " + std::to_string(depth) +
                                    "; allowed: 16, 20, 24, 30 (256 x 256), 36 (512 x 512)");
    }
    VarConfig config;
    config.name = "var-d" + std::to_string(depth);
    config.depth = depth;
    config.width = std::int64_t{64} * depth;
    config.heads = depth;
    config.scales = {1, 2, 3, 4, 5, 6, 8, 10, 13, 16};
    if (depth == 36) {
        config.scales = {1, 2, 3, 4, 6, 9, 13, 18, 24, 32};
        config.shared_adaln = true;
    }
    return config;
}

namespace {

void check(const VarConfig& config, const VarStep& step) {
    const auto refuse = [&](const std::string& why) {
        throw std::invalid_argument("VAR \"" + config.name + "\": " + why);
    };
    if (config.depth < 1 || config.width < 1 || config.heads < 1 || config.mlp_ratio < 1) {
        refuse("depth, width, heads and mlp ratio must be at least 1");
    }
    if (config.width % config.heads != 0) refuse("the heads must divide the width");
    if (config.scales.empty()) refuse("there must be at least one scale");
    for (const auto side : config.scales) {
        if (side < 1) refuse("the side of a scale must be at least 1");
    }
    if (config.codebook < 1 || config.codebook_width < 1 || config.classes < 1) {
        refuse("codebook, its width and classes must be at least 1");
    }
    if (step.images < 1) refuse("there must be at least one image");
}

// The weights of one block, tensors that all scales share.
struct VarBlockTensors {
    TensorIndex qkv, q_bias, v_bias, scale_mul, proj, proj_bias, fc1, fc1_bias, fc2, fc2_bias;
    TensorIndex keys, values;
    TensorIndex modulation;  // [batch, 6, width], made once an image
};

class VarGraphWriter : private OperatorGraphWriter {
  public:
    VarGraphWriter(const VarConfig& config, const VarStep& step, OperatorGraph& graph)
        : OperatorGraphWriter(graph), config_(config), batch_(step.batch()) {}

    void write();

  private:
    TensorIndex element_wise(const std::string& name, OperatorKind kind, std::int64_t m, std::int64_t n,
                             std::vector<TensorIndex> inputs) {
        return apply(name, kind, m, n, 1, std::move(inputs));
    }
    TensorIndex linear(const std::string& name, TensorClass tensor_class, std::int64_t m, std::int64_t n,
                       std::int64_t k, TensorIndex input) {
        const auto matrix = weight(name + ".weight", tensor_class, {n, k});
        const auto bias = vector(name + ".bias", n);
        return apply(name, OperatorKind::linear, m, n, k, {input, matrix, bias});
    }
    VarBlockTensors block_tensors(int layer, TensorIndex condition, TensorIndex shared);
    TensorIndex block(const VarBlockTensors& tensors, std::size_t scale, TensorIndex residual);
    TensorIndex attention(const VarBlockTensors& tensors, std::size_t scale, TensorIndex qkv);

    const VarConfig& config_;
    std::int64_t batch_;
};

VarBlockTensors VarGraphWriter::block_tensors(int layer, TensorIndex condition, TensorIndex shared) {
    const auto c = config_.width;
    const auto hidden = config_.hidden();
    const auto name = "blocks." + std::to_string(layer) + ".";
    const auto matrix = [&](const char* of, std::int64_t n, std::int64_t k) {
        return weight(name + of + ".weight", TensorClass::linear_weight, {n, k});
    };
    const auto cache = [&](const char* of) {
        return graph_.add_tensor({name + of,
                                  TensorRole::state,
                                  TensorClass::kv_cache,
                                  {batch_, config_.heads, config_.tokens(), config_.head_dim()}});
    };
    VarBlockTensors tensors{};
    tensors.qkv = matrix("attn.mat_qkv", 3 * c, c);
    tensors.q_bias = vector(name + "attn.q_bias", c);  // keys have no bias
    tensors.v_bias = vector(name + "attn.v_bias", c);
    tensors.scale_mul = vector(name + "attn.scale_mul_1H11", config_.heads);
    tensors.proj = matrix("attn.proj", c, c);
    tensors.proj_bias = vector(name + "attn.proj.bias", c);
    tensors.fc1 = matrix("ffn.fc1", hidden, c);
    tensors.fc1_bias = vector(name + "ffn.fc1.bias", hidden);
    tensors.fc2 = matrix("ffn.fc2", c, hidden);
    tensors.fc2_bias = vector(name + "ffn.fc2.bias", c);
    tensors.keys = cache("attn.keys");
    tensors.values = cache("attn.values");
    layer_ = layer;
    if (config_.shared_adaln) {
        const auto offset = vector(name + "ada_gss", 6 * c);
        tensors.modulation =
            element_wise(name + "ada_gss", OperatorKind::residual_add, batch_, 6 * c, {shared, offset});
    } else {
        tensors.modulation =
            linear(name + "ada_lin.1", TensorClass::unquantized_weight, batch_, 6 * c, c, condition);
    }
    layer_ = -1;
    return tensors;
}

TensorIndex VarGraphWriter::attention(const VarBlockTensors& tensors, std::size_t scale, TensorIndex qkv) {
    const auto tokens = config_.scale_tokens(scale);
    const auto seen = config_.tokens_until(scale + 1);
    const auto dim = config_.head_dim();
    const auto pairs = batch_ * config_.heads;
    const auto q =
        apply("attn.q_norm", OperatorKind::l2_norm, tokens, dim, 1, {qkv, tensors.scale_mul}, pairs);
    const auto k = apply("attn.k_norm", OperatorKind::l2_norm, tokens, dim, 1, {qkv}, pairs);
    const auto scores =
        apply("attn.scores", OperatorKind::matrix_product, tokens, seen, dim, {q, k, tensors.keys}, pairs);
    const auto shares = apply("attn.softmax", OperatorKind::softmax, tokens, seen, 1, {scores}, pairs);
    return apply("attn.values", OperatorKind::matrix_product, tokens, dim, seen,
                 {shares, qkv, tensors.values}, pairs);
}

TensorIndex VarGraphWriter::block(const VarBlockTensors& t, std::size_t scale, TensorIndex residual) {
    const auto c = config_.width;
    const auto hidden = config_.hidden();
    const auto m = batch_ * config_.scale_tokens(scale);
    auto x = element_wise("attn.norm", OperatorKind::layer_norm, m, c, {residual});
    x = element_wise("attn.modulate", OperatorKind::modulate, m, c, {x, t.modulation});
    x = apply("attn.mat_qkv", OperatorKind::linear, m, 3 * c, c, {x, t.qkv, t.q_bias, t.v_bias});
    x = attention(t, scale, x);
    x = apply("attn.proj", OperatorKind::linear, m, c, c, {x, t.proj, t.proj_bias});
    x = element_wise("attn.gamma", OperatorKind::channel_scale, m, c, {x, t.modulation});
    residual = element_wise("attn.add", OperatorKind::residual_add, m, c, {residual, x});
    x = element_wise("ffn.norm", OperatorKind::layer_norm, m, c, {residual});
    x = element_wise("ffn.modulate", OperatorKind::modulate, m, c, {x, t.modulation});
    x = apply("ffn.fc1", OperatorKind::linear, m, hidden, c, {x, t.fc1, t.fc1_bias});
    x = element_wise("ffn.gelu", OperatorKind::gelu, m, hidden, {x});
    x = apply("ffn.fc2", OperatorKind::linear, m, c, hidden, {x, t.fc2, t.fc2_bias});
    x = element_wise("ffn.gamma", OperatorKind::channel_scale, m, c, {x, t.modulation});
    return element_wise("ffn.add", OperatorKind::residual_add, m, c, {residual, x});
}

void VarGraphWriter::write() {
    const auto c = config_.width;
    // One more class stands for "no class".
    const auto class_table =
        weight("class_emb.weight", TensorClass::unquantized_weight, {config_.classes + 1, c});
    const auto pos_start = weight("pos_start", TensorClass::vector_weight, {1, config_.scale_tokens(0), c});
    const auto positions = weight("pos_1LC", TensorClass::vector_weight, {1, config_.tokens(), c});
    const auto levels = weight("lvl_embed.weight", TensorClass::vector_weight,
                               {static_cast<std::int64_t>(config_.scales.size()), c});
    const auto word =
        weight("word_embed.weight", TensorClass::unquantized_weight, {c, config_.codebook_width});
    const auto word_bias = vector("word_embed.bias", c);
    const auto head = weight("head.weight", TensorClass::unquantized_weight, {config_.codebook, c});
    const auto head_bias = vector("head.bias", config_.codebook);

    const auto condition = element_wise("class_emb", OperatorKind::embedding, batch_, c, {class_table});
    const auto activated = element_wise("ada_lin.0", OperatorKind::silu, batch_, c, {condition});
    const auto shared = config_.shared_adaln ? linear("shared_ada_lin.1", TensorClass::unquantized_weight,
                                                      batch_, 6 * c, c, activated)
                                             : activated;
    std::vector<VarBlockTensors> blocks;
    blocks.reserve(static_cast<std::size_t>(config_.depth));
    for (int i = 0; i < config_.depth; ++i) blocks.push_back(block_tensors(i, activated, shared));
    const auto head_modulation =
        linear("head_nm.ada_lin.1", TensorClass::unquantized_weight, batch_, 2 * c, c, activated);

    TensorIndex logits = 0;
    for (std::size_t scale = 0; scale < config_.scales.size(); ++scale) {
        const auto tokens = config_.scale_tokens(scale);
        const auto m = batch_ * tokens;
        const auto at = "scale." + std::to_string(scale) + ".";
        prefix_ = at;
        auto x = condition;
        if (scale == 0) {
            x = element_wise("pos_start", OperatorKind::residual_add, m, c, {x, pos_start});
        } else {
            const auto images = batch_ * tokens;
            x = element_wise("next_input", OperatorKind::embedding, images, config_.codebook_width, {logits});
            x = apply("word_embed", OperatorKind::linear, images, c, config_.codebook_width,
                      {x, word, word_bias});
        }
        x = element_wise("positions", OperatorKind::residual_add, m, c, {x, positions, levels});
        for (int i = 0; i < config_.depth; ++i) {
            layer_ = i;
            prefix_ = at + "blocks." + std::to_string(i) + ".";
            x = block(blocks[static_cast<std::size_t>(i)], scale, x);
        }
        layer_ = -1;
        prefix_ = at;
        x = element_wise("head_nm.norm", OperatorKind::layer_norm, m, c, {x});
        x = element_wise("head_nm.modulate", OperatorKind::modulate, m, c, {x, head_modulation});
        logits = apply("head", OperatorKind::linear, m, config_.codebook, c, {x, head, head_bias});
    }
}

}  // namespace

OperatorGraph build_var_graph(const VarConfig& config, const VarStep& step) {
    check(config, step);
    OperatorGraph graph;
    graph.name = config.name;
    graph.tokens = config.tokens();
    graph.layers = config.depth;
    VarGraphWriter(config, step, graph).write();
    return graph;
}

VarTotals var_totals(const OperatorGraph& graph) {
    VarTotals sum;
    for (const auto& op : graph.operators) {
        if (op.kind == OperatorKind::matrix_product) sum.attention_macs += op.macs();
        if (op.kind != OperatorKind::linear) continue;
        const auto weight_class = graph.tensors[op.inputs[1]].tensor_class;
        if (weight_class == TensorClass::linear_weight) {
            sum.block_linear_macs += op.macs();
        } else if (op.name.find("ada_lin") != std::string::npos) {
            sum.adaln_macs += op.macs();
        } else {
            sum.end_macs += op.macs();
        }
    }
    for (const auto& tensor : graph.tensors) {
        if (tensor.role == TensorRole::weight) sum.parameters += tensor.elements();
        if (tensor.tensor_class == TensorClass::linear_weight) sum.block_linear_weights += tensor.elements();
        if (tensor.tensor_class == TensorClass::kv_cache) sum.kv_cache_elements += tensor.elements();
    }
    return sum;
}

}  // namespace tilewright::models
