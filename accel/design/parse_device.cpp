// SPDX-License-Identifier: Apache-2.0
#include "accel/design/parse_device.hpp"

#include <bit>
#include <cmath>

#include "accel/design/config_error.hpp"
#include "accel/design/parse_aie.hpp"
#include "accel/design/quantity_units.hpp"
#include "accel/design/schema.hpp"

namespace tilewright::accel {

using nlohmann::json;

namespace {

double quantity(const json& object) {
    return object.at("value").get<double>();
}
std::int64_t count(const json& object) {
    return std::llround(quantity(object));
}

memory::DramTiming parse_timing(const json& from) {
    memory::DramTiming timing;
    const auto clocks = [&](const char* name) { return from.at(name).get<int>(); };
    timing.clock_hz = from.at("clock_hz").get<double>();
    timing.burst_length = clocks("burst_length");
    timing.cl = clocks("cl");
    timing.cwl = clocks("cwl");
    timing.rcd = clocks("rcd");
    timing.rp = clocks("rp");
    timing.rp_all = from.value("rp_all", timing.rp);
    timing.ras = clocks("ras");
    timing.rc = from.value("rc", timing.ras + timing.rp);
    timing.rtp = clocks("rtp");
    timing.wr = clocks("wr");
    timing.wtr_s = clocks("wtr_s");
    timing.wtr_l = clocks("wtr_l");
    timing.ccd_s = clocks("ccd_s");
    timing.ccd_l = clocks("ccd_l");
    timing.rrd_s = clocks("rrd_s");
    timing.rrd_l = clocks("rrd_l");
    timing.faw = clocks("faw");
    timing.rtw_gap = from.value("rtw_gap", timing.rtw_gap);
    timing.rank_gap = from.value("rank_gap", timing.rank_gap);
    timing.rfc = clocks("rfc");
    timing.refi = clocks("refi");
    return timing;
}

memory::DramSpecification parse_dram(const std::string& name, const json& from) {
    memory::DramSpecification dram;
    dram.name = name;
    auto& organization = dram.organization;
    organization.channels = from.at("channels").get<int>();
    organization.channel_width_bits = from.at("channel_width_bits").get<int>();
    organization.channel_bytes = from.at("channel_bytes").get<std::int64_t>();
    organization.ranks = from.value("ranks", 1);
    organization.bank_groups = from.at("bank_groups").get<int>();
    organization.banks_per_group = from.at("banks_per_group").get<int>();
    organization.row_bytes = from.at("row_bytes").get<std::int64_t>();
    dram.timing = parse_timing(from.at("timing"));
    return dram;
}

// Contradictions in the description of a memory at `pointer`.
class DramCheck {
  public:
    DramCheck(const memory::DramSpecification& dram, std::string file, std::string pointer)
        : dram_(dram), file_(std::move(file)), pointer_(std::move(pointer)) {}

    void organization() const {
        const auto& o = dram_.organization;
        power_of_two("channels", o.channels);
        power_of_two("channel_width_bits", o.channel_width_bits);
        power_of_two("channel_bytes", o.channel_bytes);
        power_of_two("ranks", o.ranks);
        power_of_two("bank_groups", o.bank_groups);
        power_of_two("banks_per_group", o.banks_per_group);
        power_of_two("row_bytes", o.row_bytes);
        power_of_two("timing/burst_length", dram_.timing.burst_length);
        least("row_bytes", o.row_bytes, "an access of burst_length times channel_width_bits",
              dram_.access_bytes());
        least("channel_bytes", o.channel_bytes, "ranks * bank_groups * banks_per_group * row_bytes",
              o.row_bytes * o.ranks * o.banks_per_rank());
    }

    void timing() const {
        const auto& t = dram_.timing;
        least("timing/ras", t.ras, "rcd, the activate's own column", t.rcd);
        least("timing/rc", t.rc, "ras + rp", t.ras + t.rp);
        least("timing/rp_all", t.rp_all, "rp", t.rp);
        least("timing/cl", t.cl, "cwl, as in every standard of these tables", t.cwl);
        least("timing/ccd_s", t.ccd_s, "burst_length / 2, the data of a column", t.data_clocks());
        least("timing/ccd_l", t.ccd_l, "ccd_s", t.ccd_s);
        least("timing/rrd_l", t.rrd_l, "rrd_s", t.rrd_s);
        least("timing/wtr_l", t.wtr_l, "wtr_s", t.wtr_s);
        least("timing/faw", t.faw, "rrd_s", t.rrd_s);
        // Commands of the controller that plans wait for their places in three frames.
        const auto refresh = t.rp_all + t.rfc + t.rcd + 3 * t.column_spacing();
        if (t.refi <= refresh) {
            refuse("timing/refi", std::to_string(t.refi) + " clocks between refreshes leave no time for data",
                   "more than rp_all + rfc + rcd and three column spacings = " + std::to_string(refresh));
        }
        below_refresh("timing/rc", t.rc);
        below_refresh("timing/faw", t.faw);
        below_refresh("timing/rrd_l", t.rrd_l);
        below_refresh("timing/ccd_l", t.ccd_l);
        below_refresh("timing/rtp", t.rtp);
        below_refresh("timing/cl", t.cl);
        below_refresh("timing/cwl", t.cwl);
        below_refresh("timing/wtr_l", t.wtr_l);
        below_refresh("timing/wr", t.wr);
    }

