// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <map>
#include <optional>

#include <nlohmann/json.hpp>

#include "accel/design/config_files.hpp"
#include "accel/design/schema.hpp"
#include "cli/command.hpp"
#include "cli/numeric_input.hpp"
#include "memory/dram/dram_trace.hpp"

namespace tilewright::cli {

namespace po = boost::program_options;
using nlohmann::ordered_json;

namespace {

constexpr const char* line_form = "CYCLE R|W ADDRESS BYTES, such as 120 R 4096 64";

// A century of memory clocks at 5 GHz; keeps sums of clocks far from their ends.
constexpr std::int64_t latest_cycle = std::int64_t{1} << 53;

const accel::DeviceMemory& choose_memory(const accel::Device& device, const po::variables_map& values) {
    std::vector<std::string> names;
    std::string list;
    for (const auto& [name, memory] : device.memories) {
        names.push_back(name);
        list += (list.empty() ? "" : ", ") + name;
    }
    if (values.count("memory") == 0) {
        throw UsageError("--memory is missing; allowed: " + list);
    }
    const auto name = values["memory"].as<std::string>();
    const auto found = device.memories.find(name);
    if (found != device.memories.end()) return found->second;
    const auto near = accel::nearest_spelling(name, names);
    throw UsageError("--memory: " + device.name + " has no memory \"" + name + "\"" +
                     (near.empty() ? "" : ", did you mean \"" + near + "\"?") + "; allowed: " + list);
}

memory::AddressMapping choose_mapping(const po::variables_map& values,
                                      const memory::DramSpecification& dram) {
    try {
        return {values["address-mapping"].as<std::string>(), dram};
    } catch (const std::invalid_argument& error) {
        throw UsageError(std::string("--address-mapping: ") + error.what());
    }
}

memory::PagePolicy choose_page(const po::variables_map& values) {
    const auto name = values["page"].as<std::string>();
    if (name == "open") return memory::PagePolicy::open;
    if (name == "closed") return memory::PagePolicy::closed;
    throw UsageError("--page \"" + name + "\" is unknown; allowed: open, closed");
}

std::int64_t parse_count(std::string_view text, const char* what, std::int64_t least, std::int64_t most,
                         std::int64_t line) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < least || value > most) {
        refuse_line(line, "\"" + std::string(text) + "\" is no " + what,
                    "a decimal from " + std::to_string(least) + " to " + std::to_string(most));
    }
    return value;
}

std::vector<std::string_view> words(std::string_view line) {
    std::vector<std::string_view> result;
    constexpr const char* blank = " \t";
    for (auto begin = line.find_first_not_of(blank); begin != std::string_view::npos;) {
        const auto end = std::min(line.find_first_of(blank, begin), line.size());
        result.push_back(line.substr(begin, end - begin));
        begin = line.find_first_not_of(blank, end);
    }
    return result;
}

std::vector<memory::DramTraceRequest> read_trace(const memory::DramSpecification& dram) {
    std::vector<memory::DramTraceRequest> requests;
    const auto capacity = dram.capacity_bytes();
    for_each_input_line([&](std::string_view text, std::int64_t line) {
        const auto word = words(text);
        if (word.size() != 4 || (word[1] != "R" && word[1] != "W")) {
            refuse_line(line, "\"" + std::string(text) + "\" is not a request", line_form);
        }
        memory::DramTraceRequest request;
        const auto earliest = requests.empty() ? 0 : requests.back().clock;
        request.clock =
            parse_count(word[0], "cycle at or behind that of the line before", earliest, latest_cycle, line);
        request.write = word[1] == "W";
        request.address = parse_count(word[2], "address of this memory", 0, capacity - 1, line);
        request.bytes = parse_count(word[3], "number of bytes up to the end of the memory", 1,
                                    capacity - request.address, line);
        requests.push_back(request);
    });
    return requests;
}

