// SPDX-License-Identifier: Apache-2.0
// What the SSM engine computes.
#include <algorithm>

#include "accel/functional/functional_error.hpp"
#include "accel/functional/mamba2_executor.hpp"
#include "models/index.hpp"

namespace tilewright::accel {

using models::MambaOperators;

namespace {

using models::index;

}  // namespace

Mamba2Executor::Commit Mamba2Executor::discretize(const Step& step) {
    const auto& work = instruction(step);
    const auto generation = step.repetition;
    const auto& network = design_.network;
    const auto states = network.d_state;
    const auto head_group = network.heads() / network.groups;
    struct Made {
        models::Elements decays;
        models::Elements gains;
    };
    std::vector<Made> made;
    for (std::int64_t token = work.m0; token < work.m0 + work.m; ++token) {
        const auto dt = dt_.values.read(token, work.n0, work.n, generation);
        Made one{ops_.decays(dt, std::span(block(generation).a).subspan(work.n0, work.n)), {}};
        for (std::int64_t i = 0; i < work.n; ++i) {
            const auto group = (work.n0 + i) / head_group;
            const auto b =
                convolved_.values.read(token, network.d_inner() + group * states, states, generation);
            const auto row = ops_.input_gains(std::span(dt).subspan(index(i), 1), b);
            one.gains.values.insert(one.gains.values.end(), row.values.begin(), row.values.end());
            one.gains.exponents.insert(one.gains.exponents.end(), row.exponents.begin(), row.exponents.end());
        }
        made.push_back(std::move(one));
    }
    return [this, work, generation, states, made = std::move(made)] {
        const auto groups = static_cast<std::int64_t>(ops_.element().groups(index(states)));
        for (std::int64_t i = 0; i < work.m; ++i) {
            const auto& one = made[index(i)];
            write_elements(decays_, work.m0 + i, work.n0, one.decays, generation);
            gains_.values.write(work.m0 + i, work.n0 * states, one.gains.values, generation);
            const std::vector<double> exponents(one.gains.exponents.begin(), one.gains.exponents.end());
            gains_.exponents.write(work.m0 + i, work.n0 * groups, exponents, generation);
        }
    };
}

MambaOperators::Row Mamba2Executor::outer_row(std::int64_t token, std::int64_t channel,
                                              std::int64_t generation) const {
    const auto states = design_.network.d_state;
    const auto head = channel / design_.network.head_dim;
    const auto groups = static_cast<std::int64_t>(ops_.element().groups(index(states)));
    const auto gains = gains_.values.read(token, head * states, states, generation);
    const auto exponents = gains_.exponents.read(token, head * groups, groups, generation);
    const std::vector<int> gain_exponents(exponents.begin(), exponents.end());
    const auto x = convolved_.values.read(token, channel, 1, generation)[0];
    const auto x_exponent = convolved_.exponents.read(
        token, channel / static_cast<std::int64_t>(ops_.element().group()), 1, generation)[0];
    return ops_.outer_product(gains, gain_exponents, x, static_cast<int>(x_exponent));
}

MambaOperators::Row Mamba2Executor::decayed_row(std::int64_t token, std::int64_t channel,
                                                std::int64_t generation) const {
    const auto head = channel / design_.network.head_dim;
    const auto decay = decays_.values.read(token, head, 1, generation)[0];
    const auto exponent = decays_.exponents.read(
        token, head / static_cast<std::int64_t>(ops_.element().group()), 1, generation)[0];
    const auto states = index(design_.network.d_state);
    return ops_.decay_state(std::vector<double>(states, decay),
                            std::vector<int>(states, static_cast<int>(exponent)), hidden_, channel);
}

// Every channel of a group needs the others for its scale, so channels move on in whole groups.
std::vector<double> Mamba2Executor::advance_state(std::int64_t token, std::int64_t first, std::int64_t count,
                                                  std::int64_t generation) {
    const auto states = design_.network.d_state;
    const auto group = ops_.state_group();
    std::vector<double> sums;
    sums.reserve(index(count * states));
    for (auto channel = first; channel < first + count; ++channel) {
        const auto s =
            ops_.add_rows(outer_row(token, channel, generation), decayed_row(token, channel, generation));
        sums.insert(sums.end(), s.begin(), s.end());
    }
    for (std::int64_t i = 0; i < count; i += group) {
        ops_.store_state(std::span<const double>(sums).subspan(index(i * states), index(group * states)),
                         first + i, hidden_);
    }
    return sums;
}

double Mamba2Executor::contract(std::int64_t token, std::int64_t channel, std::span<const double> sums,
                                std::int64_t generation) const {
    const auto& network = design_.network;
    const auto states = network.d_state;
    const auto head = channel / network.head_dim;
    const auto group = head / (network.heads() / network.groups);
    const auto c = convolved_.values.read(token, network.d_inner() + (network.groups + group) * states,
                                          states, generation);
    return ops_.contract_state(sums, c, block(generation).d[index(head)],
                               convolved_.values.read(token, channel, 1, generation)[0]);
}

Mamba2Executor::Commit Mamba2Executor::publish_y(const Step& step, std::vector<std::vector<double>> y) {
    const auto& work = instruction(step);
    for (auto& token : y) token = ops_.to_elements(token).values;
    return [this, work, generation = step.repetition, y = std::move(y)] {
        for (std::int64_t i = 0; i < work.m; ++i) {
            y_.write(work.m0 + i, work.n0, y[index(i)], generation);
        }
        for (auto channel = work.n0; channel < work.n0 + work.n; ++channel) hidden_tokens_[channel] += work.m;
    };
}

Mamba2Executor::Commit Mamba2Executor::ssm_fused(const Step& step) {
    const auto& work = instruction(step);
    const auto generation = step.repetition;
    const auto states = design_.network.d_state;
    require_state(work.n0, work.n, generation);
    block(generation);
    std::vector<std::vector<double>> y;
    for (std::int64_t token = work.m0; token < work.m0 + work.m; ++token) {
        const auto sums = advance_state(token, work.n0, work.n, generation);
        auto& row = y.emplace_back();
        for (std::int64_t i = 0; i < work.n; ++i) {
            row.push_back(contract(token, work.n0 + i,
                                   std::span(sums).subspan(index(i * states), index(states)), generation));
        }
    }
    return publish_y(step, std::move(y));
}

// One operator after the other, each over all tokens. The recurrence ties A h and the sum together: with
// several tokens the two passes take turns, token by token, and the second instruction carries both out.
Mamba2Executor::Commit Mamba2Executor::ssm_operator(const Step& step) {
    const auto& work = instruction(step);
    const auto generation = step.repetition;
    const auto states = design_.network.d_state;
    require_state(work.n0, work.n, generation);
    block(generation);
    const auto for_all = [&](auto body) {
        for (std::int64_t token = work.m0; token < work.m0 + work.m; ++token) {
            for (std::int64_t channel = work.n0; channel < work.n0 + work.n; ++channel) body(token, channel);
        }
    };
    switch (op(step).kind) {
        case models::OperatorKind::outer_product:
            for_all([&](auto token, auto channel) {
                outer_[{token, channel}] = outer_row(token, channel, generation);
            });
            return [] {};
        case models::OperatorKind::decay_state:
            if (work.m > 1) return [] {};
            for_all([&](auto token, auto channel) {
                decayed_[{token, channel}] = decayed_row(token, channel, generation);
            });
            return [] {};
        case models::OperatorKind::update_state: {
            for (std::int64_t token = work.m0; token < work.m0 + work.m; ++token) {
                std::vector<double> all;
                for (std::int64_t channel = work.n0; channel < work.n0 + work.n; ++channel) {
                    const auto outer = outer_.extract({token, channel});
                    if (!outer) throw FunctionalError("B x has not been made");
                    const auto decayed = work.m > 1 ? decltype(outer)() : decayed_.extract({token, channel});
                    if (work.m == 1 && !decayed) throw FunctionalError("A h has not been made");
                    auto s =
                        ops_.add_rows(outer.mapped(), work.m > 1 ? decayed_row(token, channel, generation)
                                                                 : decayed.mapped());
                    all.insert(all.end(), s.begin(), s.end());
                    sums_[{token, channel}] = std::move(s);
                }
                const auto group = ops_.state_group();
                for (std::int64_t i = 0; i < work.n; i += group) {
                    ops_.store_state(
                        std::span<const double>(all).subspan(index(i * states), index(group * states)),
                        work.n0 + i, hidden_);
                }
            }
            return [] {};
        }
        default:
            break;
    }
    std::vector<std::vector<double>> y(work.m);
    for_all([&](auto token, auto channel) {
        const auto sums = sums_.extract({token, channel});
        if (!sums) throw FunctionalError("h has not been made");
        y[index(token - work.m0)].push_back(contract(token, channel, sums.mapped(), generation));
    });
    return publish_y(step, std::move(y));
}

}  // namespace tilewright::accel
