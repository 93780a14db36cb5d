// SPDX-License-Identifier: Apache-2.0
// The weights of a Mamba network, whoever owns them: a checkpoint on disk or synthetic ones in memory.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "models/networks/mamba.hpp"
#include "models/weights/safetensors.hpp"

namespace tilewright::models {

class MambaWeights {
  public:
    virtual ~MambaWeights() = default;

    virtual const MambaConfig& config() const = 0;

    // By the name that state-spaces checkpoints use, such as "backbone.layers.0.mixer.in_proj.weight"; linear
    // weights are [outputs, inputs]. Valid as long as the owner. Throws a std::runtime_error that names a
    // tensor that is not there.
    virtual const TensorView& tensor(const std::string& name) const = 0;

  protected:
    MambaWeights() = default;
    MambaWeights(const MambaWeights&) = default;
    MambaWeights(MambaWeights&&) = default;
    MambaWeights& operator=(const MambaWeights&) = default;
    MambaWeights& operator=(MambaWeights&&) = default;
};

// Every weight that a network of these sizes has, with its shape (convolution weights as [channels, 1,
// width]).
std::map<std::string, std::vector<std::int64_t>> mamba_weight_shapes(const MambaConfig& config);

}  // namespace tilewright::models
