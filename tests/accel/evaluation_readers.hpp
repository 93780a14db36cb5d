// SPDX-License-Identifier: Apache-2.0
// What an evaluation says of one engine or one kind of traffic.
#pragma once

#include <initializer_list>
#include <stdexcept>
#include <string>

#include <catch2/catch.hpp>

#include "accel/design/config_error.hpp"
#include "accel/report/evaluate.hpp"

namespace tilewright::test {

inline const accel::EngineActivity& engine_of(const accel::Evaluation& evaluation, accel::EngineKind kind) {
    for (const auto& engine : evaluation.activity->engines) {
        if (engine.kind == kind) return engine;
    }
    FAIL("no engine of this kind");
    throw std::logic_error("unreachable");
}

inline std::int64_t bytes_read(const accel::Evaluation& evaluation,
                               std::initializer_list<accel::Traffic> kinds) {
    std::int64_t bytes = 0;
    for (const auto& port : evaluation.activity->ports) {
        for (const auto kind : kinds) bytes += port.traffic[static_cast<std::size_t>(kind)].read_bytes;
    }
    return bytes;
}

inline std::int64_t bytes_written(const accel::Evaluation& evaluation, accel::Traffic kind) {
    std::int64_t bytes = 0;
    for (const auto& port : evaluation.activity->ports) {
        bytes += port.traffic[static_cast<std::size_t>(kind)].write_bytes;
    }
    return bytes;
}

// Of all engines of a kind; none is 0.
inline std::int64_t macs_of(const accel::Evaluation& evaluation, accel::EngineKind kind) {
    std::int64_t macs = 0;
    for (const auto& engine : evaluation.activity->engines) {
        if (engine.kind == kind) macs += engine.macs;
    }
    return macs;
}

// What an evaluation is refused with; empty if it is not.
inline std::string evaluation_refusal(const accel::DesignDocument& document,
                                      accel::Fidelity fidelity = accel::Fidelity::timing) {
    try {
        accel::evaluate(document, fidelity);
    } catch (const accel::ConfigError& error) {
        return error.what();
    }
    return {};
}

}  // namespace tilewright::test
