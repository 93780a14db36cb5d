// SPDX-License-Identifier: Apache-2.0
#include "models/networks/mamba.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace tilewright::models {

std::int64_t MambaConfig::convolution_channels() const {
    return version == MambaVersion::mamba2 ? d_inner() + 2 * groups * d_state : d_inner();
}

std::int64_t MambaConfig::in_proj_outputs() const {
    return version == MambaVersion::mamba2 ? 2 * d_inner() + 2 * groups * d_state + heads() : 2 * d_inner();
}

namespace {

// Appends blocks to a graph; every method adds one operator and returns the tensor that it makes.
class MambaGraphWriter {
  public:
    MambaGraphWriter(const MambaConfig& config, const MambaStep& step, OperatorGraph& graph)
        : config_(config), step_(step), graph_(graph) {}

    TensorIndex activation(const std::string& name, std::vector<std::int64_t> shape,
                           TensorClass tensor_class = TensorClass::activation) {
        return graph_.add_tensor({name, TensorRole::activation, tensor_class, std::move(shape)});
    }
    TensorIndex weight(const std::string& name, TensorClass tensor_class, std::vector<std::int64_t> shape) {
        return graph_.add_tensor({name, TensorRole::weight, tensor_class, std::move(shape)});
    }
    TensorIndex state(const std::string& name, TensorClass tensor_class, std::vector<std::int64_t> shape) {
        return graph_.add_tensor({name, TensorRole::state, tensor_class, std::move(shape)});
    }

    TensorIndex apply(const std::string& name, OperatorKind kind, std::int64_t n, std::int64_t k,
                      std::vector<TensorIndex> inputs, std::vector<std::int64_t> shape,
                      TensorClass tensor_class = TensorClass::activation) {
        const auto output = activation(prefix_ + name + ".out", std::move(shape), tensor_class);
        Operator op;
        op.name = prefix_ + name;
        op.kind = kind;
        op.layer = layer_;
        op.m = step_.tokens;
        op.n = n;
        op.k = k;
        op.inputs = std::move(inputs);
        op.outputs = {output};
        last_ = graph_.add_operator(std::move(op));
        return output;
    }
    Operator& last() { return graph_.operators[last_]; }

    void begin_layer(int layer) {
        layer_ = layer;
        prefix_ = "backbone.layers." + std::to_string(layer) + ".";
    }
    void end_layers() {
        layer_ = -1;
        prefix_ = "backbone.";
    }
    const std::string& prefix() const { return prefix_; }

    TensorIndex mamba2_block(TensorIndex residual);
    TensorIndex mamba1_block(TensorIndex residual);

  private:
    TensorIndex norm(const std::string& name, TensorIndex input, std::int64_t channels) {
        const auto scale = weight(prefix_ + name + ".weight", TensorClass::vector_weight, {channels});
        return apply(name, OperatorKind::rms_norm, channels, 1, {input, scale}, {step_.tokens, channels});
    }
    TensorIndex linear(const std::string& name, TensorIndex input, std::int64_t outputs,
                       std::int64_t inputs) {
        const auto matrix = weight(prefix_ + name + ".weight", TensorClass::linear_weight, {outputs, inputs});
        return apply(name, OperatorKind::linear, outputs, inputs, {input, matrix}, {step_.tokens, outputs});
    }
    TensorIndex convolution(TensorIndex input) {
        const auto channels = config_.convolution_channels();
        const auto width = config_.convolution_width;
        const auto taps =
            weight(prefix_ + "mixer.conv1d.weight", TensorClass::convolution_weight, {channels, 1, width});
        const auto bias = weight(prefix_ + "mixer.conv1d.bias", TensorClass::vector_weight, {channels});
        const auto window =
            state(prefix_ + "mixer.conv_state", TensorClass::convolution_state, {channels, width});
        const auto sums = apply("mixer.conv1d", OperatorKind::convolution, channels, width,
                                {input, taps, bias, window}, {step_.tokens, channels});
        return apply("mixer.conv1d.silu", OperatorKind::silu, channels, 1, {sums}, {step_.tokens, channels});
    }
    TensorIndex recurrent_scan(TensorIndex x_b_c, TensorIndex discretized);
    TensorIndex chunked_scan(TensorIndex x_b_c, TensorIndex discretized);
    void matrix_product(const std::string& name, std::int64_t count, std::int64_t m, std::int64_t n,
                        std::int64_t k, std::vector<TensorIndex> inputs);
    TensorIndex out_proj_and_residual(TensorIndex input, TensorIndex residual);

