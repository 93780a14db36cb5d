// SPDX-License-Identifier: Apache-2.0
// A progress bar on standard error, for people at a terminal only.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace tilewright::sweeps {

struct ProgressState {
    std::size_t total = 0;
    std::size_t done = 0;    // including reused
    std::size_t reused = 0;  // were there from the start: they say nothing about the speed
    double elapsed_s = 0.0;
    double preparation_s = 0.0;  // before that
};

// "[=====>     ]  45/100  45 %  12.3 points/s  4 s left", without line ends; `color` adds ANSI colours.
std::string format_progress(const ProgressState& state, bool color);

// "100 points in 8.1 s: 55 computed (6.8 points/s), 45 from the store", and, if there was any, "; numerics
// before that: 2.2 s"
std::string format_summary(const ProgressState& state);

class Progress {
  public:
    enum class Show {
        automatic,  // a bar if standard error is a terminal, else one line at the end
        nothing
    };

    // Honours NO_COLOR and TERM=dumb.
    Progress(std::size_t total, Show show, std::chrono::duration<double> preparation);

    void advance(std::size_t points = 1);         // points computed
    void advance_reused(std::size_t points = 1);  // points found in the store
    void refresh();                               // redraws at most ten times a second
    void finish();                                // removes the bar and prints the summary line

  private:
    using Clock = std::chrono::steady_clock;
    void draw();

    ProgressState state_;
    Show show_;
    bool terminal_ = false;
    bool color_ = false;
    std::size_t drawn_width_ = 0;
    Clock::time_point start_;
    Clock::time_point last_drawn_;
};

}  // namespace tilewright::sweeps
