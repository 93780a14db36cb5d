// SPDX-License-Identifier: Apache-2.0
#include "memory/dram/dram_trace.hpp"

#include <algorithm>

namespace tilewright::memory {

DramTraceResult run_dram_trace(const DramSpecification& specification, const DramControllerPolicy& policy,
                               const AddressMapping& mapping, const std::vector<DramTraceRequest>& requests) {
    DramTraceResult result;
    if (requests.empty()) return result;
    std::vector<DramCommandScheduler> channels(static_cast<std::size_t>(specification.organization.channels),
                                               DramCommandScheduler(specification, policy));
    std::vector<MemoryClock> ends(requests.size(), 0);
    std::vector<DramCommandScheduler::Completion> completions;
    const auto collect = [&](DramCommandScheduler& channel) {
        channel.take_completions(completions);
        for (const auto& done : completions) {
            auto& end = ends[static_cast<std::size_t>(done.id)];
            end = std::max(end, done.last);
        }
    };
    const auto access_bytes = specification.access_bytes();
    MemoryClock source = requests.front().clock;
    for (std::size_t i = 0; i < requests.size(); ++i) {
        const auto& request = requests[i];
        source = std::max(source, request.clock);
        const auto last = request.address + request.bytes - 1;
        for (auto at = request.address / access_bytes; at <= last / access_bytes; ++at) {
            const auto address = mapping.decode(at * access_bytes);
            auto& channel = channels[static_cast<std::size_t>(address.channel)];
            channel.advance(source);
            source = std::max(source, channel.advance_until_accepts(request.write));
            channel.enqueue(source, static_cast<std::int64_t>(i), request.write, address);
            collect(channel);
        }
    }
    result.first_arrival = requests.front().clock;
    for (auto& channel : channels) {
        channel.drain();
        collect(channel);
    }
    result.last_data = *std::max_element(ends.begin(), ends.end());
    for (const auto& channel : channels) {
        const auto& one = channel.statistics();
        result.channels.add(one);
        // What a channel waits before its first access and behind its last one.
        auto& idle = result.channels.losses[static_cast<std::size_t>(DramLoss::idle)];
        const auto used = one.reads + one.writes > 0 ? one.last_data - one.first_arrival : 0;
        idle += result.cycles() - used;
    }
    for (std::size_t i = 0; i < requests.size(); ++i) {
        const auto& request = requests[i];
        (request.write ? result.writes : result.reads) += 1;
        (request.write ? result.write_bytes : result.read_bytes) += request.bytes;
        if (request.write) continue;
        const auto latency = ends[i] - request.clock;
        result.read_latency_sum += latency;
        result.read_latency_min = result.reads == 1 ? latency : std::min(result.read_latency_min, latency);
        result.read_latency_max = std::max(result.read_latency_max, latency);
    }
    return result;
}

}  // namespace tilewright::memory
