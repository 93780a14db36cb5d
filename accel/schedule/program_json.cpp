// SPDX-License-Identifier: Apache-2.0
#include "accel/schedule/program_json.hpp"

#include <algorithm>
#include <array>

#include "accel/design/config_error.hpp"
#include "accel/design/config_files.hpp"
#include "accel/design/schema.hpp"

namespace tilewright::accel {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {

template <typename Enumeration>
Enumeration parse_enumeration(const std::string& name, int count) {
    for (int i = 0; i < count; ++i) {
        if (name == to_string(static_cast<Enumeration>(i))) return static_cast<Enumeration>(i);
    }
    return static_cast<Enumeration>(0);  // the schema admits known names only
}

ordered_json instruction_to_json(const Section& section, const Instruction& work,
                                 const TileProgram& program) {
    ordered_json result{{"opcode", to_string(work.opcode)}, {"label", program.labels[work.label]}};
    if (work.stage > 0) result["stage"] = work.stage;
    if (work.operator_count > 0) {
        result["operators"] = {work.operator_first, work.operator_count};
        result["begin"] = {work.m0, work.n0, work.k0};
        result["size"] = {work.m, work.n, work.k};
    }
    if (work.opcode == Opcode::load || work.opcode == Opcode::store) {
        result["traffic"] = to_string(work.traffic);
        result["address"] = work.address;
        result["address_stride"] = work.address_stride;
        result["bytes"] = {work.value_bytes, work.scale_bytes};
    }
    if (work.wait_count > 0) {
        auto waits = ordered_json::array();
        for (std::uint32_t i = 0; i < work.wait_count; ++i) {
            const auto& wait = section.waits[work.wait_begin + i];
            waits.push_back({{"engine", program.engines[wait.engine].name},
                             {"index", wait.index},
                             {"for", wait.data ? "data" : "space"}});
        }
        result["waits"] = std::move(waits);
    }
    return result;
}

class Reader {
  public:
    Reader(const std::string& file, TileProgram& program) : file_(file), program_(program) {}

    std::uint16_t engine(const json& name, const std::string& pointer) const {
        const auto text = name.get<std::string>();
        for (std::size_t i = 0; i < program_.engines.size(); ++i) {
            if (program_.engines[i].name == text) return static_cast<std::uint16_t>(i);
        }
        throw ConfigError(file_, pointer, "there is no engine \"" + text + "\"",
                          "allowed: the names under /engines");
    }

    std::uint16_t label(const std::string& text) {
        const auto found = std::find(program_.labels.begin(), program_.labels.end(), text);
        if (found != program_.labels.end())
            return static_cast<std::uint16_t>(found - program_.labels.begin());
        program_.labels.push_back(text);
        return static_cast<std::uint16_t>(program_.labels.size() - 1);
    }

    Instruction instruction(const json& from, Section& section, const std::string& pointer) {
        Instruction work;
        work.opcode = parse_enumeration<Opcode>(from.at("opcode").get<std::string>(), opcode_count);
        work.label = label(from.at("label").get<std::string>());
        work.stage = from.value("stage", std::uint8_t{0});
        section.stages = std::max<std::uint8_t>(section.stages, work.stage + 1);
        if (from.contains("operators")) {
            work.operator_first = from.at("operators").at(0).get<std::uint32_t>();
            work.operator_count = from.at("operators").at(1).get<std::uint8_t>();
            if (!from.contains("begin") || !from.contains("size")) {
                throw ConfigError(file_, pointer, "work without its place in the iteration space",
                                  "required: begin and size, three numbers each");
            }
            work.m0 = from.at("begin").at(0).get<std::uint32_t>();
            work.n0 = from.at("begin").at(1).get<std::uint32_t>();
            work.k0 = from.at("begin").at(2).get<std::uint32_t>();
            work.m = from.at("size").at(0).get<std::uint32_t>();
            work.n = from.at("size").at(1).get<std::uint32_t>();
            work.k = from.at("size").at(2).get<std::uint32_t>();
        }
        if (from.contains("bytes")) {
            work.traffic = parse_enumeration<Traffic>(from.value("traffic", "weights"), traffic_count);
            work.address = from.value("address", std::int64_t{0});
            work.address_stride = from.value("address_stride", std::int64_t{0});
            work.value_bytes = from.at("bytes").at(0).get<std::int64_t>();
            work.scale_bytes = from.at("bytes").at(1).get<std::int64_t>();
        }
        work.wait_begin = static_cast<std::uint32_t>(section.waits.size());
        if (from.contains("waits")) {
            const auto& waits = from.at("waits");
            for (std::size_t i = 0; i < waits.size(); ++i) {
                const auto at = pointer + "/waits/" + std::to_string(i);
                section.waits.push_back({engine(waits[i].at("engine"), at + "/engine"),
                                         waits[i].at("index").get<std::int32_t>(),
                                         waits[i].at("for") == "data"});
            }
        }
        work.wait_count = static_cast<std::uint32_t>(section.waits.size()) - work.wait_begin;
        return work;
    }

