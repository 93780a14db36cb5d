// SPDX-License-Identifier: Apache-2.0
// Who is called when, against a list that is searched through, and against the kernel's own time.
#include <algorithm>
#include <memory>
#include <optional>
#include <random>
#include <systemc>
#include <vector>

#include <catch2/catch.hpp>

#include "accel/simulation/simulation_context.hpp"
#include "memory/agenda.hpp"
#include "memory/simulation_time.hpp"

using namespace tilewright::memory;

namespace {

struct Call {
    TimeFs time = 0;
    std::size_t member = 0;

    friend bool operator==(const Call&, const Call&) = default;
};

// Members that, when they are called, notify and cancel each other as the dice fall. Few different delays, so
// that much comes at the same time.
class Crowd {
  public:
    static constexpr std::size_t size = 9;
    std::vector<Call> calls;

    explicit Crowd(unsigned seed) : dice_(seed) {}
    virtual ~Crowd() = default;

  protected:
    void act(TimeFs now, std::size_t member) {
        calls.push_back({now, member});
        if (calls.size() >= 3000) return;
        for (auto i = roll(4); i > 0; --i) {
            const auto other = roll(size);
            if (roll(5) == 0) {
                take_back(other);
            } else {
                ask(other, static_cast<TimeFs>(roll(6)));
            }
        }
        ask(roll(size), static_cast<TimeFs>(1 + roll(20)));
    }
    virtual void ask(std::size_t member, TimeFs delay) = 0;
    virtual void take_back(std::size_t member) = 0;

  private:
    std::size_t roll(std::size_t sides) { return dice_() % sides; }

    std::mt19937 dice_;
};

class CrowdOfAgenda : public Crowd {
  public:
    CrowdOfAgenda(unsigned seed, TimeFs quantum) : Crowd(seed), agenda_("agenda", quantum) {
        for (std::size_t i = 0; i < size; ++i) members_.push_back(std::make_unique<Member>(*this, i));
        ask(0, 3);
        sc_core::sc_start();
        latest = agenda_.now();
        kernel_time = simulation_time();
    }
    TimeFs latest = 0;
    TimeFs kernel_time = 0;
    TimeFs ahead = 0;  // of the kernel, at most

  private:
    struct Member : Agenda::Member {
        Member(CrowdOfAgenda& all, std::size_t number)
            : Agenda::Member(all.agenda_), crowd(all), index(number) {}
        void called() override {
            crowd.ahead = std::max(crowd.ahead, now() - simulation_time());
            crowd.act(now(), index);
        }
        void ask(TimeFs delay) { notify(delay); }
        void take_back() { cancel(); }

        CrowdOfAgenda& crowd;
        std::size_t index;
    };

    void ask(std::size_t member, TimeFs delay) override { members_[member]->ask(delay); }
    void take_back(std::size_t member) override { members_[member]->take_back(); }

    tilewright::accel::SimulationContext context_;
    Agenda agenda_;
    std::vector<std::unique_ptr<Member>> members_;
};

// The rules of sc_event in a few lines: an earlier notification stays, one without delay waits for the next
// round at the same time, and of those at the same time the one that was made first goes first.
class CrowdOfList : public Crowd {
  public:
    explicit CrowdOfList(unsigned seed) : Crowd(seed), pending_(size) {
        ask(0, 3);
        for (;;) {
            std::optional<Notice> first;
            for (const auto& notice : pending_) {
                if (notice && (!first || notice->time < first->time ||
                               (notice->time == first->time && notice->round < first->round))) {
                    first = notice;
                }
            }
            if (!first) return;
            now_ = first->time;
            round_ = first->round;
            std::vector<std::pair<int, std::size_t>> due;
            for (std::size_t i = 0; i < size; ++i) {
                auto& notice = pending_[i];
                if (!notice || notice->time != now_ || notice->round != round_) continue;
                due.emplace_back(notice->number, i);
                notice.reset();
            }
            std::sort(due.begin(), due.end());
            for (const auto& [number, member] : due) act(now_, member);
        }
    }

  private:
    struct Notice {
        TimeFs time = 0;
        int round = 0;  // 0: for that time from before
        int number = 0;
    };

    void ask(std::size_t member, TimeFs delay) override {
        auto& notice = pending_[member];
        const Notice fresh{now_ + delay, delay == 0 ? round_ + 1 : 0, ++number_};
        const bool earlier = notice && (notice->time < fresh.time ||
                                        (notice->time == fresh.time && notice->round <= fresh.round));
        if (!earlier) notice = fresh;
    }
    void take_back(std::size_t member) override { pending_[member].reset(); }

    TimeFs now_ = 0;
    int round_ = 0;
    int number_ = 0;
    std::vector<std::optional<Notice>> pending_;
};

// A process of SystemC that looks at its clock.
struct Watch : sc_core::sc_module {
    SC_HAS_PROCESS(Watch);
    explicit Watch(sc_core::sc_module_name name, std::vector<TimeFs>& seen) : sc_module(name), times(seen) {
        SC_METHOD(look);
    }
    void look() {
        times.push_back(simulation_time());
        if (times.size() < 5) next_trigger(to_sc_time(40));
    }
    std::vector<TimeFs>& times;
};

}  // namespace

TEST_CASE("an agenda calls its members in order, however far it runs ahead") {
    for (unsigned seed = 0; seed < 40; ++seed) {
        CAPTURE(seed);
        const CrowdOfList list(seed);
        REQUIRE(list.calls.size() >= 3000);
        for (const TimeFs quantum : {0, 1, 7, 1'000'000}) {
            CAPTURE(quantum);
            const CrowdOfAgenda agenda(seed, quantum);
            CHECK(agenda.calls == list.calls);
            CHECK(agenda.ahead <= quantum);
            CHECK(agenda.latest == list.calls.back().time);
            CHECK(agenda.kernel_time <= agenda.latest);
            CHECK(agenda.kernel_time + quantum >= agenda.latest);
        }
    }
}

TEST_CASE("the kernel's time goes on beside an agenda") {
    const tilewright::accel::SimulationContext context;
    Agenda agenda("agenda", 100);
    struct Ticker : Agenda::Member {
        explicit Ticker(Agenda& of) : Member(of) { notify(10); }
        void called() override {
            CHECK(now() >= simulation_time());
            CHECK(now() <= simulation_time() + 100);
            if (++count < 50) notify(10);
        }
        int count = 0;
    };
    Ticker ticker(agenda);
    std::vector<TimeFs> seen;
    const Watch watch("watch", seen);
    sc_core::sc_start();
    CHECK(ticker.count == 50);
    CHECK(agenda.now() == 500);
    CHECK(seen == std::vector<TimeFs>{0, 40, 80, 120, 160});
}
