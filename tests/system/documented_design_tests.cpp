// SPDX-License-Identifier: Apache-2.0
// The design that docs/formats.md calls the smallest.
#include <functional>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "program.hpp"

using nlohmann::json;
using namespace tilewright::test;

TEST_CASE("the smallest design of the documentation runs, and needs all that it says") {
    const auto text = read_file(source_path("docs/formats.md"));
    const std::string fence = "```json\n";
    const auto begin = text.find(fence);
    REQUIRE(begin != std::string::npos);
    const auto block = text.substr(begin + fence.size(), text.find("```", begin + 1) - begin - fence.size());
    const auto design = json::parse(block);

    const Workspace workspace;
    const auto run = [&](const json& document) {
        workspace.write("design.json", document.dump());
        return workspace.run("run design.json --fidelity bound");
    };
    CHECK(run(design).code == 0);
    auto for_an_editor = design;
    for_an_editor["$schema"] = "../configs/schemas/design.schema.json";
    CHECK(run(for_an_editor).code == 0);
    CHECK(run(for_an_editor).out == run(design).out);

    std::vector<json::json_pointer> members;
    const std::function<void(const json&, const json::json_pointer&)> collect =
        [&](const json& part, const json::json_pointer& place) {
            for (const auto& [name, value] : part.items()) {
                const auto pointer = part.is_array() ? place / std::stoul(name) : place / name;
                if (part.is_object()) members.push_back(pointer);
                if (value.is_object() || (value.is_array() && value.front().is_object())) {
                    collect(value, pointer);
                }
            }
        };
    collect(design, json::json_pointer());
    CHECK(members.size() > 40);
    for (const auto& member : members) {
        auto without = design;
        without.at(member.parent_pointer()).erase(member.back());
        const auto refused = run(without);
        INFO(member.to_string() << ": " << refused.err);
        CHECK(refused.code == 2);
        CHECK_THAT(refused.err, Catch::Contains("design.json#" + member.parent_pointer().to_string()));
    }
}
