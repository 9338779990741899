// Transport `one_shot` (spec 2.4 B; the paper's Algorithm 1 to the letter): both factors in one
// use of the channel.
//
// Every rank-one column has its own energy (Lemma 8), divided between P and Q (Lemma 7). For k > 1
// the product of the mean factors is not the mean of the products: use it for k = 1 theory, the
// other transports for training.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "laser/compress/fused_pass.hpp"
#include "laser/compress/low_rank.hpp"

namespace laser {
namespace {

/// [K] Frobenius norms of [K, r, n], in double.
std::vector<double> batch_norms(const at::Tensor& factors) {
  const auto norms = factors.to(at::kDouble).pow(2).sum({1, 2}).sqrt().contiguous();
  return {norms.data_ptr<double>(), norms.data_ptr<double>() + norms.numel()};
}

class OneShotLowRank final : public LowRankCompressor {
 public:
  explicit OneShotLowRank(const CompressorOptions& options)
      : LowRankCompressor(options, FactorsPerRound::both),
        canonical_(options.canonical),
        split_(options.rank_allocation == "opt" ? Message::Split::kFactorPairOptimal
                                                : Message::Split::kFactorPair) {}

  [[nodiscard]] Traits traits() const override {
    auto traits = LowRankCompressor::traits();
    traits.linear = false;
    return traits;
  }

  [[nodiscard]] NamedTensors first_state(const Layer& layer, std::uint32_t index, std::uint64_t seed,
                                         at::ScalarType type) const override {
    return {{"right", shape_.first_factor(layer, Side::kRight, seed, index, type)}};
  }

  Projection projection(Exchange& exchange) const override {
    return {{},
            orthonormal_rows(shape_.start(exchange, Side::kRight), exchange.key(Purpose::kReplacement, 0)),
            true};
  }

  Message encode(Exchange& exchange, int) const override {
    const auto& products = exchange.products;  // M W and M^T M W
    auto left = orthonormal_rows(products.left, exchange.key(Purpose::kReplacement, 1));
    auto right = right_factor(left, products, exchange.message);
    auto content = batch_norms(right);  // ||P Q^T|| = ||Q|| while P is orthonormal
    // The round names what is not finite once it has the norms of the symbols; the SVD would only fail.
    const bool finite =
        std::all_of(content.begin(), content.end(), [](double norm) { return std::isfinite(norm); });
    if (canonical_ && finite) make_canonical(left, right);
    exchange.scratch = {{"left", left}, {"right", right}};
    return {{left, right}, split_, std::move(content)};
  }

  Decoded decode(Exchange&, int, std::span<const Reception> received) const override {
    const auto& left = received[0].values;
    const auto& right = received[1].values;
    return {{}, {left, right}, lasting({{"right", right}})};
  }

  Factors own_factors(const Exchange& exchange) const override {
    return {exchange.scratch.at("left"), exchange.scratch.at("right")};
  }

 private:
  /// M^T P^ [K, r, n] without reading M again: with P = P^ R, R upper triangular, it is (M^T P) R^-1. Where R
  /// is so ill-conditioned that this would lose digits, or a column of P^ replaced, or where M^T P, of the
  /// square of M's size, leaves the range of its type, M is read again.
  static at::Tensor right_factor(const at::Tensor& basis, const Factors& products,
                                 const at::Tensor& message) {
    const auto wide = at::bmm(basis, products.left.transpose(1, 2)).to(at::kDouble);  // R [K, r, r]
    const auto diagonal = wide.diagonal(0, 1, 2).abs();
    const auto fine = diagonal.amin(1) > 1e-3 * diagonal.amax(1);  // [K]; false where R is not finite
    const auto peak = products.right.abs().amax({1, 2});           // [K]
    const auto in_range = peak > 1e-30;                            // above the denormal numbers
    const bool usable = at::isfinite(peak).logical_and(in_range).logical_and(fine).all().item<bool>();
    if (!usable) return project_each(basis, message);
    const auto type = products.right.scalar_type();
    return at::linalg_solve_triangular(wide.triu().transpose(1, 2), products.right.to(at::kDouble), false)
        .contiguous()
        .to(type);
  }

  /// B_i M_i for every worker's own basis [K, r, m].
  static at::Tensor project_each(const at::Tensor& basis, const at::Tensor& message) {
    std::vector<at::Tensor> rows;
    for (std::int64_t i = 0; i < message.size(0); ++i) {
      rows.push_back(project(message[i].unsqueeze(0), {basis[i], {}}).right[0]);
    }
    return at::stack(rows);
  }

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

  bool canonical_;
  Message::Split split_;
};

}  // namespace

std::unique_ptr<Compressor> make_one_shot(const CompressorOptions& options) {
  return std::make_unique<OneShotLowRank>(options);
}

}  // namespace laser