    // `earlier`: it may be one of the repetition before, counted back from the start.
    InstructionRef reference(const json& from, const Section& section, const std::string& pointer,
                             bool earlier) const {
        const InstructionRef ref{engine(from.at("engine"), pointer + "/engine"),
                                 from.at("index").get<std::int32_t>()};
        const auto size = static_cast<std::int32_t>(section.streams[ref.engine].size());
        const auto least = earlier && section.stages > 1 ? -size : 0;
        if (ref.index < least || ref.index >= size) {
            throw ConfigError(file_, pointer + "/index", std::to_string(ref.index) + " is not an instruction",
                              size == 0
                                  ? "allowed: engines that have one here"
                                  : "allowed: " + std::to_string(least) + " to " + std::to_string(size - 1));
        }
        return ref;
    }

  private:
    const std::string& file_;
    TileProgram& program_;
};

// Effects are the holds, added up by instruction.
void derive_effects(Section& section) {
    using Bytes = std::array<std::int64_t, buffer_count>;
    const auto sums = [&](InstructionRef Hold::*end) {
        std::vector<std::vector<Bytes>> bytes;
        for (const auto& stream : section.streams) bytes.emplace_back(stream.size(), Bytes{});
        for (const auto& hold : section.holds) {
            const auto& ref = hold.*end;
            auto& stream = bytes[ref.engine];
            const auto position = ref.index < 0 ? stream.size() - static_cast<std::size_t>(-ref.index)
                                                : static_cast<std::size_t>(ref.index);
            stream[position][static_cast<std::size_t>(hold.buffer)] += hold.bytes;
        }
        return bytes;
    };
    const auto taken = sums(&Hold::holder);
    const auto freed = sums(&Hold::releaser);
    const auto append = [&](const Bytes& bytes) {
        std::uint8_t count = 0;
        for (std::size_t b = 0; b < bytes.size(); ++b) {
            if (bytes[b] == 0) continue;
            section.effects.push_back({static_cast<Buffer>(b), bytes[b]});
            ++count;
        }
        return count;
    };
    for (std::size_t engine = 0; engine < section.streams.size(); ++engine) {
        for (std::size_t i = 0; i < section.streams[engine].size(); ++i) {
            auto& work = section.streams[engine][i];
            work.effect_begin = static_cast<std::uint32_t>(section.effects.size());
            work.acquire_count = append(taken[engine][i]);
            work.release_count = append(freed[engine][i]);
        }
    }
}

}  // namespace

ordered_json graph_to_json(const models::OperatorGraph& graph) {
    ordered_json result{
        {"schema_version", 1}, {"name", graph.name}, {"tokens", graph.tokens}, {"layers", graph.layers}};
    auto& operators = result["operators"] = ordered_json::array();
    for (const auto& op : graph.operators) {
        ordered_json entry{{"name", op.name},   {"kind", models::to_string(op.kind)},
                           {"layer", op.layer}, {"m", op.m},
                           {"n", op.n},         {"k", op.k},
                           {"count", op.count}, {"macs", op.macs()}};
        for (const auto input : op.inputs) entry["inputs"].push_back(graph.tensors[input].name);
        for (const auto output : op.outputs) entry["outputs"].push_back(graph.tensors[output].name);
        for (const auto& segment : op.segments) {
            entry["segments"].push_back(
                {{"name", segment.name}, {"begin", segment.begin}, {"size", segment.size}});
        }
        operators.push_back(std::move(entry));
    }
    auto& tensors = result["tensors"] = ordered_json::array();
    static constexpr const char* roles[] = {"weight", "activation", "state"};
    for (const auto& tensor : graph.tensors) {
        tensors.push_back(
            {{"name", tensor.name}, {"role", roles[static_cast<int>(tensor.role)]}, {"shape", tensor.shape}});
    }
    return result;
}

ordered_json program_to_json(const TileProgram& program) {
    ordered_json result{{"schema_version", 1}};
    for (const auto& engine : program.engines) {
        result["engines"].push_back({{"name", engine.name},
                                     {"kind", to_string(engine.kind)},
                                     {"memory_port", engine.memory_port},
                                     {"in_flight", engine.in_flight}});
    }
    for (int i = 0; i < buffer_count; ++i) {
        result["buffer_bytes"][to_string(static_cast<Buffer>(i))] =
            program.buffer_bytes[static_cast<std::size_t>(i)];
        const auto resident = program.resident_bytes[static_cast<std::size_t>(i)];
        if (resident > 0) result["resident_bytes"][to_string(static_cast<Buffer>(i))] = resident;
    }
    auto& sections = result["sections"] = ordered_json::array();
    for (const auto& section : program.sections) {
        ordered_json entry{{"name", section.name}, {"repeat", section.repeat}};
        for (std::size_t i = 0; i < section.streams.size(); ++i) {
            auto& stream = entry["streams"][program.engines[i].name] = ordered_json::array();
            for (const auto& work : section.streams[i])
                stream.push_back(instruction_to_json(section, work, program));
        }
        const auto reference = [&](InstructionRef ref) {
            return ordered_json{{"engine", program.engines[ref.engine].name}, {"index", ref.index}};
        };
        auto& holds = entry["holds"] = ordered_json::array();
        for (const auto& hold : section.holds) {
            holds.push_back({{"buffer", to_string(hold.buffer)},
                             {"bytes", hold.bytes},
                             {"from", reference(hold.holder)},
                             {"until", reference(hold.releaser)}});
        }
        sections.push_back(std::move(entry));
    }
    return result;
}

TileProgram program_from_json(const json& document, const TileProgram& scheduled, const std::string& file) {
    Schema(config_root() / "schemas" / "program.schema.json").validate(document, file);
    TileProgram program;
    for (const auto& engine : document.at("engines")) {
        program.engines.push_back(
            {engine.at("name").get<std::string>(),
             parse_enumeration<EngineKind>(engine.at("kind").get<std::string>(), engine_kind_count),
             engine.at("memory_port").get<std::size_t>(), engine.at("in_flight").get<int>()});
    }
    for (int i = 0; i < buffer_count; ++i) {
        program.buffer_bytes[static_cast<std::size_t>(i)] =
            document.at("buffer_bytes").at(to_string(static_cast<Buffer>(i))).get<std::int64_t>();
        program.resident_bytes[static_cast<std::size_t>(i)] =
            document.value("resident_bytes", json::object())
                .value(to_string(static_cast<Buffer>(i)), std::int64_t{0});
    }
    Reader reader(file, program);
    const auto& sections = document.at("sections");
    for (std::size_t s = 0; s < sections.size(); ++s) {
        const auto at = "/sections/" + std::to_string(s);
        Section section;
        section.name = sections[s].at("name").get<std::string>();
        section.repeat = sections[s].at("repeat").get<std::int64_t>();
        const auto known = std::find_if(scheduled.sections.begin(), scheduled.sections.end(),
                                        [&](const auto& other) { return other.name == section.name; });
        if (known == scheduled.sections.end()) {
            std::string list;
            for (const auto& other : scheduled.sections) list += (list.empty() ? "" : ", ") + other.name;
            throw ConfigError(file, at + "/name",
                              "the design's program has no section \"" + section.name + "\"",
                              "allowed: " + list);
        }
        section.operators = known->operators;
        section.streams.resize(program.engines.size());
        for (const auto& [name, stream] : sections[s].at("streams").items()) {
            const auto engine = reader.engine(name, at + "/streams");
            for (std::size_t i = 0; i < stream.size(); ++i) {
                section.streams[engine].push_back(reader.instruction(
                    stream[i], section, at + "/streams/" + pointer_token(name) + "/" + std::to_string(i)));
            }
        }
        const auto& holds = sections[s].at("holds");
        for (std::size_t i = 0; i < holds.size(); ++i) {
            const auto hold_at = at + "/holds/" + std::to_string(i);
            section.holds.push_back(
                {parse_enumeration<Buffer>(holds[i].at("buffer").get<std::string>(), buffer_count),
                 holds[i].at("bytes").get<std::int64_t>(),
                 reader.reference(holds[i].at("from"), section, hold_at + "/from", true),
                 reader.reference(holds[i].at("until"), section, hold_at + "/until", false)});
        }
        derive_effects(section);
        program.sections.push_back(std::move(section));
    }
    return program;
}

}  // namespace tilewright::accel
