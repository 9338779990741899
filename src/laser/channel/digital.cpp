// The digital baseline: workers send bits with a code that reaches the capacity of the channel, so that what
// they send is received exactly and nothing adds up in the air (spec 1.5).
//
// Workers take turns: of N symbols each of A active workers has N/A, into which it puts all its energy E_i,
// and gets N/(2A) log2(1 + A E_i/N) bits across [Amiri and Gunduz, arXiv 1901.00844, section III; Cover and
// Thomas, 15.3.6]. Where all have the same energy the sum over the workers is N/2 log2(1 + sum_i E_i/N),
// which is the most that any digital scheme can send over the multiple-access channel: no better way of
// sharing exists. A perfect code of any length, free of overhead, is more than a real link does.
#include <cmath>

#include "laser/channel/models.hpp"
#include "laser/core/fail.hpp"

namespace laser {
namespace {

class Digital final : public Channel {
 public:
  explicit Digital(const LinkOptions& options) : together_(options.access == "sum_capacity") {}
  [[nodiscard]] Link draw(const StreamKey& key, std::vector<char> present) const override {
    auto link = Channel::draw(key, std::move(present));
    link.air_noise = 0;  // the code takes care of it
    return link;
  }
  [[nodiscard]] ChannelTraits traits() const override { return {.aligned = false, .digital = true}; }

  [[nodiscard]] std::vector<double> bits(const Link& link, double symbols,
                                         std::span<const double> energies) const override {
    LASER_CHECK(energies.size() == link.active.size() && symbols > 0);
    std::vector<double> result(energies.size(), 0.0);
    if (!link.heard()) return result;
    const double turns = active_workers(link);
    double total = 0;
    for (std::size_t i = 0; i < energies.size(); ++i) total += link.active[i] != 0 ? energies[i] : 0.0;
    for (std::size_t i = 0; i < energies.size(); ++i) {
      const double energy = together_ ? total : turns * energies[i];
      if (link.active[i] != 0)
        result[i] = symbols / (2 * turns) * std::log1p(energy / symbols) / std::log(2.0);
    }
    return result;
  }

 private:
  /// Whoever sends spends its whole energy, which the bits were counted by.
  void scale(const Link& link, std::span<const double>, std::span<const double> energies,
             Superposition& result) const override {
    result.spent.assign(energies.size(), 0.0);
    for (std::size_t i = 0; i < energies.size(); ++i) {
      if (link.active[i] == 0) continue;
      result.amplitude[i] = 1;
      result.spent[i] = energies[i];
    }
    result.receive_scale = 1.0 / active_workers(link);
  }

  bool together_;
};

}  // namespace

std::unique_ptr<Channel> make_digital(const LinkOptions& options) {
  return std::make_unique<Digital>(options);
}

}  // namespace laser
