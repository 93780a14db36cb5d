// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <random>
#include <systemc>
#include <vector>

#include <catch2/catch.hpp>

#include "accel/simulation/agenda.hpp"
#include "accel/simulation/simulation_context.hpp"
#include "memory/burst_extension.hpp"

using namespace tilewright;
using accel::Agenda;
using memory::TimeFs;

namespace {

struct Called {
    TimeFs time = 0;
    std::size_t member = 0;

    friend bool operator==(const Called&, const Called&) = default;
};

// Members that, when they are called, notify and cancel each other as the dice fall. Few different delays, so
// that much comes at the same time.
class Crowd {
  public:
    static constexpr std::size_t size = 9;
    std::vector<Called> calls;

    explicit Crowd(unsigned seed) : dice_(seed) {}
    virtual ~Crowd() = default;

    void act(TimeFs now, std::size_t member) {
        calls.push_back({now, member});
        if (calls.size() >= 3000) return;
        for (auto i = roll(4); i > 0; --i) {
            const auto other = roll(size);
            if (roll(5) == 0) {
                cancel(other);
            } else {
                notify(other, static_cast<TimeFs>(roll(6)));
            }
        }
        notify(roll(size), static_cast<TimeFs>(1 + roll(20)));
    }

  protected:
    virtual void notify(std::size_t member, TimeFs delay) = 0;
    virtual void cancel(std::size_t member) = 0;

  private:
    std::size_t roll(std::size_t sides) { return dice_() % sides; }

    std::mt19937 dice_;
};

class CrowdOfAgenda : public Crowd {
  public:
    explicit CrowdOfAgenda(unsigned seed) : Crowd(seed) {
        std::vector<Agenda::Member*> all;
        for (std::size_t i = 0; i < size; ++i) {
            members_.push_back(std::make_unique<Member>(*this, i));
            all.push_back(members_.back().get());
        }
        agenda_.assign(all);
        act(0, 0);
        agenda_.run();
    }

  private:
    struct Member : Agenda::Member {
        CrowdOfAgenda& crowd;
        std::size_t index;

        Member(CrowdOfAgenda& all, std::size_t number) : crowd(all), index(number) {}
        void on_done() override { crowd.act(crowd.agenda_.now(), index); }
    };

    void notify(std::size_t member, TimeFs delay) override { agenda_.notify(member, delay); }
    void cancel(std::size_t member) override { agenda_.cancel(member); }

    Agenda agenda_;
    std::vector<std::unique_ptr<Member>> members_;
};

class CrowdOfKernel : public Crowd {
  public:
    explicit CrowdOfKernel(unsigned seed) : Crowd(seed) {
        for (std::size_t i = 0; i < size; ++i) {
            members_.push_back(std::make_unique<Member>(sc_core::sc_gen_unique_name("member"), *this, i));
        }
        starter_ = std::make_unique<Starter>("starter", *this);
        sc_core::sc_start();
    }

  private:
    struct Member : sc_core::sc_module {
        CrowdOfKernel& crowd;
        std::size_t index;
        sc_core::sc_event event;

        SC_HAS_PROCESS(Member);
        Member(sc_core::sc_module_name name, CrowdOfKernel& all, std::size_t number)
            : sc_module(name), crowd(all), index(number) {
            SC_METHOD(called);
            sensitive << event;
            dont_initialize();
        }
        void called() { crowd.act(memory::simulation_time(), index); }
    };
    struct Starter : sc_core::sc_module {
        CrowdOfKernel& crowd;

        SC_HAS_PROCESS(Starter);
        Starter(sc_core::sc_module_name name, CrowdOfKernel& all) : sc_module(name), crowd(all) {
            SC_METHOD(start);
        }
        void start() { crowd.act(0, 0); }
    };

    void notify(std::size_t member, TimeFs delay) override {
        members_[member]->event.notify(memory::to_sc_time(delay));
    }
    void cancel(std::size_t member) override { members_[member]->event.cancel(); }

    accel::SimulationContext context_;
    std::vector<std::unique_ptr<Member>> members_;
    std::unique_ptr<Starter> starter_;
};

}  // namespace

TEST_CASE("an agenda calls its members in the order in which the SystemC kernel calls processes") {
    for (unsigned seed = 0; seed < 50; ++seed) {
        CAPTURE(seed);
        const CrowdOfAgenda agenda(seed);
        const CrowdOfKernel kernel(seed);
        CHECK(agenda.calls.size() >= 3000);
        CHECK(agenda.calls == kernel.calls);
    }
}