    const MambaConfig& config_;
    const MambaStep& step_;
    OperatorGraph& graph_;
    int layer_ = -1;
    std::string prefix_ = "backbone.";
    std::size_t last_ = 0;
};

TensorIndex MambaGraphWriter::recurrent_scan(TensorIndex x_b_c, TensorIndex discretized) {
    const auto inner = config_.d_inner();
    const auto n = config_.d_state;
    const std::vector<std::int64_t> full = {step_.tokens, inner, n};
    const auto kind = TensorClass::ssm_intermediate;
    const auto hidden = state(prefix_ + "mixer.ssm_state", TensorClass::ssm_state, {inner, n});
    const auto outer = apply("mixer.ssm.outer_product", OperatorKind::outer_product, inner, n,
                             {x_b_c, discretized}, full, kind);
    const auto decayed = apply("mixer.ssm.decay_state", OperatorKind::decay_state, inner, n,
                               {hidden, discretized}, full, kind);
    const auto updated =
        apply("mixer.ssm.update_state", OperatorKind::update_state, inner, n, {outer, decayed}, full, kind);
    const auto contracted = apply("mixer.ssm.contract_state", OperatorKind::contract_state, inner, n,
                                  {updated, x_b_c}, {step_.tokens, inner});
    const auto heads = config_.version == MambaVersion::mamba2 ? config_.heads() : inner;
    const auto d = weight(prefix_ + "mixer.D", TensorClass::vector_weight, {heads});
    return apply("mixer.ssm.skip", OperatorKind::skip, inner, 1, {contracted, x_b_c, d},
                 {step_.tokens, inner});
}

void MambaGraphWriter::matrix_product(const std::string& name, std::int64_t count, std::int64_t m,
                                      std::int64_t n, std::int64_t k, std::vector<TensorIndex> inputs) {
    apply(name, OperatorKind::matrix_product, n, k, std::move(inputs), {count, m, n});
    last().m = m;
    last().count = count;
}

// The chunked form of state-space duality (Dao and Gu 2024, section 6): for every chunk of Q tokens
// C B^T (Q x Q, shared by the heads of a group), (C B^T o L) X, the chunk's own state B^T X, and C h of the
// state that enters; then a scan of states over the chunks.
TensorIndex MambaGraphWriter::chunked_scan(TensorIndex x_b_c, TensorIndex discretized) {
    const auto heads = config_.heads();
    const auto p = config_.head_dim;
    const auto n = config_.d_state;
    state(prefix_ + "mixer.ssm_state", TensorClass::ssm_state, {config_.d_inner(), n});
    auto y = x_b_c;
    for (std::int64_t begin = 0; begin < step_.tokens; begin += step_.chunk) {
        const auto q = std::min(step_.chunk, step_.tokens - begin);
        const auto tag = "mixer.ssm.chunk" + std::to_string(begin / step_.chunk);
        matrix_product(tag + ".c_b", config_.groups, q, q, n, {x_b_c});
        matrix_product(tag + ".diagonal", heads, q, p, q, {x_b_c, discretized});
        matrix_product(tag + ".state", heads, n, p, q, {x_b_c, discretized});
        matrix_product(tag + ".off_diagonal", heads, q, p, n, {x_b_c, discretized});
        // Across chunks: h = decay * h + state, once a chunk.
        const auto decayed = apply(tag + ".decay_state", OperatorKind::decay_state, config_.d_inner(), n,
                                   {discretized}, {config_.d_inner(), n}, TensorClass::ssm_intermediate);
        last().m = 1;
        y = apply(tag + ".update_state", OperatorKind::update_state, config_.d_inner(), n, {decayed},
                  {config_.d_inner(), n}, TensorClass::ssm_intermediate);
        last().m = 1;
    }
    const auto d = weight(prefix_ + "mixer.D", TensorClass::vector_weight, {heads});
    return apply("mixer.ssm.skip", OperatorKind::skip, config_.d_inner(), 1, {y, x_b_c, d},
                 {step_.tokens, config_.d_inner()});
}

TensorIndex MambaGraphWriter::out_proj_and_residual(TensorIndex input, TensorIndex residual) {
    const auto projected = linear("mixer.out_proj", input, config_.d_model, config_.d_inner());
    return apply("residual", OperatorKind::residual_add, config_.d_model, 1, {residual, projected},
                 {step_.tokens, config_.d_model}, TensorClass::residual);
}

TensorIndex MambaGraphWriter::mamba2_block(TensorIndex residual) {
    const auto inner = config_.d_inner();
    const auto heads = config_.heads();
    const auto shared = config_.groups * config_.d_state;
    const auto normed = norm("norm", residual, config_.d_model);
    const auto projected = linear("mixer.in_proj", normed, config_.in_proj_outputs(), config_.d_model);
    last().segments = {{"z", 0, inner},
                       {"x", inner, inner},
                       {"B", 2 * inner, shared},
                       {"C", 2 * inner + shared, shared},
                       {"dt", 2 * inner + 2 * shared, heads}};
    const auto x_b_c = convolution(projected);
    last().segments = {{"x", 0, inner}, {"B", inner, shared}, {"C", inner + shared, shared}};
    const auto dt_bias = weight(prefix_ + "mixer.dt_bias", TensorClass::vector_weight, {heads});
    const auto dt = apply("mixer.dt.softplus", OperatorKind::softplus, heads, 1, {projected, dt_bias},
                          {step_.tokens, heads});
    const auto a_log = weight(prefix_ + "mixer.A_log", TensorClass::vector_weight, {heads});
    const auto discretized = apply("mixer.ssm.discretize", OperatorKind::discretize, heads, config_.d_state,
                                   {dt, a_log, x_b_c}, {step_.tokens, heads, config_.d_state});
    const auto y = step_.phase == Phase::prefill && step_.scan == ScanForm::chunked
                       ? chunked_scan(x_b_c, discretized)
                       : recurrent_scan(x_b_c, discretized);
    const auto gated =
        apply("mixer.gate", OperatorKind::gate, inner, 1, {y, projected}, {step_.tokens, inner});
    auto normed_y = norm("mixer.norm", gated, inner);
    if (step_.online_hadamard) {
        normed_y =
            apply("mixer.hadamard", OperatorKind::hadamard, inner, 1, {normed_y}, {step_.tokens, inner});
    }
    return out_proj_and_residual(normed_y, residual);
}

TensorIndex MambaGraphWriter::mamba1_block(TensorIndex residual) {
    const auto inner = config_.d_inner();
    const auto n = config_.d_state;
    const auto rank = config_.dt_rank();
    const auto normed = norm("norm", residual, config_.d_model);
    const auto projected = linear("mixer.in_proj", normed, config_.in_proj_outputs(), config_.d_model);
    last().segments = {{"x", 0, inner}, {"z", inner, inner}};
    const auto x = convolution(projected);
    const auto selected = linear("mixer.x_proj", x, rank + 2 * n, inner);
    last().segments = {{"dt", 0, rank}, {"B", rank, n}, {"C", rank + n, n}};
    auto dt = linear("mixer.dt_proj", selected, inner, rank);
    const auto dt_bias = weight(prefix_ + "mixer.dt_proj.bias", TensorClass::vector_weight, {inner});
    dt = apply("mixer.dt.softplus", OperatorKind::softplus, inner, 1, {dt, dt_bias}, {step_.tokens, inner});
    // A is diagonal with its own value for every channel and state, so there are d_inner x d_state
    // exponentials.
    const auto a_log = weight(prefix_ + "mixer.A_log", TensorClass::vector_weight, {inner, n});
    const auto discretized = apply("mixer.ssm.discretize", OperatorKind::discretize, inner, n,
                                   {dt, a_log, selected}, {step_.tokens, inner, n});
    const auto y = recurrent_scan(selected, discretized);
    const auto gated =
        apply("mixer.gate", OperatorKind::gate, inner, 1, {y, projected}, {step_.tokens, inner});
    return out_proj_and_residual(gated, residual);
}

void require(bool condition, const std::string& message) {
    if (!condition) throw std::invalid_argument(message);
}

void check(const MambaConfig& config, const MambaStep& step) {
    require(config.layers > 0 && config.d_model > 0 && config.d_state > 0 && config.expand > 0 &&
                config.convolution_width > 0 && config.vocabulary > 0 && config.head_dim > 0 &&
                config.groups > 0,
            "every size of a Mamba network must be positive");
    require(config.version == MambaVersion::mamba1 || config.d_inner() % config.head_dim == 0,
            "expand * d_model = " + std::to_string(config.d_inner()) +
                " is no multiple of head_dim = " + std::to_string(config.head_dim) + "; allowed: a divisor");
    require(config.version == MambaVersion::mamba1 || config.heads() % config.groups == 0,
            "the " + std::to_string(config.heads()) + " heads are no multiple of the " +
                std::to_string(config.groups) + " groups; allowed: a divisor");
    require(step.tokens > 0, "a step must have at least one token");
    require(step.phase == Phase::prefill || step.tokens == 1, "a decode step has one token");
    require(step.chunk > 0, "a chunk must have at least one token");
    require(config.version == MambaVersion::mamba2 || step.scan == ScanForm::recurrent,
            "the chunked scan needs Mamba2: Mamba1 has a different A for every channel and state");
    require(config.version == MambaVersion::mamba2 || !step.online_hadamard,
            "the online Hadamard rotation before out_proj is defined for Mamba2 only");
}

}  // namespace

