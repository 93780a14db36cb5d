// SPDX-License-Identifier: Apache-2.0
// Any bytes as the config.json of a checkpoint with the tiny weights of a Mamba2, a VAR, a
// GPT-BigCode and a super-resolution network: refused with CheckpointError, or a network that runs.
#include <filesystem>
#include <fstream>
#include <map>

#include "memory_file.hpp"
#include "models/networks/gpt_text.hpp"
#include "models/networks/mamba_reference.hpp"
#include "models/networks/var_image.hpp"
#include "models/weights/gpt_checkpoint.hpp"
#include "models/weights/mamba_checkpoint.hpp"
#include "models/weights/super_resolution_checkpoint.hpp"
#include "models/weights/var_checkpoint.hpp"

namespace {

namespace fs = std::filesystem;
using namespace tilewright::models;

// A folder with the weights of a small Mamba2.
class Folder {
  public:
    Folder() {
        auto name = (fs::temp_directory_path() / "tilewright-fuzz-XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) std::abort();
        path_ = name;
        MambaConfig config;
        config.layers = 1;
        config.d_model = 4;
        config.d_state = 2;
        config.head_dim = 2;
        config.vocabulary = 8;
        std::map<std::string, OutputTensor> tensors;
        for (const auto& [tensor, shape] : mamba_weight_shapes(config)) {
            std::size_t elements = 1;
            for (const auto extent : shape) elements *= static_cast<std::size_t>(extent);
            tensors[tensor] = {shape, std::vector<float>(elements, 0.5F)};
        }
        VarConfig var;
        var.depth = 1;
        var.width = 4;
        var.heads = 2;
        var.mlp_ratio = 1;
        var.scales = {1, 2};
        var.codebook = 3;
        var.codebook_width = 2;
        var.classes = 2;
        for (const auto& tensor : build_var_graph(var).tensors) {
            if (tensor.role != TensorRole::weight) continue;
            tensors[tensor.name] = {tensor.shape,
                                    std::vector<float>(static_cast<std::size_t>(tensor.elements()), 0.5F)};
        }
        GptConfig gpt;
        gpt.layers = 1;
        gpt.width = 4;
        gpt.heads = 2;
        gpt.hidden = 4;
        gpt.positions = 2;
        gpt.vocabulary = 3;
        for (const auto& tensor : build_gpt_graph(gpt, {}).tensors) {
            if (tensor.role != TensorRole::weight) continue;
            tensors[tensor.name] = {tensor.shape,
                                    std::vector<float>(static_cast<std::size_t>(tensor.elements()), 0.5F)};
        }
        const SuperResolutionConfig enlarging{"tiny", 1, 2, 1, 3, 2};
        for (const auto& tensor : build_super_resolution_graph(enlarging, {1, 1}).tensors) {
            if (tensor.role != TensorRole::weight) continue;
            auto shape = tensor.shape;  // as checkpoints have it, taps behind the inputs
            if (shape.size() == 4) shape = {shape[0], shape[3], shape[1], shape[2]};
            tensors[tensor.name] = {shape,
                                    std::vector<float>(static_cast<std::size_t>(tensor.elements()), 0.5F)};
        }
        std::ofstream(path_ / "model.safetensors", std::ios::binary) << safetensors_bytes(tensors);
    }
    ~Folder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    const fs::path& path() const { return path_; }

  private:
    fs::path path_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Folder folder;
    std::ofstream(folder.path() / "config.json", std::ios::binary)
        .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
    try {
        const MambaCheckpoint checkpoint(folder.path());
        const MambaReference network(checkpoint);
        auto state = network.initial_state();
        (void)network.run(std::vector<std::int64_t>{1, 2}, state);
    } catch (const CheckpointError&) {
    }
    try {
        const VarCheckpoint checkpoint(folder.path());
        const auto transformer = make_var_reference(checkpoint);
        transformer->begin(0);
        (void)transformer->next_scale({}, false);
    } catch (const CheckpointError&) {
    }
    try {
        const GptCheckpoint checkpoint(folder.path());
        (void)run_gpt_reference(checkpoint, std::vector<std::int64_t>{0}, false);
    } catch (const CheckpointError&) {
    }
    try {
        if (!is_super_resolution_checkpoint(folder.path())) return 0;
        const auto checkpoint = read_super_resolution_checkpoint(folder.path());
        (void)super_resolve(checkpoint.config, checkpoint.weights, {{1, 1}, 3, {0.5, 0.5, 0.5}});
    } catch (const CheckpointError&) {
    }
    return 0;
}
