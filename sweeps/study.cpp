// SPDX-License-Identifier: Apache-2.0
#include "sweeps/study.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace tilewright::sweeps {
namespace {

using nlohmann::json;

void check_pointer(const std::string& text, const std::string& where) {
    try {
        static_cast<void>(json::json_pointer(text));
    } catch (const json::exception&) {
        throw StudyError(where,
                         fmt::format("\"{}\" is not a JSON pointer; one begins with \"/\" and writes ~ as ~0 "
                                     "and / inside a name as ~1",
                                     text));
    }
    if (text.empty())
        throw StudyError(where, "the empty pointer means the whole document; name a place in it");
}

// Names of columns in SQL, and words of questions, do not differ by it.
std::string without_case(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

// A parameter, objective or column becomes a table column and a JSON key, so names have to differ.
void claim_name(std::set<std::string>& taken, const std::string& name, const std::string& where) {
    if (name.empty()) throw StudyError(where, "a name must not be empty");
    if (!taken.insert(without_case(name)).second)
        throw StudyError(where,
                         fmt::format("the name \"{}\" is taken; parameters, objectives and columns need "
                                     "names that differ in more than case, and pareto, status and message "
                                     "are reserved",
                                     name));
}

ParameterValue parse_value(const json& value, const json& parameter, const std::string& where) {
    ParameterValue result;
    if (value.is_object() && value.contains("set")) {
        const json& set = value.at("set");
        if (!set.is_object())
            throw StudyError(where + "/set", "must be an object of JSON pointers and values");
        for (const auto& [pointer, assigned] : set.items()) {
            check_pointer(pointer, where + "/set");
            result.assignments.push_back({pointer, assigned});
        }
        for (const auto& [key, ignored] : value.items()) {
            if (key != "set" && key != "label")
                throw StudyError(where, fmt::format("unknown key \"{}\"; allowed: label, set", key));
        }
        if (!value.contains("label") || !value.at("label").is_string())
            throw StudyError(where, "a value with \"set\" needs a \"label\", a string");
        result.label = value.at("label").get<std::string>();
        result.cell = result.label;
        return result;
    }
    if (!parameter.contains("pointer"))
        throw StudyError(
            where, fmt::format("the plain value {} has no place to go; give the parameter a \"pointer\", "
                               "or write the value as {{\"label\": .., \"set\": {{..}}}}",
                               value.dump()));
    result.label = label_of(value);
    result.cell = value.is_structured() ? json(result.label) : value;
    result.assignments.push_back({parameter.at("pointer").get<std::string>(), value});
    return result;
}

Parameter parse_parameter(const json& item, const std::string& where) {
    Parameter parameter;
    parameter.name = item.at("name").get<std::string>();
    if (item.contains("pointer")) check_pointer(item.at("pointer").get<std::string>(), where + "/pointer");
    const json& values = item.at("values");
    if (values.empty()) throw StudyError(where + "/values", "a parameter needs at least one value");
    std::set<std::string> labels;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const std::string value_where = fmt::format("{}/values/{}", where, i);
        parameter.values.push_back(parse_value(values[i], item, value_where));
        if (!labels.insert(without_case(parameter.values.back().label)).second)
            throw StudyError(value_where, fmt::format("the value \"{}\" stands twice in parameter \"{}\", "
                                                      "case aside",
                                                      parameter.values.back().label, parameter.name));
    }
    return parameter;
}

// Two parameters that set the same place would make one of them silently void, and so would one that sets all
// of what an earlier one sets a part of. The other way round, the part is set in what the earlier one put
// there.
void check_disjoint(const std::vector<Parameter>& parameters) {
    std::map<std::string, std::size_t> owner;
    const auto check = [&](std::size_t p, const std::string& pointer) {
        const auto& name = parameters[p].name;
        const auto where = fmt::format("/parameters/{}", p);
        const auto [place, fresh] = owner.emplace(pointer, p);
        if (!fresh && place->second != p)
            throw StudyError(where, fmt::format("parameters \"{}\" and \"{}\" both set {}",
                                                parameters[place->second].name, name, pointer));
        for (auto part = owner.lower_bound(pointer + "/");
             part != owner.end() && part->first.starts_with(pointer + "/"); ++part) {
            if (part->second == p) continue;
            throw StudyError(where,
                             fmt::format("parameter \"{}\" sets all of {}, and so what \"{}\" has set at {}; "
                                         "allowed: parameter \"{}\" before it",
                                         name, pointer, parameters[part->second].name, part->first, name));
        }
    };
    for (std::size_t p = 0; p < parameters.size(); ++p)
        for (const ParameterValue& value : parameters[p].values)
            for (const Assignment& assignment : value.assignments) check(p, assignment.pointer);
}

std::vector<Parameter>::const_iterator find_parameter(const std::string& name,
                                                      const std::vector<Parameter>& parameters,
                                                      const std::string& where) {
    const auto found = std::find_if(parameters.begin(), parameters.end(),
                                    [&](const Parameter& parameter) { return parameter.name == name; });
    if (found != parameters.end()) return found;
    std::vector<std::string> names;
    names.reserve(parameters.size());
    for (const Parameter& parameter : parameters) names.push_back(parameter.name);
    throw StudyError(where,
                     fmt::format("there is no parameter \"{}\"; there are {}", name, fmt::join(names, ", ")));
}

Exclusion parse_exclusion(const json& item, const std::vector<Parameter>& parameters,
                          const std::string& where) {
    Exclusion exclusion;
    if (!item.is_object() || item.empty())
        throw StudyError(where,
                         "an exclusion is an object of parameter names and labels with at least one entry");
    for (const auto& [name, label_value] : item.items()) {
        const auto parameter = find_parameter(name, parameters, where);
        const std::string label = label_of(label_value);
        const auto value = std::find_if(parameter->values.begin(), parameter->values.end(),
                                        [&](const ParameterValue& v) { return v.label == label; });
        if (value == parameter->values.end()) {
            std::vector<std::string> labels;
            labels.reserve(parameter->values.size());
            for (const ParameterValue& v : parameter->values) labels.push_back(v.label);
            throw StudyError(where, fmt::format("parameter \"{}\" has no value \"{}\"; it has {}", name,
                                                label, fmt::join(labels, ", ")));
        }
        exclusion.emplace_back(static_cast<std::size_t>(parameter - parameters.begin()),
                               static_cast<std::size_t>(value - parameter->values.begin()));
    }
    return exclusion;
}

Goal parse_goal(const std::string& text, const std::string& where) {
    if (text == "maximize") return Goal::maximize;
    if (text == "minimize") return Goal::minimize;
    throw StudyError(where, fmt::format("\"{}\" is not a goal; allowed are maximize and minimize", text));
}

Study parse(const json& document) {
    Study study;
    study.name = document.at("name").get<std::string>();
    study.description = document.value("description", "");
    study.base = document.at("base").get<std::string>();
    study.fidelity = document.value("fidelity", "timing");

    std::set<std::string> names{"pareto", "status", "message"};
    const json& parameters = document.at("parameters");
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        const std::string where = fmt::format("/parameters/{}", i);
        study.parameters.push_back(parse_parameter(parameters[i], where));
        claim_name(names, study.parameters.back().name, where + "/name");
    }
    check_disjoint(study.parameters);

