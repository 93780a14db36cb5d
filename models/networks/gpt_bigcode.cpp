// SPDX-License-Identifier: Apache-2.0
#include "models/networks/gpt_bigcode.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "models/graph/graph_writer.hpp"

namespace tilewright::models {

std::vector<GptStep> GptWork::steps() const {
    if (decode) return {{beams, 1, prompt, generated, true}};
    std::vector<GptStep> all;
    for (std::int64_t begin = 0; begin < prompt; begin += slice) {
        const auto size = std::min(slice, prompt - begin);
        all.push_back({1, size, begin, 0, begin + size == prompt});
    }
    return all;
}

std::vector<AttentionBlock> attention_blocks(const GptStep& step, std::int64_t attention_rows) {
    std::vector<AttentionBlock> blocks;
    const auto count = step.sequences > 1 ? step.sequences : step.tokens;
    for (std::int64_t begin = 0; begin < count; begin += attention_rows) {
        const auto size = std::min(attention_rows, count - begin);
        const auto context = step.shared_context + step.own_context;
        blocks.push_back({begin, size, step.sequences > 1 ? context + step.tokens : context + begin + size});
    }
    return blocks;
}

namespace {

void check(const GptConfig& config, const GptWork& work) {
    const auto refuse = [&](const std::string& why) {
        throw std::invalid_argument("GPT-BigCode \"" + config.name + "\": " + why);
    };
    if (config.layers < 1 || config.width < 1 || config.heads < 1 || config.hidden < 1 ||
        config.vocabulary < 1) {
        refuse("layers, width, heads, hidden and vocabulary must be at least 1");
    }
    if (config.width % config.heads != 0) refuse("the heads must divide the width");
    if (work.prompt < 1 || work.slice < 1 || work.beams < 1 || work.generated < 0 ||
        work.attention_rows < 1) {
        refuse("prompt, slice, beams and rows of attention must be at least 1");
    }
    const auto tokens = work.prompt + (work.decode ? work.generated + 1 : 0);
    if (tokens > config.positions) {
        refuse(std::to_string(tokens) + " tokens are more than its " + std::to_string(config.positions) +
               " positions");
    }
}

struct GptBlockTensors {
    TensorIndex norm1, norm1_bias, qkv, qkv_bias, proj, proj_bias;
    TensorIndex norm2, norm2_bias, fc1, fc1_bias, fc2, fc2_bias;
    TensorIndex keys, values;
};

class GptGraphWriter : private OperatorGraphWriter {
  public:
    GptGraphWriter(const GptConfig& config, const GptWork& work, OperatorGraph& graph)
        : OperatorGraphWriter(graph), config_(config), work_(work) {}

    void write();

  private:
    GptBlockTensors block_tensors(int layer);
    TensorIndex attention(const GptBlockTensors& tensors, const GptStep& step, TensorIndex qkv);
    TensorIndex block(const GptBlockTensors& tensors, const GptStep& step, TensorIndex residual);

