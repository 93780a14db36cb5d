// SPDX-License-Identifier: Apache-2.0
// Checks a trace of DRAM commands against JEDEC's rules, from a table of its own and by comparing every pair
// of commands; it shares nothing with the scheduler but the names of commands and timings.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "memory/dram/dram_command.hpp"
#include "memory/dram/dram_timing.hpp"

namespace tilewright::test {

struct PairRule {
    const char* name;
    const char* first;  // letters of commands, see letter()
    const char* second;
    char place;  // b same bank, g same group, r same rank, o other rank
    int clocks;
};

// A activate, P precharge, Q precharge all, R read, W write, r read with precharge, w write with precharge, F
// refresh.
inline char letter(memory::DramCommandKind kind) {
    return "APQRWrwF"[static_cast<int>(kind)];
}

inline std::vector<PairRule> pair_rules(const memory::DramTiming& t) {
    const int beats = t.burst_length / 2;
    return {
        {"tRCD", "A", "RWrw", 'b', t.rcd},
        {"tRAS", "A", "P", 'b', t.ras},
        {"tRAS, all banks", "A", "Q", 'r', t.ras},
        {"tRC", "A", "A", 'b', t.rc},
        {"tRC before refresh", "A", "F", 'r', t.rc},
        {"tRP", "P", "A", 'b', t.rp},
        {"tRP before refresh", "P", "F", 'r', t.rp},
        {"tRPab", "Q", "AF", 'r', t.rp_all},
        {"tRTP", "R", "P", 'b', t.rtp},
        {"tRTP, all banks", "R", "Q", 'r', t.rtp},
        {"tRTP + tRP", "r", "A", 'b', t.rtp + t.rp},
        {"tRTP + tRP before refresh", "r", "F", 'r', t.rtp + t.rp},
        {"tWR", "W", "P", 'b', t.cwl + beats + t.wr},
        {"tWR, all banks", "W", "Q", 'r', t.cwl + beats + t.wr},
        {"tWR + tRP", "w", "A", 'b', t.cwl + beats + t.wr + t.rp},
        {"tWR + tRP before refresh", "w", "F", 'r', t.cwl + beats + t.wr + t.rp},
        {"tRRD_S", "A", "A", 'r', t.rrd_s},
        {"tRRD_L", "A", "A", 'g', t.rrd_l},
        {"tCCD_S", "Rr", "Rr", 'r', t.ccd_s},
        {"tCCD_S", "Ww", "Ww", 'r', t.ccd_s},
        {"tCCD_L", "Rr", "Rr", 'g', t.ccd_l},
        {"tCCD_L", "Ww", "Ww", 'g', t.ccd_l},
        {"tWTR_S", "Ww", "Rr", 'r', t.cwl + beats + t.wtr_s},
        {"tWTR_L", "Ww", "Rr", 'g', t.cwl + beats + t.wtr_l},
        {"read to write", "Rr", "Ww", 'r', t.cl + beats + t.rtw_gap - t.cwl},
        {"tRFC", "F", "AF", 'r', t.rfc},
    };
}

// The first violation, or "". With two command buses the one for columns is apart from the one for rows.
inline std::string first_violation(const std::vector<memory::DramCommand>& commands,
                                   const memory::DramSpecification& dram, int command_buses = 1) {
    const auto& t = dram.timing;
    const auto rules = pair_rules(t);
    int reach = t.faw;
    for (const auto& rule : rules) reach = std::max(reach, rule.clocks);
    std::map<std::vector<int>, std::int64_t> open;  // by rank, group, bank
    std::map<int, std::vector<std::int64_t>> activates;
    std::map<int, std::int64_t> refreshed;
    std::int64_t data_end = 0;
    int data_rank = -1;
    const auto complain = [](const memory::DramCommand& command, const std::string& what) {
        return what + " violated by " + letter(command.kind) + " at clock " + std::to_string(command.clock);
    };
    for (std::size_t i = 0; i < commands.size(); ++i) {
        const auto& now = commands[i];
        const auto kind = letter(now.kind);
        const std::vector<int> bank = {now.rank, now.bank_group, now.bank};
        const auto column = [](const auto& command) {
            return std::string("RWrw").find(letter(command.kind)) != std::string::npos;
        };
        if (i > 0 && now.clock <= commands[i - 1].clock &&
            (command_buses == 1 || now.clock < commands[i - 1].clock ||
             column(now) == column(commands[i - 1]))) {
            return complain(now, "one command a clock");
        }
        for (std::size_t j = i; j-- > 0 && now.clock - commands[j].clock < reach;) {
            const auto& before = commands[j];
            const bool rank = before.rank == now.rank;
            const bool group = rank && before.bank_group == now.bank_group;
            for (const auto& rule : rules) {
                const bool place = rule.place == 'r'   ? rank
                                   : rule.place == 'g' ? group
                                   : rule.place == 'b' ? group && before.bank == now.bank
                                                       : !rank;
                if (place && std::string(rule.first).find(letter(before.kind)) != std::string::npos &&
                    std::string(rule.second).find(kind) != std::string::npos &&
                    now.clock - before.clock < rule.clocks) {
                    return complain(now, rule.name);
                }
            }
        }
        if (kind == 'A') {
            if (open.contains(bank)) return complain(now, "activate of a closed bank");
            open[bank] = now.row;
            auto& times = activates[now.rank];
            times.push_back(now.clock);
            if (times.size() > 4 && now.clock - times[times.size() - 5] < t.faw) return complain(now, "tFAW");
        } else if (kind == 'P') {
            if (open.erase(bank) == 0) return complain(now, "precharge of an open bank");
        } else if (kind == 'Q') {
            std::erase_if(open, [&](const auto& entry) { return entry.first[0] == now.rank; });
        } else if (kind == 'F') {
            for (const auto& [place, row] : open) {
                if (place[0] == now.rank) return complain(now, "refresh of closed banks");
            }
            // JEDEC lets eight refreshes be postponed; this controller puts one off only until the accesses
            // that already have their rows are served.
            if (now.clock - refreshed[now.rank] > 2 * t.refi) return complain(now, "tREFI");
            refreshed[now.rank] = now.clock;
        } else {
            const auto found = open.find(bank);
            if (found == open.end() || found->second != now.row)
                return complain(now, "column of the open row");
            const auto data = now.clock + (kind == 'R' || kind == 'r' ? t.cl : t.cwl);
            const auto gap = data_rank >= 0 && data_rank != now.rank ? t.rank_gap : 0;
            if (data < data_end + gap) return complain(now, "data one behind the other");
            data_end = data + t.burst_length / 2;
            data_rank = now.rank;
            if (kind == 'r' || kind == 'w') open.erase(bank);
        }
    }
    return "";
}

}  // namespace tilewright::test
