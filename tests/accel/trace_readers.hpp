// SPDX-License-Identifier: Apache-2.0
// A small program, events made up for it, and readers of the traces that come of them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "accel/simulation/observer.hpp"

namespace tilewright::test {

using namespace accel;
using memory::TimeFs;
namespace fs = std::filesystem;

constexpr TimeFs ns = 1'000'000;

struct Folder {
    fs::path path;
    Folder() {
        std::string name = (fs::temp_directory_path() / "trace_test_XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path = name;
    }
    ~Folder() { fs::remove_all(path); }
    std::string file(const std::string& name) const { return (path / name).string(); }
    std::size_t files() const {
        return static_cast<std::size_t>(
            std::distance(fs::directory_iterator(path), fs::directory_iterator{}));
    }
};

inline std::string contents(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    REQUIRE(file.is_open());
    return {std::istreambuf_iterator<char>(file), {}};
}

// A DMA engine and one that computes; a section of two loads and three tiles, twice.
inline TileProgram small_program() {
    TileProgram program;
    program.engines = {{"dma axi\"0", EngineKind::dma, 0, 2}, {"dma axi\\0", EngineKind::matrix, 0, 1}};
    program.labels = {"in_proj \"x\\y\"", "out proj"};
    Section section;
    section.name = "block";
    section.repeat = 2;
    section.streams.resize(2);
    for (int i = 0; i < 2; ++i) {
        Instruction load;
        load.value_bytes = 1000;
        load.scale_bytes = 24;
        section.streams[0].push_back(load);
    }
    for (const std::uint16_t label : {0, 0, 1}) {
        Instruction tile;
        tile.opcode = Opcode::matmul;
        tile.label = label;
        section.streams[1].push_back(tile);
    }
    program.sections.push_back(section);
    return program;
}

// Two repetitions of 100.5 ns and 100 ns with a stall in each, one of no duration, and fills that change
// twice at once.
inline void play(const TileProgram& program, Observer& observer) {
    const auto& loads = program.sections[0].streams[0];
    const auto& tiles = program.sections[0].streams[1];
    for (std::int64_t repetition = 0; repetition < 2; ++repetition) {
        const TimeFs t = repetition * (100 * ns + ns / 2);
        observer.section(t, 0, repetition);
        observer.buffer_fill(t, Buffer::weights, 5000);
        observer.buffer_fill(t, Buffer::weights, 2048);
        observer.work(t, t + 20 * ns, 0, loads[0]);
        observer.stall(t, 1, StallCause::waits_for_dma);
        observer.work(t + 20 * ns, t + 50 * ns, 0, loads[1]);
        observer.work(t + 20 * ns, t + 40 * ns, 1, tiles[0]);
        observer.work(t + 40 * ns, t + 60 * ns, 1, tiles[1]);
        observer.stall(t + 50 * ns, 0, StallCause::waits_for_space);
        observer.stall(t + 60 * ns, 1, StallCause::waits_for_vector);
        observer.work(t + 60 * ns, t + 100 * ns, 1, tiles[2]);
        observer.buffer_fill(t + 100 * ns, Buffer::weights, 1024);
    }
    observer.idle(200 * ns + ns / 2, 0);
    observer.idle(200 * ns + ns / 2, 1);
    observer.finish(200 * ns + ns / 2);
}

struct Vcd {
    std::map<std::string, std::string> names;                                     // identifier to scope.name
    std::map<std::string, std::vector<std::pair<std::int64_t, double>>> changes;  // by name
    std::vector<std::int64_t> times;
    std::string timescale;

    double at(const std::string& name, std::int64_t time) const {
        double value = -1;
        for (const auto& [when, what] : changes.at(name)) {
            if (when <= time) value = what;
        }
        return value;
    }
};

inline Vcd read_vcd(const std::string& path) {
    Vcd vcd;
    std::vector<std::string> scopes;
    std::istringstream stream(contents(path));
    std::string line;
    bool definitions = true;
    while (std::getline(stream, line)) {
        std::istringstream words(line);
        std::string word, id, text;
        words >> word;
        if (definitions) {
            std::string type, size;
            if (word == "$scope") {
                words >> type >> text;
                scopes.push_back(text);
            } else if (word == "$upscope") {
                REQUIRE_FALSE(scopes.empty());
                scopes.pop_back();
            } else if (word == "$var") {
                words >> type >> size >> id >> text;
                std::string name;
                for (const auto& scope : scopes) name += scope + ".";
                REQUIRE(vcd.names.emplace(id, name + text).second);
            } else if (word == "$timescale") {
                std::getline(words, vcd.timescale);
            }
            definitions = word != "$enddefinitions";
        } else if (word[0] == '#') {
            vcd.times.push_back(std::stoll(word.substr(1)));
        } else if (word[0] == 'b' || word[0] == 'r') {
            words >> id;
            REQUIRE(vcd.names.count(id) == 1);
            const double value = word[0] == 'b' ? static_cast<double>(std::stoll(word.substr(1), nullptr, 2))
                                                : std::stod(word.substr(1));
            vcd.changes[vcd.names[id]].emplace_back(vcd.times.back(), value);
        } else {
            REQUIRE((word == "$dumpvars" || word == "$end"));
        }
    }
    REQUIRE(scopes.empty());
    return vcd;
}

inline std::vector<std::string> filter_names(const std::string& path) {
    std::vector<std::string> names;
    std::istringstream stream(contents(path));
    for (std::string line; std::getline(stream, line);) {
        const auto space = line.find(' ');
        REQUIRE(std::stoul(line.substr(0, space), nullptr, 16) == names.size());
        auto name = line.substr(space + 1);
        if (name[0] == '?') name = name.substr(name.find('?', 1) + 1);
        names.push_back(name);
    }
    return names;
}

struct Slice {
    std::int64_t begin, end;
    std::string name, category;
};

// Slices by row, and a check that each lies within whatever it overlaps.
inline std::map<int, std::vector<Slice>> read_slices(const nlohmann::json& trace) {
    std::map<int, std::vector<Slice>> rows;
    for (const auto& event : trace.at("traceEvents")) {
        if (event.at("ph") != "X") continue;
        const auto begin = std::llround(event.at("ts").get<double>() * 1000);
        const auto end = begin + std::llround(event.at("dur").get<double>() * 1000);
        rows[event.at("tid")].push_back({begin, end, event.at("name"), event.value("cat", "")});
    }
    for (auto& [row, slices] : rows) {
        // Of slices with the same start the outer one comes first in the file.
        std::stable_sort(slices.begin(), slices.end(), [](auto& a, auto& b) { return a.begin < b.begin; });
        std::vector<std::int64_t> ends;
        for (const auto& slice : slices) {
            while (!ends.empty() && ends.back() <= slice.begin) ends.pop_back();
            INFO("row " << row << " " << slice.name << " " << slice.begin << " " << slice.end);
            REQUIRE((ends.empty() || slice.end <= ends.back()));
            ends.push_back(slice.end);
        }
    }
    return rows;
}

}  // namespace tilewright::test