  private:
    [[noreturn]] void refuse(const std::string& key, const std::string& what,
                             const std::string& allowed) const {
        throw ConfigError(file_, pointer_ + "/" + key, what, "allowed: " + allowed);
    }
    void below_refresh(const std::string& key, std::int64_t clocks) const {
        if (clocks < dram_.timing.refi) return;
        refuse(key, std::to_string(clocks) + " clocks are not over before the next refresh",
               "less than refi = " + std::to_string(dram_.timing.refi));
    }
    void power_of_two(const std::string& key, std::int64_t value) const {
        if (std::has_single_bit(static_cast<std::uint64_t>(value))) return;
        const auto below = static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(value)));
        refuse(key, std::to_string(value) + " is not a power of two, and addresses are made of bits",
               "powers of two, such as " + std::to_string(below) + " or " + std::to_string(2 * below));
    }
    void least(const std::string& key, std::int64_t value, const std::string& what,
               std::int64_t limit) const {
        if (value >= limit) return;
        refuse(key, std::to_string(value) + " is less than " + what + " = " + std::to_string(limit),
               "at least " + std::to_string(limit));
    }

    const memory::DramSpecification& dram_;
    std::string file_;
    std::string pointer_;
};

DeviceMemory parse_memory(const std::string& name, const json& from, const std::string& file,
                          const std::string& pointer) {
    DeviceMemory result;
    result.dram = parse_dram(name, from);
    const DramCheck check(result.dram, file, pointer);
    check.organization();
    check.timing();
    const auto& controller = from.at("controller");
    result.controller.read_queue = controller.at("read_queue").get<int>();
    result.controller.write_queue = controller.at("write_queue").get<int>();
    result.controller.write_high_watermark = controller.at("write_high_watermark").get<double>();
    result.controller.write_low_watermark = controller.at("write_low_watermark").get<double>();
    if (result.controller.write_low_watermark > result.controller.write_high_watermark) {
        throw ConfigError(file, pointer + "/controller/write_low_watermark",
                          controller.at("write_low_watermark").dump() + " is above write_high_watermark = " +
                              controller.at("write_high_watermark").dump() +
                              ": writes would stop draining before they begin",
                          "allowed: at most write_high_watermark");
    }
    if (from.contains("axi_ports")) {
        const auto ports = quantity(from.at("axi_ports"));
        if (ports < 1 || ports > 1024 || ports != std::floor(ports)) {
            throw ConfigError(file, pointer + "/axi_ports/value",
                              from.at("axi_ports").at("value").dump() + " is no number of ports",
                              "allowed: whole numbers from 1 to 1024");
        }
        result.axi_ports = static_cast<int>(ports);
    }
    const auto& energy = from.at("energy");
    result.energy = {quantity(energy.at("access_j_per_bit")), quantity(energy.at("activate_j")),
                     quantity(energy.at("standby_w"))};
    return result;
}

}  // namespace

Device parse_device(const json& document, const std::string& file, const std::string& pointer) {
    check_units(document, file, pointer);
    Device device;
    device.name = document.at("name").get<std::string>();
    const auto& resources = document.at("resources");
    device.available = {count(resources.at("lut")), count(resources.at("ff")), count(resources.at("dsp")),
                        count(resources.at("bram")), count(resources.at("uram"))};
    device.dsp_primitive = resources.at("dsp").value("unit", std::string());
    device.uram_primitive = resources.at("uram").value("unit", std::string());
    if (document.contains("fabric_clock_limit_hz")) {
        device.fabric_clock_limit_hz = quantity(document.at("fabric_clock_limit_hz"));
    }
    if (document.contains("floating_point_clock_limit_hz")) {
        device.floating_point_clock_limit_hz = quantity(document.at("floating_point_clock_limit_hz"));
    }
    const auto& net = document.at("interconnect");
    device.interconnect.kind = net.at("kind").get<std::string>();
    device.interconnect.clock_hz = quantity(net.at("clock_hz"));
    device.interconnect.link_bytes_per_cycle = count(net.at("link_bytes_per_cycle"));
    device.interconnect.packet_bytes = count(net.at("packet_bytes"));
    device.interconnect.request_latency_cycles = static_cast<int>(count(net.at("request_latency_cycles")));
    device.interconnect.response_latency_cycles = static_cast<int>(count(net.at("response_latency_cycles")));
    if (net.contains("switch_latency_cycles")) {
        device.interconnect.switch_latency_cycles = static_cast<int>(count(net.at("switch_latency_cycles")));
        device.interconnect.hops = static_cast<int>(count(net.at("hops")));
    }
    device.interconnect_j_per_byte = quantity(net.at("energy_j_per_byte"));
    for (const auto& [name, memory] : document.at("memories").items()) {
        device.memories.emplace(
            name, parse_memory(name, memory, file, pointer + "/memories/" + pointer_token(name)));
    }
    const auto& power = document.at("power");
    device.power = {quantity(power.at("static_w")),          quantity(power.at("dsp_j_per_cycle")),
                    quantity(power.at("ff_j_per_cycle")),    quantity(power.at("bram_j_per_access")),
                    quantity(power.at("uram_j_per_access")), quantity(power.at("idle_activity")),
                    quantity(power.at("uncertainty"))};
    if (document.contains("aie")) device.aie = parse_aie_array(document.at("aie"), file, pointer + "/aie");
    return device;
}

}  // namespace tilewright::accel
