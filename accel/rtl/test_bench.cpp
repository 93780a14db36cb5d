// SPDX-License-Identifier: Apache-2.0
#include "accel/rtl/test_bench.hpp"

#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "accel/rtl/text.hpp"

namespace tilewright::accel {

namespace {

// Inputs change at the falling edge, the module takes them at the next rising one. Of vector v, taken at
// rising edge v, the result is there behind edge v + latency - 1.
constexpr std::string_view clocked_steps = R"(
    always #1 clock = !clock;

    initial begin
        $readmemh("@{name}_tb.hex", lines);
        {@{inputs}} = '0;
        for (int cycle = 0; cycle < vectors + latency; cycle++) begin
            @(negedge clock);
            if (cycle >= latency) begin
                line = lines[cycle - latency];
                check(cycle - latency);
            end
            line = cycle < vectors ? lines[cycle] : '0;
            drive();
        end
        report();
    end
)";

constexpr std::string_view combinational_steps = R"(
    initial begin
        $readmemh("@{name}_tb.hex", lines);
        for (int vector = 0; vector < vectors; vector++) begin
            line = lines[vector];
            drive();
            #1;
            check(vector);
        end
        report();
    end
)";

constexpr std::string_view bench = R"(module @{name}_tb;
    localparam int vectors = @{count};
@{latency}
    logic @{line_range} lines [0:vectors - 1];
    logic @{line_range} line;
    int wrong = 0;

@{declarations}
    @{name} device (
@{connections}
    );

    task automatic drive;
@{assignments}    endtask

    // A line that is not there reads as unknown bits, and those are wrong too.
    task automatic check(input int vector);
        if (^line === 1'bx || (@{known}@{output} !== line@{output_slice})) begin
            wrong++;
            if (wrong <= 10) $display("vector %0d: @{output} is %h, expected %h", vector, @{output},
                                      line@{output_slice});
        end
    endtask

    task automatic report;
        if (wrong != 0) $fatal(1, "FAIL @{name}: %0d of %0d vectors", wrong, vectors);
        $display("PASS @{name}: %0d vectors", vectors);
        $finish;
    endtask
@{steps}endmodule
)";

}  // namespace

TestBench::TestBench(std::vector<BenchPort> inputs, BenchPort output, bool clocked)
    : inputs_(std::move(inputs)), output_(std::move(output)), clocked_(clocked) {}

void TestBench::add(const std::vector<std::string>& inputs, const std::string& output) {
    for (const auto& input : inputs) lines_ += input + "_";
    if (clocked_) lines_ += output.empty() ? "0_" : "1_";
    if (output.empty() && !clocked_) throw std::logic_error("a vector without an expectation");
    lines_ += output.empty() ? std::string(static_cast<std::size_t>(digits(output_)), '0') : output;
    lines_ += "\n";
    ++count_;
}

std::string TestBench::bench_text(const RtlModule& module) const {
    int place = 4 * digits(output_) + (clocked_ ? 4 : 0);
    for (const auto& input : inputs_) place += 4 * digits(input);
    const auto line_bits = place;
    std::string declarations = clocked_ ? "    logic clock = 1'b0;\n" : "";
    std::string connections = clocked_ ? "        .clock(clock),\n" : "";
    std::string assignments;
    std::string names;
    const auto declare = [&](const BenchPort& port) {
        declarations += fmt::format("    logic{} {} {};\n", port.is_signed ? " signed" : "",
                                    bit_range(port.bits), port.name);
    };
    for (const auto& input : inputs_) {
        declare(input);
        connections += fmt::format("        .{0}({0}),\n", input.name);
        place -= 4 * digits(input);
        assignments += fmt::format("        {} = line[{}:{}];\n", input.name, place + input.bits - 1, place);
        names += (names.empty() ? "" : ", ") + input.name;
    }
    declare(output_);
    for (const auto& port : open_) {
        declare(port);
        connections += fmt::format("        .{0}({0}),\n", port.name);
    }
    connections += fmt::format("        .{0}({0})", output_.name);
    const auto steps =
        fill(clocked_ ? clocked_steps : combinational_steps, {{"name", module.name}, {"inputs", names}});
    return fill(bench, {{"name", module.name},
                        {"count", fmt::format("{}", count_)},
                        {"latency", clocked_ ? fmt::format("    localparam int latency = {};", module.latency)
                                             : std::string("    // Combinational.")},
                        {"line_range", bit_range(line_bits)},
                        {"declarations", declarations},
                        {"connections", connections},
                        {"assignments", assignments},
                        {"known", clocked_ ? fmt::format("line[{}] && ", 4 * digits(output_)) : ""},
                        {"output", output_.name},
                        {"output_slice", bit_range(output_.bits)},
                        {"steps", steps}});
}

void TestBench::finish(RtlModule& module) const {
    module.bench = header_comment({"Checks " + module.name + " against vectors of the bit-accurate kernels.",
                                   "Run in this folder; see README.md. The exit code is 0 if all agree."}) +
                   bench_text(module);
    module.vectors = lines_;
    module.vector_count = count_;
}

}  // namespace tilewright::accel
