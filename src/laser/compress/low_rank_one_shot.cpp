// Transport `one_shot` (spec 2.4 B; the paper's Algorithm 1 to the letter): both factors in one use of the
// channel.
//
// Every rank-one column has its own energy (Lemma 8), divided between P and Q (Lemma 7). For k > 1 the
// product of the mean factors is not the mean of the products: use it for k = 1 theory, the other transports
// for training.
#include <ATen/ATen.h>

#include <cmath>

#include "laser/compress/low_rank.hpp"

namespace laser {
namespace {

/// [K] Frobenius norms of [K, r, n], in double.
std::vector<double> batch_norms(const at::Tensor& factors) {
  const auto norms = factors.to(at::kDouble).pow(2).sum({1, 2}).sqrt().contiguous();
  return {norms.data_ptr<double>(), norms.data_ptr<double>() + norms.numel()};
}

class OneShotLowRank final : public Compressor {
 public:
  explicit OneShotLowRank(const CompressorOptions& options)
      : shape_(options), canonical_(options.canonical) {}

  [[nodiscard]] Traits traits() const override { return {.linear = false, .splits = true, .exact = false}; }
  [[nodiscard]] bool applies(const Layer& layer) const override { return shape_.applies(layer); }
  void check(const Layout& layout) const override { shape_.check(layout); }

  [[nodiscard]] NamedTensors initial_state(const Layer& layer, std::uint32_t index, std::uint64_t seed,
                                           at::ScalarType type) const override {
    return {{"right", shape_.first_factor(layer, Side::kRight, seed, index, type)}};
  }

  Message encode(Exchange& exchange, int) const override {
    const auto start =
        orthonormal_rows(shape_.start(exchange, Side::kRight), exchange.key(Purpose::kReplacement, 0));
    auto left =
        orthonormal_rows(project_columns(start, exchange.message), exchange.key(Purpose::kReplacement, 1));
    auto right = at::bmm(left, exchange.message);  // [K, r, n]
    auto content = batch_norms(right);             // ||P Q^T|| = ||Q|| while P is orthonormal
    if (canonical_) make_canonical(left, right);
    exchange.scratch = {{"left", left}, {"right", right}};
    return {{left, right}, Message::Split::kFactorPair, std::move(content)};
  }

  Decoded decode(Exchange&, int, std::span<const Reception> received) const override {
    const auto& left = received[0].values;
    const auto& right = received[1].values;
    return {at::mm(left.t(), right), {{"right", right}}};
  }

  void subtract_own(const Exchange& exchange, at::Tensor& memory) const override {
    subtract_product(memory, exchange.scratch.at("left"), exchange.scratch.at("right"));
  }

 private:
  /// Q = U S V^T, then p_j = s_j P v_j and q_j = u_j: the same product, orthogonal rank-one terms, and the
  /// least sum of ||p_j|| ||q_j||. Sign: the entry of largest magnitude of every q_j is positive.
  static void make_canonical(at::Tensor& left, at::Tensor& right) {
    const auto [u, s, vh] = at::linalg_svd(right.transpose(1, 2), false);  // [K, n, r], [K, r], [K, r, r]
    right = u.transpose(1, 2).contiguous();
    left = at::bmm(vh, left) * s.unsqueeze(2);
    const auto peak = right.gather(2, right.abs().argmax(2, true));
    const auto sign = at::where(peak < 0, -at::ones_like(peak), at::ones_like(peak));
    right = right * sign;
    left = left * sign;
  }

  LowRankShape shape_;
  bool canonical_;
};

}  // namespace

std::unique_ptr<Compressor> make_one_shot(const CompressorOptions& options) {
  return std::make_unique<OneShotLowRank>(options);
}

}  // namespace laser
