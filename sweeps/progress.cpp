// SPDX-License-Identifier: Apache-2.0
#include "sweeps/progress.hpp"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <fmt/format.h>
#include <unistd.h>

namespace tilewright::sweeps {
namespace {

constexpr std::chrono::milliseconds redraw_interval{100};
constexpr std::size_t bar_width = 28;  // leaves the line below 80 columns

double rate(const ProgressState& state) {
    const std::size_t computed = state.done - state.reused;
    return state.elapsed_s > 0.0 ? static_cast<double>(computed) / state.elapsed_s : 0.0;
}

std::string duration(double seconds) {
    const auto whole = std::llround(seconds);
    if (whole < 60) return fmt::format("{} s", whole);
    if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
    return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

bool colors_wanted() {
    const char* no_color = std::getenv("NO_COLOR");
    const char* terminal = std::getenv("TERM");
    return (no_color == nullptr || *no_color == '\0') && terminal != nullptr &&
           std::string_view(terminal) != "dumb";
}

}  // namespace

std::string format_progress(const ProgressState& state, bool color) {
    const double fraction =
        state.total == 0 ? 1.0 : static_cast<double>(state.done) / static_cast<double>(state.total);
    const auto filled = static_cast<std::size_t>(fraction * static_cast<double>(bar_width));
    std::string bar(filled, '=');
    if (filled < bar_width) bar += '>';
    bar.resize(bar_width, ' ');
    if (color) bar = "\x1b[36m" + bar + "\x1b[0m";
    const double points_per_s = rate(state);
    std::string line = fmt::format("[{}] {}/{}  {:.0f} %", bar, state.done, state.total, fraction * 100.0);
    if (points_per_s > 0.0) {
        line += fmt::format("  {:.3g} points/s", points_per_s);
        if (state.done < state.total)
            line += fmt::format("  {} left",
                                duration(static_cast<double>(state.total - state.done) / points_per_s));
    }
    return line;
}

std::string format_summary(const ProgressState& state) {
    const std::string counted = state.done == state.total ? fmt::format("{}", state.done)
                                                          : fmt::format("{} of {}", state.done, state.total);
    auto summary =
        fmt::format("{} points in {:.1f} s: {} computed ({:.3g} points/s), {} from the store", counted,
                    state.elapsed_s, state.done - state.reused, rate(state), state.reused);
    constexpr double shown_s = 0.05;  // what is not 0.0 with one digit
    if (state.preparation_s >= shown_s) {
        summary += fmt::format("; numerics before that: {:.1f} s", state.preparation_s);
    }
    return summary;
}

Progress::Progress(std::size_t total, Show show, std::chrono::duration<double> preparation)
    : show_(show),
      terminal_(::isatty(STDERR_FILENO) == 1),
      color_(colors_wanted()),
      start_(Clock::now()),
      last_drawn_(start_ - redraw_interval) {
    state_.total = total;
    state_.preparation_s = preparation.count();
}

void Progress::advance(std::size_t points) {
    state_.done += points;
    refresh();
}

void Progress::advance_reused(std::size_t points) {
    state_.reused += points;
    advance(points);
}

void Progress::refresh() {
    if (show_ == Show::nothing || !terminal_ || Clock::now() - last_drawn_ < redraw_interval) return;
    draw();
}

void Progress::draw() {
    last_drawn_ = Clock::now();
    state_.elapsed_s = std::chrono::duration<double>(last_drawn_ - start_).count();
    std::string line = format_progress(state_, color_);
    const std::size_t width = line.size();
    // Overwritten with blanks and not erased by an escape code, which a plain terminal would print.
    if (width < drawn_width_) line.append(drawn_width_ - width, ' ');
    drawn_width_ = width;
    fmt::print(stderr, "\r{}", line);
    std::fflush(stderr);
}

void Progress::finish() {
    if (show_ == Show::nothing) return;
    state_.elapsed_s = std::chrono::duration<double>(Clock::now() - start_).count();
    if (drawn_width_ > 0) fmt::print(stderr, "\r{}\r", std::string(drawn_width_, ' '));
    fmt::print(stderr, "{}\n", format_summary(state_));
    std::fflush(stderr);
    drawn_width_ = 0;
}

}  // namespace tilewright::sweeps