OperatorGraph build_mamba_graph(const MambaConfig& config, const MambaStep& step) {
    check(config, step);
    OperatorGraph graph;
    graph.name = config.name;
    graph.tokens = step.tokens;
    graph.layers = config.layers;
    MambaGraphWriter writer(config, step, graph);
    const auto table = writer.weight("backbone.embedding.weight", TensorClass::linear_weight,
                                     {config.vocabulary, config.d_model});
    auto x = writer.apply("embedding", OperatorKind::embedding, config.d_model, 1, {table},
                          {step.tokens, config.d_model}, TensorClass::residual);
    for (int layer = 0; layer < config.layers; ++layer) {
        writer.begin_layer(layer);
        x = config.version == MambaVersion::mamba2 ? writer.mamba2_block(x) : writer.mamba1_block(x);
    }
    writer.end_layers();
    const auto scale = writer.weight("backbone.norm_f.weight", TensorClass::vector_weight, {config.d_model});
    x = writer.apply("norm_f", OperatorKind::rms_norm, config.d_model, 1, {x, scale}, {1, config.d_model});
    writer.last().m = 1;
    // lm_head shares its matrix with the embedding.
    writer.apply("lm_head", OperatorKind::linear, config.vocabulary, config.d_model, {x, table},
                 {1, config.vocabulary});
    writer.last().m = 1;
    return graph;
}

}  // namespace tilewright::models
