// Unknown uniform phases and many receive antennas: the receiver knows only s_a = sum_i h_ia, from one pilot
// that all workers send together.
//
// The antennas y_a = sum_i h_ia x_i + Z_a, h_ia ~ CN(0, 1), are combined to Re sum_a conj(s_a) y_a. Noise is
// counted as in every other channel, N(0, 1) for each real number received: the real and the imaginary part
// of Z_a have variance 1 each. That is a real channel with the gains g_i = Re sum_a conj(s_a) h_ia and noise
// of variance sum_a |s_a|^2, which is what the link holds; dividing by A a k makes it unbiased, and the error
// falls with 1/A (spec 1.3). The pilot is heard without noise and is no symbol of the message.
#include <cmath>
#include <complex>
#include <numbers>

#include "laser/channel/models.hpp"

namespace laser {
namespace {

/// Combining over A antennas, decoded as Re(sum_a conj(s_a) y_a) / (A a k).
class BlindMimo final : public Channel {
 public:
  explicit BlindMimo(std::int64_t antennas) : antennas_(antennas) {}
  [[nodiscard]] Link draw(const StreamKey& key, std::vector<char> present) const override {
    const std::size_t workers = present.size();
    Link link{std::vector<double>(workers, 0.0), std::move(present)};
    std::vector<std::complex<double>> gains(workers);
    double pilots = 0;  // sum_a |s_a|^2
    for (std::int64_t a = 0; a < antennas_; ++a) {
      StreamKey own = key;
      own.unit = static_cast<std::uint32_t>(a);
      for (std::size_t i = 0; i < workers; ++i) {
        const double size = std::sqrt(-std::log(random_uniform(own, 2 * i)));
        gains[i] = std::polar(size, 2 * std::numbers::pi * random_uniform(own, 2 * i + 1));
      }
      pilots += combine_antenna(gains, link);
    }
    link.air_noise = std::sqrt(pilots);
    return link;
  }
  [[nodiscard]] ChannelTraits traits() const override { return {.fades = true, .aligned = false}; }

 private:
  void scale(const Link& link, std::span<const double> norms, std::span<const double> energies,
             Superposition& result) const override {
    const double scale = scale_alike(link, norms, energies, false, result);
    result.receive_scale = 1.0 / (static_cast<double>(antennas_) * scale * active_workers(link));
  }

  std::int64_t antennas_;
};

}  // namespace

std::unique_ptr<Channel> make_blind_mimo(const LinkOptions& options) {
  return std::make_unique<BlindMimo>(options.antennas);
}

}  // namespace laser
