// Transport `two_phase` (spec 2.4 A; PowerSGD's order): send P, hear the common basis orth(P), then send Q.
//
// The basis is orthonormalised after the channel: doing it at each worker would destroy linearity.
#include <ATen/ATen.h>

#include "laser/compress/fused_pass.hpp"
#include "laser/compress/low_rank.hpp"

namespace laser {
namespace {

class TwoPhaseLowRank final : public LowRankCompressor {
 public:
  explicit TwoPhaseLowRank(const CompressorOptions& options)
      : LowRankCompressor(options, FactorsPerRound::both), phase_share_(options.phase_share) {}

  [[nodiscard]] std::vector<double> pass_shares() const override { return {phase_share_, 1 - phase_share_}; }

  [[nodiscard]] NamedTensors first_state(const Layer& layer, std::uint32_t index, std::uint64_t seed,
                                         at::ScalarType type) const override {
    return {{"right", shape_.first_factor(layer, Side::kRight, seed, index, type)}};
  }

  Projection projection(Exchange& exchange) const override {
    return {{},
            orthonormal_rows(shape_.start(exchange, Side::kRight), exchange.key(Purpose::kReplacement, 0))};
  }

  Message encode(Exchange& exchange, int pass) const override {
    if (pass == 0) return {{shape_.block(exchange.products.left)}, Message::Split::kByNorm, {}};
    auto& factors = exchange.scratch["factors"];
    factors = project(exchange.message, {exchange.scratch.at("basis"), {}}).right;
    return {{shape_.block(factors)}, Message::Split::kByNorm, {}};
  }

  Decoded decode(Exchange& exchange, int pass, std::span<const Reception> received) const override {
    const auto rank = shape_.rank_of(*exchange.layer);
    const auto factor = received[0].values.view({rank, -1});
    if (pass == 0) {
      exchange.scratch["basis"] = orthonormal_rows(factor, exchange.key(Purpose::kReplacement, 1));
      return {{}, {}, *exchange.shared};
    }
    return {{}, {exchange.scratch.at("basis"), factor}, lasting({{"right", factor}})};
  }

  Factors own_factors(const Exchange& exchange) const override {
    return {exchange.scratch.at("basis"), exchange.scratch.at("factors")};
  }

 private:
  double phase_share_;
};

}  // namespace

std::unique_ptr<Compressor> make_two_phase(const CompressorOptions& options) {
  return std::make_unique<TwoPhaseLowRank>(options);
}

}  // namespace laser