ordered_json account(const memory::DramTraceResult& result, const memory::DramSpecification& dram) {
    const auto total = static_cast<double>(result.cycles()) * dram.organization.channels;
    const auto fraction = [&](std::int64_t clocks) {
        return total > 0 ? static_cast<double>(clocks) / total : 0.0;
    };
    const auto& channels = result.channels;
    ordered_json json{{"data", fraction(channels.data)}};
    for (int i = 0; i < memory::dram_losses; ++i) {
        json[to_string(static_cast<memory::DramLoss>(i))] =
            fraction(channels.losses[static_cast<std::size_t>(i)]);
    }
    return json;
}

ordered_json result_json(const memory::DramTraceResult& result, const memory::DramSpecification& dram) {
    const double clock_hz = dram.timing.clock_hz;
    const auto& channels = result.channels;
    const auto bytes = result.read_bytes + result.write_bytes;
    const auto seconds = static_cast<double>(result.cycles()) / clock_hz;
    const auto bandwidth = result.cycles() > 0 ? static_cast<double>(bytes) / seconds : 0.0;
    const auto latency = [&](double clocks) -> ordered_json {
        if (result.reads == 0) return nullptr;
        return clocks * 1e9 / clock_hz;
    };
    const auto mean = result.reads > 0
                          ? static_cast<double>(result.read_latency_sum) / static_cast<double>(result.reads)
                          : 0.0;
    const auto moved = (channels.reads + channels.writes) * dram.access_bytes();
    return {{"requests", result.reads + result.writes},
            {"read_bytes", result.read_bytes},
            {"write_bytes", result.write_bytes},
            {"bandwidth_bytes_per_s", bandwidth},
            {"peak_bytes_per_s", dram.bytes_per_s()},
            {"mean_read_latency_ns", latency(mean)},
            {"min_read_latency_ns", latency(static_cast<double>(result.read_latency_min))},
            {"max_read_latency_ns", latency(static_cast<double>(result.read_latency_max))},
            {"row_hits", channels.row_hits},
            {"row_misses", channels.row_misses},
            {"row_conflicts", channels.row_conflicts},
            {"cycles", result.cycles()},
            {"accesses", channels.reads + channels.writes},
            {"access_bytes", dram.access_bytes()},
            {"moved_bytes", moved},
            {"forwarded_reads", channels.forwarded_reads},
            {"activates", channels.activates},
            {"refreshes", channels.refreshes},
            {"turnarounds", channels.turnarounds},
            {"account", account(result, dram)}};
}

}  // namespace

int dram_trace_command(const std::vector<std::string>& arguments) {
    po::options_description options("Options");
    options.add_options()("memory", po::value<std::string>(), "the memory of the device, such as ddr4")(
        "address-mapping", po::value<std::string>()->default_value("RoBaRaCoCh"),
        "MOP4CLXOR, or the fields Ro, Ba, Ra, Co, Ch from the most to the least significant, with Bg for a "
        "bank group apart from Ba: RoBaRaCoBgCh")("page", po::value<std::string>()->default_value("open"),
                                                  "open or closed")("json",
                                                                    "as without it: the result is JSON");
    po::variables_map values;
    if (!parse_options(arguments, "dram-trace DEVICE --memory NAME [OPTIONS] < TRACE", options, "device", 1,
                       1, values)) {
        return success;
    }
    const auto device = accel::load_device(values["device"].as<std::vector<std::string>>().front());
    const auto& chosen = choose_memory(device, values);
    const auto mapping = choose_mapping(values, chosen.dram);
    auto policy = chosen.controller;
    policy.page = choose_page(values);
    const auto requests = read_trace(chosen.dram);
    const auto result = memory::run_dram_trace(chosen.dram, policy, mapping, requests);
    ordered_json report{{"device", device.name},
                        {"memory", chosen.dram.name},
                        {"address_mapping", mapping.name()},
                        {"page", values["page"].as<std::string>()}};
    report.update(result_json(result, chosen.dram));
    print_result(report.dump(2) + "\n");
    return success;
}

}  // namespace tilewright::cli
