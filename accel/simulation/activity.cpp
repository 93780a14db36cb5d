// SPDX-License-Identifier: Apache-2.0
#include "accel/simulation/activity.hpp"

namespace tilewright::accel {

StallCause waits_for(EngineKind kind) {
    switch (kind) {
        case EngineKind::dma:
            return StallCause::waits_for_dma;
        case EngineKind::matrix:
            return StallCause::waits_for_matrix;
        case EngineKind::aie:
            return StallCause::waits_for_aie;
        case EngineKind::ssm:
            return StallCause::waits_for_ssm;
        case EngineKind::hadamard:
            return StallCause::waits_for_hadamard;
        case EngineKind::vector:
            return StallCause::waits_for_vector;
        case EngineKind::quantizer:
            return StallCause::waits_for_quantizer;
        case EngineKind::attention:
            return StallCause::waits_for_attention;
        case EngineKind::softmax:
            return StallCause::waits_for_softmax;
        case EngineKind::binary:
            return StallCause::waits_for_binary;
    }
    return StallCause::waits_for_dma;
}

const char* to_string(StallCause cause) {
    switch (cause) {
        case StallCause::waits_for_dma:
            return "waits_for_dma";
        case StallCause::waits_for_matrix:
            return "waits_for_matrix";
        case StallCause::waits_for_aie:
            return "waits_for_aie";
        case StallCause::waits_for_ssm:
            return "waits_for_ssm";
        case StallCause::waits_for_hadamard:
            return "waits_for_hadamard";
        case StallCause::waits_for_vector:
            return "waits_for_vector";
        case StallCause::waits_for_quantizer:
            return "waits_for_quantizer";
        case StallCause::waits_for_attention:
            return "waits_for_attention";
        case StallCause::waits_for_softmax:
            return "waits_for_softmax";
        case StallCause::waits_for_binary:
            return "waits_for_binary";
        case StallCause::waits_for_space:
            return "waits_for_space";
    }
    return "unknown";
}

}  // namespace tilewright::accel