    const json exclude = document.value("exclude", json::array());
    for (std::size_t i = 0; i < exclude.size(); ++i)
        study.exclude.push_back(parse_exclusion(exclude[i], study.parameters, fmt::format("/exclude/{}", i)));

    const json within = document.value("compare_within", json::array());
    for (std::size_t i = 0; i < within.size(); ++i) {
        const auto parameter = find_parameter(within[i].get<std::string>(), study.parameters,
                                              fmt::format("/compare_within/{}", i));
        study.compare_within.push_back(static_cast<std::size_t>(parameter - study.parameters.begin()));
    }

    const json& objectives = document.at("objectives");
    for (std::size_t i = 0; i < objectives.size(); ++i) {
        const std::string where = fmt::format("/objectives/{}", i);
        const json& item = objectives[i];
        study.objectives.push_back({item.at("name").get<std::string>(), item.at("metric").get<std::string>(),
                                    parse_goal(item.at("goal").get<std::string>(), where + "/goal"),
                                    item.value("unit", "")});
        claim_name(names, study.objectives.back().name, where + "/name");
        check_pointer(study.objectives.back().metric, where + "/metric");
    }
    const json columns = document.value("columns", json::array());
    for (std::size_t i = 0; i < columns.size(); ++i) {
        const std::string where = fmt::format("/columns/{}", i);
        const json& item = columns[i];
        study.columns.push_back({item.at("name").get<std::string>(), item.at("metric").get<std::string>(),
                                 item.value("unit", "")});
        claim_name(names, study.columns.back().name, where + "/name");
        check_pointer(study.columns.back().metric, where + "/metric");
    }
    return study;
}

}  // namespace

std::string to_string(PointStatus status) {
    switch (status) {
        case PointStatus::ok:
            return "ok";
        case PointStatus::does_not_fit:
            return "does_not_fit";
        case PointStatus::failed:
            break;
    }
    return "failed";
}

std::string label_of(const json& value) {
    return value.is_string() ? value.get<std::string>() : value.dump();
}

Study parse_study(const json& document) {
    try {
        return parse(document);
    } catch (const json::exception& error) {
        // The schema should have caught this; a caller that skipped it still gets a sentence.
        throw StudyError("", fmt::format("the document does not have the form of a study: {}", error.what()));
    }
}

}  // namespace tilewright::sweeps
