// SPDX-License-Identifier: Apache-2.0
#include "accel/design/schema.hpp"

#include <algorithm>
#include <fstream>
#include <functional>
#include <numeric>
#include <optional>
#include <vector>

#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "accel/design/config_error.hpp"

namespace tilewright::accel {

using nlohmann::json;

namespace {

struct Offence {
    std::string pointer;
    std::string what;
    std::string allowed;
};

std::string join(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
    return text;
}

std::string shorten(const json& value) {
    auto text = value.dump(-1, ' ', false, json::error_handler_t::replace);
    if (text.size() > 60) text = text.substr(0, 57) + "...";
    return text;
}

std::vector<std::string> property_names(const json& schema) {
    std::vector<std::string> names;
    if (!schema.contains("properties")) return names;
    for (const auto& [name, rule] : schema.at("properties").items()) names.push_back(name);
    return names;
}

bool has_type(const json& value, const std::string& type) {
    if (type == "object") return value.is_object();
    if (type == "array") return value.is_array();
    if (type == "string") return value.is_string();
    if (type == "boolean") return value.is_boolean();
    if (type == "integer") return value.is_number_integer();
    if (type == "number") return value.is_number();
    return value.is_null();
}

std::string allowed_list(const json& values) {
    std::vector<std::string> texts;
    for (const auto& value : values) texts.push_back(value.dump());
    return join(texts);
}

class Explainer {
  public:
    explicit Explainer(const json& root) : root_(root) {}

    // The schemas of what may stand at a place, given those of what it stands in. Empty behind what has none.
    std::vector<const json*> inside(const std::vector<const json*>& outer, const std::string& name) const {
        std::vector<const json*> result;
        for (const auto* one : outer) {
            const json* member = nullptr;
            if (one->contains("items") && name.find_first_not_of("0123456789") == std::string::npos) {
                member = &one->at("items");
            }
            if (one->contains("additionalProperties") && one->at("additionalProperties").is_object()) {
                member = &one->at("additionalProperties");
            }
            if (one->contains("properties") && one->at("properties").contains(name)) {
                member = &one->at("properties").at(name);
            }
            if (member != nullptr) collect_alternatives(*member, result);
        }
        return result;
    }

    std::optional<Offence> explain(const json& unresolved, const json& value,
                                   const std::string& pointer) const {
        const auto& schema = resolve(unresolved);
        if (schema.contains("type") && !has_type(value, schema.at("type").get<std::string>())) {
            return Offence{pointer, shorten(value) + " has the wrong type",
                           "allowed: " + schema.at("type").get<std::string>() + described(schema)};
        }
        if (schema.contains("enum")) return explain_enum(schema, value, pointer);
        if (schema.contains("anyOf")) return explain_choice(schema, value, pointer);
        if (value.is_string() && schema.contains("minLength") && value.get<std::string>().empty()) {
            return Offence{pointer, "the text is empty", "allowed: at least one character"};
        }
        if (value.is_number()) return explain_number(schema, value, pointer);
        if (value.is_object()) return explain_object(schema, value, pointer);
        if (value.is_array()) return explain_array(schema, value, pointer);
        return std::nullopt;
    }

  private:
    const json& resolve(const json& schema) const {
        if (!schema.contains("$ref")) return schema;
        return root_.at(json::json_pointer(schema.at("$ref").get<std::string>().substr(1)));
    }

    static std::string described(const json& schema) {
        return schema.contains("description") ? " (" + schema.at("description").get<std::string>() + ")" : "";
    }

    // The alternatives of a choice, and of the choices among them.
    void collect_alternatives(const json& unresolved, std::vector<const json*>& alternatives) const {
        const auto& schema = resolve(unresolved);
        if (!schema.contains("anyOf")) {
            alternatives.push_back(&schema);
            return;
        }
        for (const auto& one : schema.at("anyOf")) collect_alternatives(one, alternatives);
    }

    // Explained by the alternative that a value of this type must have meant.
    std::optional<Offence> explain_choice(const json& schema, const json& value,
                                          const std::string& pointer) const {
        std::vector<const json*> alternatives;
        collect_alternatives(schema, alternatives);
        std::vector<std::string> allowed;
        for (const auto* one : alternatives) {
            const bool values = one->contains("enum");
            if (values ? one->at("enum").at(0).type() == value.type()
                       : has_type(value, one->at("type").get<std::string>())) {
                return explain(*one, value, pointer);
            }
            allowed.push_back(values ? allowed_list(one->at("enum")) : one->at("type").get<std::string>());
        }
        return Offence{pointer, shorten(value) + " has the wrong type",
                       "allowed: " + join(allowed) + described(schema)};
    }

    static std::optional<Offence> explain_enum(const json& schema, const json& value,
                                               const std::string& pointer) {
        const auto& values = schema.at("enum");
        if (std::find(values.begin(), values.end(), value) != values.end()) return std::nullopt;
        std::string what = shorten(value) + " is not a known value";
        if (value.is_string()) {
            std::vector<std::string> names;
            for (const auto& candidate : values) {
                if (candidate.is_string()) names.push_back(candidate.get<std::string>());
            }
            const auto near = nearest_spelling(value.get<std::string>(), names);
            if (!near.empty()) what += ", did you mean \"" + near + "\"?";
        }
        return Offence{pointer, what, "allowed: " + allowed_list(values)};
    }

