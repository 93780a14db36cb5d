// SPDX-License-Identifier: Apache-2.0
// The sections of a super-resolution program: head, body, and what makes the large image.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "accel/schedule/linear_engines.hpp"
#include "accel/schedule/program_builder.hpp"
#include "accel/schedule/super_resolution_layout.hpp"

namespace tilewright::accel {

// Indices of the engines in TileProgram::engines.
struct SuperResolutionEngines {
    std::vector<std::uint16_t> dma;  // by memory port
    LinearEngines linear;            // head, upsampler and tail
    std::uint16_t binary = 0;
    std::uint16_t quantizer = 0;
    std::uint16_t vector = 0;
};
SuperResolutionEngines make_super_resolution_engines(const Design& design, TileProgram& program);

class SuperResolutionSchedule {
  public:
    // All must outlive it.
    SuperResolutionSchedule(const Design& design, const models::OperatorGraph& graph, TileProgram& program);

    void head();
    void body();
    void upsampler();

  private:
    using Refs = std::vector<InstructionRef>;

    // Strips of the image, or of what lies in memory between units, that are on the chip at once, and how
    // many of them are asked for before the first one is needed.
    static constexpr std::size_t strips_in_flight = 6;
    static constexpr std::size_t strips_ahead = 3;

    // Pixels [begin, begin + size) of an image that has been doubled `doublings` times.
    struct Strip {
        std::int64_t begin = 0;
        std::int64_t size = 0;
    };
    // A convolution of more than one bit in its section.
    struct Convolution {
        const ConvolutionLayer* layer = nullptr;
        int doublings = 0;  // of the image that it works on
        std::int64_t input_channels = 0;
        std::uint32_t quantize = 0;  // operators of the section
        std::uint32_t multiply = 0;
        InstructionRef weights{};
        Refs quantized;  // by strip
        Refs made;
    };

    Strip strip(std::size_t index, int doublings = 0) const;
    std::int64_t map_bytes(std::int64_t pixels, std::int64_t channels) const {
        return feature_map_bytes(own_, pixels, channels);
    }
    bool on_chip() const { return own_.feature_maps == FeatureMaps::on_chip; }
    std::uint16_t state_dma() const { return engines_.dma[design_.port_of(Stream::state)]; }
    std::uint32_t add_operator(const std::string& name);
    std::uint32_t add_quantize(const std::string& name, std::int64_t pixels, std::int64_t channels);
    void begin(const std::string& name, std::int64_t repeat);

    // An instruction for a strip of `count` operators of the section, from the one at `first` on.
    InstructionRef work(std::uint16_t engine, Opcode opcode, std::uint32_t first, std::uint8_t count,
                        const char* label, const Strip& strip, const Refs& data, const Refs& space = {});
    InstructionRef move(Opcode opcode, Traffic traffic, std::int64_t address, std::int64_t bytes,
                        const char* label, const Refs& data, const Refs& space = {});
    InstructionRef load_weights(const ConvolutionLayer& layer);

    Convolution convolution(std::size_t index, const std::string& name, int doublings,
                            std::int64_t input_channels);
    // Rounds the inputs of a strip, which `input` has made.
    void quantize(Convolution& of, std::size_t index, InstructionRef input);
    // Multiplies a strip whose inputs, and those of the strip behind it, have been rounded.
    void multiply(Convolution& of, std::size_t index, const Refs& space = {});

    // Operators of the section that are a unit of the network.
    struct UnitOperators {
        int unit = 0;
        std::uint32_t fc1 = 0;
        std::uint32_t fc2 = 0;
        std::uint32_t gain = 0;
        std::uint32_t signs = 0;  // and the factor of every pixel
        std::uint32_t convolution = 0;
        std::uint32_t rescale = 0;
        std::uint8_t rescales = 0;  // operators that one pass of rescaling carries out
    };
    void block(const std::string& name, int first_unit, std::int64_t repeat);
    void unit(int number, bool first, const UnitOperators& operators);
    void channel_branch(int number, const UnitOperators& operators);
    void load_map(int number, std::size_t index, bool first);
    void count(int number, std::size_t index, const UnitOperators& operators);
    void rescale(int number, std::size_t index, const UnitOperators& operators);
    void wait_for_block_before();
    void upsample_step(std::size_t step);
    void store_image(std::size_t index);

    const Design& design_;
    const SuperResolutionDesign& own_;
    const models::OperatorGraph& graph_;
    ProgramBuilder builder_;
    SuperResolutionEngines engines_;
    SuperResolutionLayout layout_;
    std::size_t strips_;
    std::vector<models::Operator> operators_;  // of the section that begins next

    Refs head_stores_;                 // by strip
    std::int32_t head_transfers_ = 0;  // of pixels, in the head's section
    // Of a block, by unit.
    static constexpr int units_of_block = 2;
    struct UnitRefs {
        InstructionRef load{};
        Refs map_loads;  // by strip
        Refs binarized;
        Refs counted;
        Refs rescaled;
        Refs map_stores;
    };
    std::array<UnitRefs, units_of_block> units_;
    std::int32_t body_transfers_ = 0;  // of pixels, in the body's last section
    // Behind the body.
    std::vector<Convolution> stages_;  // the last one is the tail
    std::uint32_t addition_ = 0;
    Refs added_;
    Refs stored_;
};

}  // namespace tilewright::accel
