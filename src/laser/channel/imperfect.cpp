// What is left of phases and timing after synchronisation, and transmitters whose peaks are
// clipped: around any channel, without its knowledge. Weights and budgets are those of the channel;
// symbols meet something else.
//
// Two real symbols are the parts of one complex symbol, that is the symbols 2j and 2j + 1 of a group;
// a worker's complex symbols are on subcarriers of frequencies nu_j spread evenly over -1/2 .. 1/2 of
// the symbol rate. Given the weights w_i of the channel, with S = sum_i w_i s_i (and E over the draws
// of phase and timing):
//
//   phase   e^(j phi_i), phi_i ~ N(0, s^2):             E = c S, E ||error||^2 = (1 - c)^2 ||S||^2
//                                                       + (1 - c^2) sum_i w_i^2 N_i^2,  c = exp(-s^2/2)
//   timing  e^(2 pi j nu tau_i), tau_i ~ N(0, t^2):     the same in every symbol, c = exp(-2 pi^2 nu^2 t^2);
//                                                       the mean of c over the band is erf(pi
//                                                       t/sqrt(2))/(sqrt(2 pi) t)
//   peaks   clipped at sqrt(q) times the rms symbol:    for normal symbols the part c of a message is left,
//           c = erf(sqrt(q/2)), and N_i^2 (c - sqrt(2q/pi) exp(-q/2) + q (1 - c)) of its energy
#include <cmath>

#include "laser/channel/models.hpp"

namespace laser {

class Imperfect final : public Channel {
 public:
  Imperfect(std::shared_ptr<const Channel> channel, const LinkOptions& options)
      : channel_(std::move(channel)),
        phase_error_(options.phase_error),
        timing_error_(options.timing_error),
        peak_ratio_(options.peak_ratio) {
    const auto is = channel_->traits();
    if (!is.aligned) phase_error_ = timing_error_ = 0;
    if (!is.noisy || is.digital || is.as_energies) peak_ratio_ = 0;
  }

  [[nodiscard]] Link draw(const StreamKey& key, std::vector<char> present) const override {
    constexpr std::uint32_t kPhases = 1U << 20, kDelays = kPhases + 1;  // units that no channel uses
    auto link = channel_->draw(key, std::move(present));
    const std::size_t workers = link.gain.size();
    StreamKey own = key;
    if (phase_error_ > 0) {
      own.unit = kPhases;
      link.phase.resize(workers, 0.0);
      for (std::size_t i = 0; i < workers; ++i) link.phase[i] += phase_error_ * random_normal(own, i);
    }
    if (timing_error_ > 0) {
      own.unit = kDelays;
      link.delay.resize(workers, 0.0);
      for (std::size_t i = 0; i < workers; ++i) link.delay[i] += timing_error_ * random_normal(own, i);
    }
    if (peak_ratio_ > 0) link.peak_ratio = peak_ratio_;
    return link;
  }
  [[nodiscard]] ChannelTraits traits() const override { return channel_->traits(); }
  [[nodiscard]] std::vector<double> bits(const Link& link, double symbols,
                                         std::span<const double> energies) const override {
    return channel_->bits(link, symbols, energies);
  }
  void check(std::int64_t workers, std::int64_t rounds) const override { channel_->check(workers, rounds); }

 private:
  void scale(const Link& link, std::span<const double> norms, std::span<const double> energies,
             Superposition& result) const override {
    channel_->scale(link, norms, energies, result);
  }

  std::shared_ptr<const Channel> channel_;
  double phase_error_, timing_error_, peak_ratio_;
};

namespace {

bool imperfect(const LinkOptions& options) {
  return options.phase_error != 0 || options.timing_error != 0 || options.peak_ratio != 0;
}

}  // namespace

std::unique_ptr<Channel> make_imperfect(std::unique_ptr<Channel> channel, const LinkOptions& options) {
  if (!imperfect(options)) return channel;
  return std::make_unique<Imperfect>(std::move(channel), options);
}

std::shared_ptr<const Channel> with_imperfections(std::shared_ptr<const Channel> channel,
                                                  const LinkOptions& options) {
  if (!imperfect(options)) return channel;
  return std::make_shared<Imperfect>(std::move(channel), options);
}

}  // namespace laser