    static std::optional<Offence> explain_number(const json& schema, const json& value,
                                                 const std::string& pointer) {
        const auto number = value.get<double>();
        if (schema.contains("exclusiveMinimum") && number <= schema.at("exclusiveMinimum").get<double>()) {
            return Offence{pointer, shorten(value) + " is too small",
                           "allowed: more than " + schema.at("exclusiveMinimum").dump() + described(schema)};
        }
        if (schema.contains("minimum") && number < schema.at("minimum").get<double>()) {
            return Offence{pointer, shorten(value) + " is too small",
                           "allowed: at least " + schema.at("minimum").dump() + described(schema)};
        }
        if (schema.contains("exclusiveMaximum") && number >= schema.at("exclusiveMaximum").get<double>()) {
            return Offence{pointer, shorten(value) + " is too large",
                           "allowed: less than " + schema.at("exclusiveMaximum").dump() + described(schema)};
        }
        if (schema.contains("maximum") && number > schema.at("maximum").get<double>()) {
            return Offence{pointer, shorten(value) + " is too large",
                           "allowed: at most " + schema.at("maximum").dump() + described(schema)};
        }
        return std::nullopt;
    }

    std::optional<Offence> explain_object(const json& schema, const json& value,
                                          const std::string& pointer) const {
        const auto names = property_names(schema);
        const bool closed =
            schema.contains("additionalProperties") && schema.at("additionalProperties") == false;
        for (const auto& [name, member] : value.items()) {
            const auto at = pointer + "/" + pointer_token(name);
            if (std::find(names.begin(), names.end(), name) != names.end()) {
                if (auto offence = explain(schema.at("properties").at(name), member, at)) return offence;
            } else if (closed) {
                const auto near = nearest_spelling(name, names);
                return Offence{
                    at,
                    "unknown key \"" + name + "\"" + (near.empty() ? "" : ", did you mean \"" + near + "\"?"),
                    "allowed: " + join(names)};
            } else if (schema.contains("additionalProperties") &&
                       schema.at("additionalProperties").is_object()) {
                if (auto offence = explain(schema.at("additionalProperties"), member, at)) return offence;
            }
        }
        if (schema.contains("required")) {
            for (const auto& name : schema.at("required")) {
                if (!value.contains(name.get<std::string>())) {
                    return Offence{
                        pointer, "the key \"" + name.get<std::string>() + "\" is missing",
                        "required: " + join(schema.at("required").get<std::vector<std::string>>())};
                }
            }
        }
        if (schema.contains("minProperties") &&
            value.size() < schema.at("minProperties").get<std::size_t>()) {
            return Offence{
                pointer, "the object is empty",
                "allowed: at least " + schema.at("minProperties").dump() + " member(s)" + described(schema)};
        }
        return std::nullopt;
    }

    std::optional<Offence> explain_array(const json& schema, const json& value,
                                         const std::string& pointer) const {
        if (schema.contains("minItems") && value.size() < schema.at("minItems").get<std::size_t>()) {
            return Offence{pointer, "the list has " + std::to_string(value.size()) + " item(s)",
                           "allowed: at least " + schema.at("minItems").dump() + described(schema)};
        }
        if (schema.value("uniqueItems", false)) {
            for (std::size_t i = 1; i < value.size(); ++i) {
                const auto here = value.begin() + static_cast<std::ptrdiff_t>(i);
                if (std::find(value.begin(), here, *here) == here) continue;
                return Offence{pointer + "/" + std::to_string(i),
                               shorten(*here) + " stands twice in the list", "allowed: once"};
            }
        }
        if (!schema.contains("items")) return std::nullopt;
        for (std::size_t i = 0; i < value.size(); ++i) {
            if (auto offence = explain(schema.at("items"), value[i], pointer + "/" + std::to_string(i)))
                return offence;
        }
        return std::nullopt;
    }

