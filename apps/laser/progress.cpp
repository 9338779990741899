#include "progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "terminal.hpp"

namespace laser {
namespace {

/// Whether a line can be drawn over: not in a file, and not on a terminal that knows no control sequences.
bool can_redraw() {
  const char* kind = std::getenv("TERM");
  return isatty(STDERR_FILENO) == 1 && kind != nullptr && *kind != '\0' && std::string_view(kind) != "dumb";
}

/// Seconds that the rest will take, once enough is done to tell: nothing is known from a first moment, which
/// also loads and warms up.
double seconds_left(double elapsed, double done, double total) {
  constexpr double kEnoughDone = 0.03, kEnoughTime = 120;
  const bool enough = done >= kEnoughDone * total || (elapsed > kEnoughTime && done > 0);
  return enough ? elapsed * (total - done) / done : NAN;
}

}  // namespace

ProgressLine::ProgressLine(std::string label, bool quiet)
    : label_(std::move(label)), quiet_(quiet), terminal_(can_redraw()) {
  next_ += std::chrono::milliseconds(terminal_ ? 200 : 10000);
}

ProgressLine::~ProgressLine() { clear(); }

void ProgressLine::show(double done, double total, const std::string& note) {
  if (quiet_) return;
  const std::scoped_lock lock(mutex_);
  const auto now = Clock::now();
  if (first_ < 0) {  // a run that goes on was not done in this time
    first_ = done;
    first_time_ = now;
  }
  if (now < next_) return;
  next_ = now + std::chrono::milliseconds(terminal_ ? 200 : 10000);
  const double elapsed = std::chrono::duration<double>(now - start_).count();
  const double left =
      seconds_left(std::chrono::duration<double>(now - first_time_).count(), done - first_, total - first_);
  auto text = fmt::format("{} {:3.0f}%  {} elapsed, {} left  {}", label_, 100 * done / total,
                          duration_text(elapsed), std::isfinite(left) ? duration_text(left) : "?", note);
  if (terminal_) {
    text.resize(std::min(text.size(), terminal_width(STDERR_FILENO) - 1));  // a full line would begin another
    std::fprintf(stderr, "\r\033[K%s", text.c_str());
    std::fflush(stderr);
    drawn_ = true;
  } else {
    std::fprintf(stderr, "%s\n", text.c_str());
  }
}

void ProgressLine::clear() {
  const std::scoped_lock lock(mutex_);
  if (drawn_) std::fprintf(stderr, "\r\033[K");
  drawn_ = false;
}

std::string duration_text(double seconds) {
  const auto whole = static_cast<long>(std::llround(seconds));
  if (whole >= 3600) return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

}  // namespace laser
