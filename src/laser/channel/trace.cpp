// Gains that were measured or computed elsewhere: row t of the trace is the draw of round t.
//
// One antenna: workers compensate their phases and the server knows the sum of the gains, as in csir; what
// counts is |h_i|. Several antennas: workers know nothing, the server combines by s_a = sum_i h_ia of one
// common pilot, as in blind_mimo. Nothing is assumed about how gains are distributed, so the server divides
// by what its pilot tells it, sum_i g_i = sum_a |s_a|^2, and not by its mean A k: the weights add up to 1 in
// every round, in both cases. A gain of 0 (at all antennas) is a link that is down: that worker is silent.
#include <algorithm>
#include <cmath>
#include <complex>

#include "laser/channel/models.hpp"
#include "laser/core/fail.hpp"

namespace laser {
namespace {

/// Throws Error (data) where there are not as many gains as the trace says, or one of them is not finite.
void check_gains(const GainTrace& trace) {
  std::int64_t count = 1;
  bool fits = trace.rounds >= 0 && trace.workers > 0 && trace.antennas >= 0;
  for (const auto size : {trace.rounds, trace.workers, std::max<std::int64_t>(trace.antennas, 1)})
    fits = fits && !__builtin_mul_overflow(count, size, &count);
  if (!fits || std::ssize(trace.gains) != count) {
    fail(ExitCode::kData,
         "{} has {} gains, and says that it is one of {} rounds, {} workers and {} antennas. HINT: gains "
         "[rounds, workers, antennas]; 0 antennas: [rounds, workers]",
         trace.name, trace.gains.size(), trace.rounds, trace.workers, trace.antennas);
  }
  const auto bad = std::ranges::find_if(trace.gains, [](const std::complex<double>& gain) {
    return !std::isfinite(gain.real()) || !std::isfinite(gain.imag());
  });
  if (bad == trace.gains.end()) return;
  fail(ExitCode::kData, "gain {} of {} is not finite. HINT: 0 is a link that is down",
       bad - trace.gains.begin(), trace.name);
}

/// x_i = a s_i, decoded as y/(a sum g): g_i = |h_i|, or Re sum_a conj(s_a) h_ia in noise of variance
/// sum_a |s_a|^2 (spec 1.3, `csir` and `blind_mimo`).
class Trace final : public Channel {
 public:
  explicit Trace(std::shared_ptr<const GainTrace> trace) : trace_(std::move(trace)) {
    if (trace_) check_gains(*trace_);
  }

  [[nodiscard]] Link draw(const StreamKey& key, std::vector<char> present) const override {
    check(static_cast<std::int64_t>(present.size()), static_cast<std::int64_t>(key.round) + 1);
    const std::size_t workers = present.size();
    const auto antennas = static_cast<std::size_t>(std::max<std::int64_t>(trace_->antennas, 1));
    const auto row = std::span(trace_->gains).subspan(key.round * workers * antennas, workers * antennas);
    Link link{std::vector<double>(workers, 0.0), std::move(present)};
    for (std::size_t i = 0; i < workers; ++i) {
      double size = 0;
      for (std::size_t a = 0; a < antennas; ++a) size += std::abs(row[i * antennas + a]);
      if (size == 0) link.active[i] = 0;
      if (trace_->antennas == 0) link.gain[i] = size;
    }
    if (trace_->antennas == 0) return link;
    double pilots = 0;  // sum_a |s_a|^2
    std::vector<std::complex<double>> gains(workers);
    for (std::size_t a = 0; a < antennas; ++a) {
      for (std::size_t i = 0; i < workers; ++i) gains[i] = row[i * antennas + a];
      pilots += combine_antenna(gains, link);
    }
    link.air_noise = std::sqrt(pilots);
    if (pilots == 0) link.active.assign(workers, 0);  // they cancel each other: there is no pilot to go by
    return link;
  }

  [[nodiscard]] ChannelTraits traits() const override {
    return {.aligned = !trace_ || trace_->antennas == 0};
  }

  void check(std::int64_t workers, std::int64_t rounds) const override {
    if (!trace_) {
      fail(ExitCode::kConfiguration, "channel = 'trace' needs the file of its gains. HINT: gains=FILE");
    }
    if (workers != trace_->workers) {
      fail(ExitCode::kData,
           "{} has the gains of {} workers, and the run has {}. HINT: workers={}, or another trace",
           trace_->name, trace_->workers, workers, trace_->workers);
    }
    if (rounds > trace_->rounds) {
      fail(ExitCode::kData,
           "{} has the gains of {} rounds, and the run needs {}. HINT: a longer trace, or fewer epochs",
           trace_->name, trace_->rounds, rounds);
    }
  }

 private:
  void scale(const Link& link, std::span<const double> norms, std::span<const double> energies,
             Superposition& result) const override {
    scale_by_gains(link, norms, energies, result);
  }

  std::shared_ptr<const GainTrace> trace_;
};

}  // namespace

std::unique_ptr<Channel> make_trace(const LinkOptions& options) {
  return std::make_unique<Trace>(options.trace);
}

}  // namespace laser