    const json& root_;
};

json read_schema(const std::filesystem::path& file) {
    std::ifstream stream(file);
    if (!stream)
        throw ConfigError(file.string(), "", "the schema cannot be read",
                          "the configs folder must be complete");
    auto schema = json::parse(stream, nullptr, false);
    if (schema.is_discarded()) throw ConfigError(file.string(), "", "the schema is not valid JSON", "");
    return schema;
}

// Puts what references to other schema files ("name.schema.json#/pointer") name in their place.
void include_references(json& schema, const std::filesystem::path& folder) {
    while (schema.is_object() && schema.contains("$ref")) {  // one may name another
        const auto reference = schema.at("$ref").get<std::string>();
        const auto hash = reference.find('#');
        if (hash == 0 || hash == std::string::npos) return;
        schema = read_schema(folder / reference.substr(0, hash))
                     .at(json::json_pointer(reference.substr(hash + 1)));
    }
    if (!schema.is_structured()) return;
    for (auto& member : schema) include_references(member, folder);
}

}  // namespace

void Schema::complete(json& document) const {
    const Explainer explainer(schema_);
    const std::function<void(const std::vector<const json*>&, json&)> fill = [&](const auto& schemas,
                                                                                 json& value) {
        for (const auto* schema : schemas) {
            if (!value.is_object() || !schema->contains("properties")) continue;
            for (const auto& [name, rule] : schema->at("properties").items()) {
                if (rule.contains("default") && !value.contains(name)) value[name] = rule.at("default");
            }
        }
        if (!value.is_structured()) return;
        for (const auto& [name, member] : value.items()) {
            if (const auto inside = explainer.inside(schemas, name); !inside.empty()) fill(inside, member);
        }
    };
    fill({&schema_}, document);
}

std::string pointer_token(const std::string& name) {
    std::string token;
    for (const char c : name) token += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
    return token;
}

std::string nearest_spelling(const std::string& word, const std::vector<std::string>& candidates) {
    std::string best;
    std::size_t best_distance = (word.size() + 2) / 3 + 1;
    for (const auto& candidate : candidates) {
        // Levenshtein distance, one row at a time.
        std::vector<std::size_t> row(candidate.size() + 1);
        std::iota(row.begin(), row.end(), std::size_t{0});
        for (std::size_t i = 0; i < word.size(); ++i) {
            auto diagonal = row[0];
            row[0] = i + 1;
            for (std::size_t j = 0; j < candidate.size(); ++j) {
                const auto substituted = diagonal + (word[i] == candidate[j] ? 0 : 1);
                diagonal = row[j + 1];
                row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, substituted});
            }
        }
        if (row.back() < best_distance) {
            best_distance = row.back();
            best = candidate;
        }
    }
    return best;
}

Schema::Schema(const std::filesystem::path& file) : schema_(read_schema(file)) {
    include_references(schema_, file.parent_path());
}

void Schema::require_place(const std::string& place, Wanted wanted, const std::string& file,
                           const std::string& pointer) const {
    const Explainer explainer(schema_);
    std::vector<const json*> here = {&schema_};
    std::vector<std::string> tokens;
    for (json::json_pointer rest(place); !rest.empty(); rest.pop_back()) tokens.push_back(rest.back());
    std::string at;
    const auto is_open = [](const json* one) {  // an object of which nothing is said
        return one->value("type", "") == "object" && !one->contains("properties") &&
               !one->contains("additionalProperties");
    };
    const auto is_number = [](const json* one) {
        return one->contains("type") && (one->at("type") == "number" || one->at("type") == "integer");
    };
    for (auto token = tokens.rbegin(); token != tokens.rend(); ++token) {
        if (std::any_of(here.begin(), here.end(), is_open)) return;
        const auto inside = explainer.inside(here, *token);
        if (inside.empty()) {
            std::vector<std::string> names;
            for (const auto* one : here) {
                if (!one->contains("properties")) continue;
                for (const auto& [name, ignored] : one->at("properties").items()) names.push_back(name);
            }
            const auto near = nearest_spelling(*token, names);
            throw ConfigError(file, pointer,
                              "\"" + place + "\" is nowhere: there is no \"" + *token + "\" in " +
                                  (at.empty() ? "a report" : at) +
                                  (near.empty() ? "" : ", did you mean \"" + near + "\"?"),
                              !names.empty()                                     ? "allowed: " + join(names)
                              : std::any_of(here.begin(), here.end(), is_number) ? "allowed: " + at
                                                                                 : "");
        }
        here = inside;
        at += "/" + pointer_token(*token);
    }
    const auto holds_no_figure = [](const json* one) {
        const auto type = one->value("type", json());
        return type == "object" || type == "array" || type == "null" || one->contains("properties") ||
               one->contains("oneOf") || one->contains("anyOf");
    };
    if (std::all_of(here.begin(), here.end(), holds_no_figure)) {
        throw ConfigError(file, pointer, "at \"" + place + "\" stands more than one figure",
                          "allowed: a place below it");
    }
    if (wanted == Wanted::number && std::none_of(here.begin(), here.end(), is_number)) {
        throw ConfigError(file, pointer, "at \"" + place + "\" stands no number",
                          "allowed: a place with one");
    }
}

void Schema::validate(const json& document, const std::string& file, const std::string& pointer) const {
    valijson::Schema compiled;
    valijson::SchemaParser parser;
    parser.populateSchema(valijson::adapters::NlohmannJsonAdapter(schema_), compiled);
    valijson::Validator validator;
    valijson::ValidationResults results;
    const valijson::adapters::NlohmannJsonAdapter target(document);
    if (validator.validate(compiled, target, &results)) return;
    if (const auto offence = Explainer(schema_).explain(schema_, document, pointer)) {
        throw ConfigError(file, offence->pointer, offence->what, offence->allowed);
    }
    valijson::ValidationResults::Error error;
    results.popError(error);
    throw ConfigError(file, pointer, error.description, "");
}

}  // namespace tilewright::accel
