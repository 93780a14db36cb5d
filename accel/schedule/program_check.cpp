// SPDX-License-Identifier: Apache-2.0
#include "accel/schedule/program_check.hpp"

#include <algorithm>
#include <map>
#include <tuple>

#include "accel/schedule/happens_before.hpp"

namespace tilewright::accel {

namespace {

// A hold with positions counted from the start of the program.
struct PlacedHold {
    std::int64_t bytes = 0;
    std::int32_t holder = 0;
    std::int32_t releaser = 0;
};

// Holds of one buffer that the same engine takes and the same engine gives back, by holder.
struct HoldGroup {
    std::uint16_t holder_engine = 0;
    std::uint16_t releaser_engine = 0;
    std::vector<PlacedHold> holds;
    std::vector<std::int64_t> bytes_before;  // prefix sums over the holds
    bool monotone = true;                    // they are given back in the order in which they are taken
};

std::vector<HoldGroup> group_holds(const HappensBefore& order, Buffer buffer) {
    std::map<std::pair<std::uint16_t, std::uint16_t>, HoldGroup> groups;
    for (const auto& instance : order.instances()) {
        for (const auto& hold : instance.section->holds) {
            // In the first repetition nothing is held from the one before.
            const bool from_before = hold.holder.index < 0 && instance.repetition == 0;
            if (hold.buffer != buffer || from_before) continue;
            auto& group = groups[{hold.holder.engine, hold.releaser.engine}];
            group.holder_engine = hold.holder.engine;
            group.releaser_engine = hold.releaser.engine;
            group.holds.push_back({hold.bytes, instance.base[hold.holder.engine] + hold.holder.index,
                                   instance.base[hold.releaser.engine] + hold.releaser.index});
        }
    }
    std::vector<HoldGroup> result;
    for (auto& [engines, group] : groups) {
        std::stable_sort(group.holds.begin(), group.holds.end(),
                         [](const auto& a, const auto& b) { return a.holder < b.holder; });
        group.monotone = std::is_sorted(group.holds.begin(), group.holds.end(),
                                        [](const auto& a, const auto& b) { return a.releaser < b.releaser; });
        group.bytes_before.push_back(0);
        for (const auto& hold : group.holds)
            group.bytes_before.push_back(group.bytes_before.back() + hold.bytes);
        result.push_back(std::move(group));
    }
    return result;
}

// How many holds of a group can be held at the moment at which an instruction starts, counting none that is
// certain to start later. Instructions of one engine are asked for in their order, so that what bounds the
// holds only moves forward.
class HeldBytes {
  public:
    HeldBytes(const HappensBefore& order, const HoldGroup& group, std::uint16_t engine)
        : order_(order), group_(group), engine_(engine) {}

    std::int64_t at(std::int32_t index) {
        const auto& holds = group_.holds;
        const auto released = order_.completed_before(engine_, index, group_.releaser_engine);
        while (end_ < holds.size() && starts_by(holds[end_], index)) ++end_;
        if (group_.monotone) {
            while (begin_ < end_ && holds[begin_].releaser < released) ++begin_;
            return group_.bytes_before[end_] - group_.bytes_before[begin_];
        }
        std::int64_t bytes = 0;
        for (std::size_t i = 0; i < end_; ++i) {
            if (holds[i].releaser >= released) bytes += holds[i].bytes;
        }
        return bytes;
    }

  private:
    bool starts_by(const PlacedHold& hold, std::int32_t index) const {
        return group_.holder_engine == engine_
                   ? hold.holder <= index
                   : order_.completed_before(group_.holder_engine, hold.holder, engine_) <= index;
    }

