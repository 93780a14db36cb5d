// SPDX-License-Identifier: Apache-2.0
#include "accel/report/edited_program.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "accel/design/config_error.hpp"

namespace tilewright::accel {

namespace {

// Bytes that a program moves, by kind of traffic and direction.
std::array<std::int64_t, 2 * traffic_count> traffic_bytes(const TileProgram& program) {
    std::array<std::int64_t, 2 * traffic_count> bytes{};
    for (const auto& section : program.sections) {
        for (const auto& stream : section.streams) {
            for (const auto& work : stream) {
                if (work.opcode != Opcode::load && work.opcode != Opcode::store) continue;
                const auto kind =
                    2 * static_cast<std::size_t>(work.traffic) + (work.opcode == Opcode::store ? 1 : 0);
                bytes[kind] += section.repeat * (work.value_bytes + work.scale_bytes);
            }
        }
    }
    return bytes;
}

// What a section holds in each buffer at once for one use, at most.
std::array<std::int64_t, buffer_count> largest_holds(const Section& section) {
    std::array<std::int64_t, buffer_count> bytes{};
    for (const auto& hold : section.holds) {
        auto& largest = bytes[static_cast<std::size_t>(hold.buffer)];
        largest = std::max(largest, hold.bytes);
    }
    return bytes;
}

// The depths that pieces of one operator's work have. Data and coverage are cut along the first two axes but
// for products, so the third is nobody's to change; time follows it.
using Depth = std::pair<std::uint32_t, std::uint32_t>;
std::map<std::tuple<Opcode, std::uint32_t, std::uint8_t>, std::set<Depth>> depths(const Section& section) {
    std::map<std::tuple<Opcode, std::uint32_t, std::uint8_t>, std::set<Depth>> found;
    for (const auto& stream : section.streams) {
        for (const auto& work : stream) {
            if (work.opcode == Opcode::matmul || work.operator_count == 0) continue;
            found[{work.opcode, work.operator_first, work.operator_count}].insert({work.k0, work.k});
        }
    }
    return found;
}

// Work of another depth than any that the schedule has for it; empty if there is none.
std::string other_depth(const TileProgram& program, const Section& ours, const Section& theirs) {
    const auto known = depths(theirs);
    for (std::size_t engine = 0; engine < ours.streams.size(); ++engine) {
        const auto& stream = ours.streams[engine];
        for (std::size_t i = 0; i < stream.size(); ++i) {
            const auto& work = stream[i];
            if (work.opcode == Opcode::matmul || work.operator_count == 0) continue;
            const auto found = known.find({work.opcode, work.operator_first, work.operator_count});
            // What the network has not is for check_program().
            if (found == known.end() || found->second.count({work.k0, work.k}) > 0) continue;
            const auto& right = *found->second.begin();
            return "instruction " + std::to_string(i) + " of " + program.engines[engine].name +
                   " in section \"" + ours.name + "\" is made for " + std::to_string(work.k) + " from " +
                   std::to_string(work.k0) + " on along its third axis, where that work has " +
                   std::to_string(right.second) + " from " + std::to_string(right.first) + " on";
        }
    }
    return {};
}

}  // namespace

void check_edited(const TileProgram& program, const TileProgram& scheduled, const std::string& file) {
    const auto refuse = [&](const std::string& what) {
        throw ConfigError(file, "", what,
                          "allowed: a program dumped from this design, with other orders or waits");
    };
    if (program.engines != scheduled.engines) refuse("the program was made for another set of engines");
    if (program.sections.size() != scheduled.sections.size())
        refuse("the program has other sections than the network");
    for (std::size_t i = 0; i < program.sections.size(); ++i) {
        const auto& ours = program.sections[i];
        const auto& theirs = scheduled.sections[i];
        if (ours.name != theirs.name || ours.repeat != theirs.repeat) {
            refuse("section \"" + ours.name + "\" is repeated " + std::to_string(ours.repeat) +
                   " times where the network has \"" + theirs.name + "\" " + std::to_string(theirs.repeat) +
                   " times");
        }
        if (const auto other = other_depth(program, ours, theirs); !other.empty()) refuse(other);
    }
    const auto moved = traffic_bytes(program);
    const auto needed = traffic_bytes(scheduled);
    for (std::size_t i = 0; i < moved.size(); ++i) {
        if (moved[i] >= needed[i]) continue;
        refuse("the program moves " + std::to_string(moved[i]) + " bytes of " +
               to_string(static_cast<Traffic>(i / 2)) + " where " + std::to_string(needed[i]) +
               " are needed");
    }
    for (std::size_t b = 0; b < buffer_count; ++b) {
        if (program.resident_bytes[b] >= scheduled.resident_bytes[b]) continue;
        refuse("the program keeps " + std::to_string(program.resident_bytes[b]) +
               " bytes in the buffer for " + to_string(static_cast<Buffer>(b)) + " throughout where " +
               std::to_string(scheduled.resident_bytes[b]) + " are needed");
    }
    for (std::size_t i = 0; i < program.sections.size(); ++i) {
        const auto held = largest_holds(program.sections[i]);
        const auto needed_at_once = largest_holds(scheduled.sections[i]);
        for (std::size_t b = 0; b < held.size(); ++b) {
            if (held[b] >= needed_at_once[b]) continue;
            refuse("section \"" + program.sections[i].name + "\" holds " + std::to_string(held[b]) +
                   " bytes at most in the buffer for " + to_string(static_cast<Buffer>(b)) +
                   " where one use of it needs " + std::to_string(needed_at_once[b]));
        }
    }
}

}  // namespace tilewright::accel