    const GptConfig& config_;
    const GptWork& work_;
};

GptBlockTensors GptGraphWriter::block_tensors(int layer) {
    const auto c = config_.width;
    const auto name = "transformer.h." + std::to_string(layer) + ".";
    const auto matrix = [&](const char* of, std::int64_t n, std::int64_t k) {
        return weight(name + of + ".weight", TensorClass::linear_weight, {n, k});
    };
    const auto cache = [&](const char* of) {
        const auto tokens = work_.prompt + (work_.decode ? work_.beams * (work_.generated + 1) : 0);
        return graph_.add_tensor(
            {name + of, TensorRole::state, TensorClass::kv_cache, {tokens, config_.kv_width()}});
    };
    GptBlockTensors t{};
    t.norm1 = vector(name + "ln_1.weight", c);
    t.norm1_bias = vector(name + "ln_1.bias", c);
    t.qkv = matrix("attn.c_attn", config_.qkv_outputs(), c);
    t.qkv_bias = vector(name + "attn.c_attn.bias", config_.qkv_outputs());
    t.proj = matrix("attn.c_proj", c, c);
    t.proj_bias = vector(name + "attn.c_proj.bias", c);
    t.norm2 = vector(name + "ln_2.weight", c);
    t.norm2_bias = vector(name + "ln_2.bias", c);
    t.fc1 = matrix("mlp.c_fc", config_.hidden, c);
    t.fc1_bias = vector(name + "mlp.c_fc.bias", config_.hidden);
    t.fc2 = matrix("mlp.c_proj", c, config_.hidden);
    t.fc2_bias = vector(name + "mlp.c_proj.bias", c);
    t.keys = cache("attn.keys");
    t.values = cache("attn.values");
    return t;
}

TensorIndex GptGraphWriter::attention(const GptBlockTensors& t, const GptStep& step, TensorIndex qkv) {
    TensorIndex last = qkv;
    const auto dim = config_.head_dim();
    const auto blocks = attention_blocks(step, work_.attention_rows);
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        const auto number = "." + std::to_string(i);
        const auto rows = config_.heads * blocks[i].size;
        const auto keys = blocks[i].keys;
        const auto scores =
            apply("attn.scores" + number, OperatorKind::matrix_product, rows, keys, dim, {qkv, t.keys});
        const auto shares = apply("attn.softmax" + number, OperatorKind::softmax, rows, keys, 1, {scores});
        last = apply("attn.values" + number, OperatorKind::matrix_product, rows, dim, keys,
                     {shares, qkv, t.values});
    }
    return last;
}

TensorIndex GptGraphWriter::block(const GptBlockTensors& t, const GptStep& step, TensorIndex residual) {
    const auto c = config_.width;
    const auto m = step.rows();
    auto x = apply("attn.norm", OperatorKind::layer_norm, m, c, 1, {residual, t.norm1, t.norm1_bias});
    x = apply("attn.mat_qkv", OperatorKind::linear, m, config_.qkv_outputs(), c, {x, t.qkv, t.qkv_bias});
    x = attention(t, step, x);
    x = apply("attn.proj", OperatorKind::linear, m, c, c, {x, t.proj, t.proj_bias});
    residual = apply("attn.add", OperatorKind::residual_add, m, c, 1, {residual, x});
    x = apply("ffn.norm", OperatorKind::layer_norm, m, c, 1, {residual, t.norm2, t.norm2_bias});
    x = apply("ffn.fc1", OperatorKind::linear, m, config_.hidden, c, {x, t.fc1, t.fc1_bias});
    x = apply("ffn.gelu", OperatorKind::gelu, m, config_.hidden, 1, {x});
    x = apply("ffn.fc2", OperatorKind::linear, m, c, config_.hidden, {x, t.fc2, t.fc2_bias});
    return apply("ffn.add", OperatorKind::residual_add, m, c, 1, {residual, x});
}

void GptGraphWriter::write() {
    const auto c = config_.width;
    const auto embedding =
        weight("transformer.wte.weight", TensorClass::unquantized_weight, {config_.vocabulary, c});
    const auto positions =
        weight("transformer.wpe.weight", TensorClass::vector_weight, {config_.positions, c});
    const auto norm = vector("transformer.ln_f.weight", c);
    const auto norm_bias = vector("transformer.ln_f.bias", c);
    std::vector<GptBlockTensors> blocks;
    blocks.reserve(static_cast<std::size_t>(config_.layers));
    for (int i = 0; i < config_.layers; ++i) blocks.push_back(block_tensors(i));
    const auto steps = work_.steps();
    for (std::size_t s = 0; s < steps.size(); ++s) {
        const auto& step = steps[s];
        const auto at = "step." + std::to_string(s) + ".";
        prefix_ = at;
        auto x = apply("embedding", OperatorKind::embedding, step.rows(), c, 1, {embedding});
        x = apply("positions", OperatorKind::residual_add, step.rows(), c, 1, {x, positions});
        for (int i = 0; i < config_.layers; ++i) {
            layer_ = i;
            prefix_ = at + "blocks." + std::to_string(i) + ".";
            x = block(blocks[static_cast<std::size_t>(i)], step, x);
        }
        layer_ = -1;
        prefix_ = at;
        if (!step.head) continue;
        x = apply("final_norm", OperatorKind::layer_norm, step.sequences, c, 1, {x, norm, norm_bias});
        apply("lm_head", OperatorKind::linear, step.sequences, config_.vocabulary, c, {x, embedding});
    }
}

}  // namespace

OperatorGraph build_gpt_graph(const GptConfig& config, const GptWork& work) {
    check(config, work);
    OperatorGraph graph;
    graph.name = config.name;
    graph.tokens = work.tokens();
    graph.layers = config.layers;
    GptGraphWriter(config, work, graph).write();
    return graph;
}

GptTotals gpt_totals(const OperatorGraph& graph) {
    GptTotals sum;
    for (const auto& op : graph.operators) {
        if (op.kind == OperatorKind::matrix_product) sum.attention_macs += op.macs();
        if (op.kind != OperatorKind::linear) continue;
        (op.layer >= 0 ? sum.block_linear_macs : sum.head_macs) += op.macs();
    }
    for (const auto& tensor : graph.tensors) {
        if (tensor.role == TensorRole::weight) sum.parameters += tensor.elements();
        if (tensor.tensor_class == TensorClass::linear_weight) sum.block_linear_weights += tensor.elements();
    }
    return sum;
}

}  // namespace tilewright::models