    const HappensBefore& order_;
    const HoldGroup& group_;
    const std::uint16_t engine_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

std::int64_t demand(const HappensBefore& order, Buffer buffer) {
    const auto groups = group_holds(order, buffer);
    std::int64_t most = 0;
    for (const auto& group : groups) {
        std::vector<HeldBytes> held;
        held.reserve(groups.size());
        for (const auto& other : groups) held.emplace_back(order, other, group.holder_engine);
        for (const auto& hold : group.holds) {
            std::int64_t bytes = 0;
            for (auto& one : held) bytes += one.at(hold.holder);
            most = std::max(most, bytes);
        }
    }
    return most;
}

std::array<std::int64_t, buffer_count> demands(const HappensBefore& order) {
    std::array<std::int64_t, buffer_count> result{};
    for (int i = 0; i < buffer_count; ++i) {
        result[static_cast<std::size_t>(i)] = demand(order, static_cast<Buffer>(i));
    }
    return result;
}

void check_references(const TileProgram& program, std::vector<std::string>& problems) {
    for (const auto& section : program.sections) {
        for (std::size_t engine = 0; engine < section.streams.size(); ++engine) {
            for (std::size_t i = 0; i < section.streams[engine].size(); ++i) {
                const auto& work = section.streams[engine][i];
                const auto where = [&, engine = engine, i = i] {
                    return "section " + section.name + ", " + program.engines[engine].name + " instruction " +
                           std::to_string(i);
                };
                if (work.operator_first + work.operator_count > section.operators.size()) {
                    problems.push_back(where() + " names an operator that does not exist");
                }
                for (std::uint32_t w = 0; w < work.wait_count; ++w) {
                    if (section.waits[work.wait_begin + w].engine >= program.engines.size()) {
                        problems.push_back(where() + " waits for an engine that does not exist");
                    }
                }
            }
        }
    }
}

// A box of one operator's iteration space.
struct Box {
    std::array<std::int64_t, 3> begin{};
    std::array<std::int64_t, 3> end{};
};

Box box_of(const Instruction& work, const models::Operator& op) {
    Box box;
    box.begin = {work.m0, work.n0, work.k0};
    box.end = {std::int64_t{work.m0} + work.m, std::int64_t{work.n0} + work.n,
               std::int64_t{work.k0} + work.k};
    // Only the matrix unit cuts the k axis; everything else takes all of it.
    if (work.opcode != Opcode::matmul) {
        box.begin[2] = 0;
        box.end[2] = op.k;
    }
    return box;
}

// Paints the boxes on the grid that their own edges make, and counts cells that are painted not exactly once.
std::string coverage_problem(const models::Operator& op, const std::vector<Box>& boxes) {
    // Copies of an operator lie one behind the other along m.
    const std::array<std::int64_t, 3> extent = {op.count * op.m, op.n, op.k};
    std::array<std::vector<std::int64_t>, 3> cuts;
    for (std::size_t axis = 0; axis < 3; ++axis) {
        cuts[axis] = {0, extent[axis]};
        for (const auto& box : boxes) {
            if (box.begin[axis] < 0 || box.end[axis] > extent[axis] || box.begin[axis] >= box.end[axis]) {
                return "an instruction reaches beyond the operator";
            }
            cuts[axis].push_back(box.begin[axis]);
            cuts[axis].push_back(box.end[axis]);
        }
        std::sort(cuts[axis].begin(), cuts[axis].end());
        cuts[axis].erase(std::unique(cuts[axis].begin(), cuts[axis].end()), cuts[axis].end());
    }
    const auto cell = [&](std::size_t axis, std::int64_t at) {
        return static_cast<std::size_t>(std::lower_bound(cuts[axis].begin(), cuts[axis].end(), at) -
                                        cuts[axis].begin());
    };
    const auto columns = cuts[1].size() - 1;
    const auto depth = cuts[2].size() - 1;
    std::vector<std::uint8_t> painted((cuts[0].size() - 1) * columns * depth, 0);
    for (const auto& box : boxes) {
        for (auto m = cell(0, box.begin[0]); m < cell(0, box.end[0]); ++m) {
            for (auto n = cell(1, box.begin[1]); n < cell(1, box.end[1]); ++n) {
                for (auto k = cell(2, box.begin[2]); k < cell(2, box.end[2]); ++k) {
                    auto& count = painted[(m * columns + n) * depth + k];
                    if (count < 2) ++count;
                }
            }
        }
    }
    if (std::find(painted.begin(), painted.end(), 0) != painted.end()) return "part of it is never computed";
    if (std::find(painted.begin(), painted.end(), 2) != painted.end()) return "part of it is computed twice";
    return "";
}

// Which instruction may carry out an operator.
bool carries_out(Opcode opcode, models::OperatorKind kind) {
    using models::OperatorKind;
    switch (kind) {
        case OperatorKind::linear:
        case OperatorKind::matrix_product:
        case OperatorKind::convolution_2d:
            return opcode == Opcode::matmul;
        case OperatorKind::embedding:
            return opcode == Opcode::embedding;
        case OperatorKind::rms_norm:
            return opcode == Opcode::norm;
        case OperatorKind::convolution:
            return opcode == Opcode::convolution;
        case OperatorKind::silu:
            return opcode == Opcode::convolution || opcode == Opcode::activation;
        case OperatorKind::softplus:
            return opcode == Opcode::softplus;
        case OperatorKind::discretize:
            return opcode == Opcode::discretize;
        case OperatorKind::outer_product:
        case OperatorKind::decay_state:
        case OperatorKind::update_state:
        case OperatorKind::contract_state:
        case OperatorKind::skip:
            return opcode == Opcode::ssm_fused || opcode == Opcode::ssm_operator;
        case OperatorKind::gate:
            return opcode == Opcode::gate;
        case OperatorKind::hadamard:
            return opcode == Opcode::hadamard;
        case OperatorKind::residual_add:
        case OperatorKind::channel_scale:
            return opcode == Opcode::residual_add || opcode == Opcode::rescale;
        case OperatorKind::layer_norm:
        case OperatorKind::modulate:
            return opcode == Opcode::norm;
        case OperatorKind::l2_norm:
            return opcode == Opcode::l2_norm;
        case OperatorKind::softmax:
            return opcode == Opcode::softmax;
        case OperatorKind::gelu:
        case OperatorKind::sigmoid:
            return opcode == Opcode::activation;
        case OperatorKind::binary_convolution:
            return opcode == Opcode::binary_convolution;
        case OperatorKind::pixel_factor:
        case OperatorKind::binarize:
            return opcode == Opcode::binarize;
        case OperatorKind::leaky_relu:
            return opcode == Opcode::rescale;
        case OperatorKind::average_pool:
            return opcode == Opcode::rescale || opcode == Opcode::pool;
        case OperatorKind::pixel_shuffle:  // only says where pixels lie
            return false;
        case OperatorKind::quantize:
            return opcode == Opcode::quantize;
    }
    return false;
}

// Rescaling is of what a binary convolution has counted.
bool follows_counts(const Section& section, const Instruction& work) {
    return work.operator_first > 0 &&
           section.operators[work.operator_first - 1].kind == models::OperatorKind::binary_convolution;
}

void check_coverage(const TileProgram& program, std::vector<std::string>& problems) {
    for (const auto& section : program.sections) {
        std::vector<std::vector<Box>> boxes(section.operators.size());
        for (const auto& stream : section.streams) {
            for (const auto& work : stream) {
                for (std::uint32_t i = 0; i < work.operator_count; ++i) {
                    const auto index = work.operator_first + i;
                    if (!carries_out(work.opcode, section.operators[index].kind) ||
                        (work.opcode == Opcode::rescale && !follows_counts(section, work))) {
                        problems.push_back("operator " + section.operators[index].name + ": a " +
                                           to_string(work.opcode) + " instruction cannot carry it out");
                        return;
                    }
                    boxes[index].push_back(box_of(work, section.operators[index]));
                }
            }
        }
        for (std::size_t i = 0; i < boxes.size(); ++i) {
            const auto problem = coverage_problem(section.operators[i], boxes[i]);
            if (!problem.empty())
                problems.push_back("operator " + section.operators[i].name + ": " + problem);
        }
    }
}

}  // namespace

ProgramFindings examine_program(const TileProgram& program) {
    ProgramFindings findings;
    check_references(program, findings.problems);
    if (!findings.problems.empty()) return findings;
    const HappensBefore order(program);
    if (!order.deadlock().empty()) {
        findings.problems.push_back(order.deadlock());
        return findings;
    }
    findings.buffer_demand = demands(order);
    for (std::size_t i = 0; i < buffer_count; ++i) findings.buffer_demand[i] += program.resident_bytes[i];
    check_coverage(program, findings.problems);
    return findings;
}

std::vector<std::string> check_program(const TileProgram& program) {
    auto [needed, found] = examine_program(program);
    std::vector<std::string> problems;
    for (std::size_t i = 0; i < needed.size(); ++i) {
        if (needed[i] > program.buffer_bytes[i]) {
            problems.push_back("buffer " + std::string(to_string(static_cast<Buffer>(i))) +
                               " can come to hold " + std::to_string(needed[i]) + " bytes of " +
                               std::to_string(program.buffer_bytes[i]));
        }
    }
    problems.insert(problems.end(), found.begin(), found.end());
    return problems;
}

}  // namespace tilewright::accel
