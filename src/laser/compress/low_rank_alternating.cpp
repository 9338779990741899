// Transport `alternating` (spec 2.4 C; what the authors' code runs): one factor a round, half the symbols.
//
// Even rounds fix the left basis and send Q, odd rounds fix the right basis and send P. The basis of a round
// is the orthonormalised noisy factor of the round before.
#include <ATen/ATen.h>

#include "laser/compress/low_rank.hpp"

namespace laser {
namespace {

class AlternatingLowRank final : public Compressor {
 public:
  explicit AlternatingLowRank(const CompressorOptions& options) : shape_(options) {}

  [[nodiscard]] Traits traits() const override { return {.linear = true, .splits = true, .exact = false}; }
  [[nodiscard]] bool applies(const Layer& layer) const override { return shape_.applies(layer); }
  void check(const Layout& layout) const override { shape_.check(layout); }

  [[nodiscard]] NamedTensors initial_state(const Layer& layer, std::uint32_t index, std::uint64_t seed,
                                           at::ScalarType type) const override {
    return {{"left", shape_.first_factor(layer, Side::kLeft, seed, index, type)},
            {"right", shape_.first_factor(layer, Side::kRight, seed, index, type)}};
  }

  Message encode(Exchange& exchange, int) const override {
    const bool even = exchange.round % 2 == 0;
    const auto basis = orthonormal_rows(shape_.start(exchange, even ? Side::kLeft : Side::kRight),
                                        exchange.key(Purpose::kReplacement));
    const auto factors =
        even ? project_rows(basis, exchange.message) : project_columns(basis, exchange.message);
    exchange.scratch = {{"basis", basis}, {"factors", factors}};
    return {{shape_.block(factors)}, Message::Split::kByNorm, {}};
  }

  Decoded decode(Exchange& exchange, int, std::span<const Reception> received) const override {
    const auto& basis = exchange.scratch.at("basis");
    const auto factor = received[0].values.view({basis.size(0), -1});
    if (exchange.round % 2 == 0) return {at::mm(basis.t(), factor), {{"left", basis}, {"right", factor}}};
    return {at::mm(factor.t(), basis), {{"left", factor}, {"right", basis}}};
  }

  void subtract_own(const Exchange& exchange, at::Tensor& memory) const override {
    const auto& basis = exchange.scratch.at("basis");
    const auto& factors = exchange.scratch.at("factors");
    if (exchange.round % 2 == 0) {
      subtract_product(memory, basis, factors);
    } else {
      subtract_product(memory, factors, basis);
    }
  }

 private:
  LowRankShape shape_;
};

}  // namespace

std::unique_ptr<Compressor> make_alternating(const CompressorOptions& options) {
  return std::make_unique<AlternatingLowRank>(options);
}

}  // namespace laser
