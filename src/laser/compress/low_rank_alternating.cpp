// Transport `alternating` (spec 2.4 C; what the authors' code runs): one factor a round, half the symbols.
//
// Even rounds fix the left basis and send Q, odd rounds fix the right basis and send P. The basis of a round
// is the orthonormalised noisy factor of the round before.
#include <ATen/ATen.h>

#include "laser/compress/low_rank.hpp"

namespace laser {
namespace {

class AlternatingLowRank final : public LowRankCompressor {
 public:
  explicit AlternatingLowRank(const CompressorOptions& options)
      : LowRankCompressor(options, FactorsPerRound::one) {}

  [[nodiscard]] NamedTensors first_state(const Layer& layer, std::uint32_t index, std::uint64_t seed,
                                         at::ScalarType type) const override {
    return {{"left", shape_.first_factor(layer, Side::kLeft, seed, index, type)},
            {"right", shape_.first_factor(layer, Side::kRight, seed, index, type)}};
  }

  Projection projection(Exchange& exchange) const override {
    const auto basis = orthonormal_rows(shape_.start(exchange, even(exchange) ? Side::kLeft : Side::kRight),
                                        exchange.key(Purpose::kReplacement));
    exchange.scratch = {{"basis", basis}};
    return even(exchange) ? Projection{basis, {}} : Projection{{}, basis};
  }

  Message encode(Exchange& exchange, int) const override {
    const auto& products = exchange.products;
    return {{shape_.block(even(exchange) ? products.right : products.left)}, Message::Split::kByNorm, {}};
  }

  Decoded decode(Exchange& exchange, int, std::span<const Reception> received) const override {
    const auto& basis = exchange.scratch.at("basis");
    const auto factor = received[0].values.view({basis.size(0), -1});
    const Factors pair = even(exchange) ? Factors{basis, factor} : Factors{factor, basis};
    return {{}, pair, lasting({{"left", pair.left}, {"right", pair.right}})};
  }

  Factors own_factors(const Exchange& exchange) const override {
    const auto& basis = exchange.scratch.at("basis");
    return even(exchange) ? Factors{basis, exchange.products.right} : Factors{exchange.products.left, basis};
  }

 private:
  static bool even(const Exchange& exchange) { return exchange.round % 2 == 0; }
};

}  // namespace

std::unique_ptr<Compressor> make_alternating(const CompressorOptions& options) {
  return std::make_unique<AlternatingLowRank>(options);
}

}  // namespace laser
