// Transport `parallel` (Ota-LC): both factors in one use of the channel, each refined from the last broadcast
// of the other, without orthonormalisation.
//
// With the common factors L [m, r] and R [n, r] a worker takes one step of alternating least squares on both,
//   L_i = M_i R (R^T R + mu I)^-1,   R_i = M_i^T L (L^T L + mu I)^-1,   mu = 0.1 of the mean diagonal,
// which are linear in M_i. The server mixes what it receives with the last ones, L <- (1 - g) L + g mean
// L_i and likewise R, g = factor_step, and estimates L R^T. A step of g = 1 never settles: a pair (a L,
// R / b) becomes (L b, R / a), so that its scale alternates; g = 1/2 is Newton's iteration for it.
// Neither mu nor g is settled by the paper's abstract; they are ours. For k > 1 the product of means is
// not the mean of products.
//
// Before anything was broadcast a worker refines one side after the other, from a random R that all
// share: L has the unit of the messages then and R has none, and it stays so. Without warm_start every
// round is like the first.
#include <ATen/ATen.h>

#include "laser/compress/low_rank.hpp"

namespace laser {
namespace {

/// mu relative to the mean diagonal: at low power columns of noise are nearly dependent, and an inverse
/// without mu makes runs diverge. The error memory keeps what mu leaves out.
constexpr double kRidge = 0.1;

/// Products B M^T of messages with a factor B [r, n] or [K, r, n], by the inverse of B B^T: [K, r, m], the
/// least squares for M ~ X^T B. A factor of zeros gives zeros.
at::Tensor solved(const at::Tensor& products, const at::Tensor& factor) {
  const auto wide = factor.to(at::kDouble);
  const auto peak = wide.abs().amax({-2, -1}, true);  // keeps the squares of huge and tiny numbers in range
  const auto unit = wide / at::where(peak > 0, peak, at::ones_like(peak));
  auto gram = at::matmul(unit, unit.transpose(-2, -1));
  const auto floor = gram.diagonal(0, -2, -1).mean(-1, true).unsqueeze(-1) * kRidge;
  gram = gram + at::eye(gram.size(-1), gram.options()) * at::where(floor > 0, floor, at::ones_like(floor));
  const auto solution =
      std::get<0>(at::linalg_solve_ex(gram, products.to(at::kDouble) / at::where(peak > 0, peak, 1.0)));
  return (solution / at::where(peak > 0, peak, at::ones_like(peak))).to(products.scalar_type()).contiguous();
}

class ParallelLowRank final : public LowRankCompressor {
 public:
  explicit ParallelLowRank(const CompressorOptions& options)
      : LowRankCompressor(options, FactorsPerRound::both), step_(options.factor_step) {}

  [[nodiscard]] Traits traits() const override {
    auto traits = LowRankCompressor::traits();
    traits.linear = false;
    return traits;
  }

  [[nodiscard]] NamedTensors first_state(const Layer& layer, std::uint32_t index, std::uint64_t seed,
                                         at::ScalarType type) const override {
    const auto right = shape_.first_factor(layer, Side::kRight, seed, index, type);
    return {{"left", at::zeros({right.size(0), layer.rows}, right.options())}, {"right", right}};
  }

  Projection projection(Exchange& exchange) const override {
    if (started(exchange)) return {exchange.shared->at("left"), exchange.shared->at("right")};
    return {{}, shape_.start(exchange, Side::kRight)};
  }

  Message encode(Exchange& exchange, int) const override {
    const auto& products = exchange.products;
    at::Tensor left, right;  // [K, r, m] and [K, r, n]
    if (started(exchange)) {
      left = solved(products.left, exchange.shared->at("right"));
      right = solved(products.right, exchange.shared->at("left"));
    } else {
      left = solved(products.left, shape_.start(exchange, Side::kRight));
      right = solved(at::bmm(left, exchange.message.to(left.scalar_type())), left);
    }
    exchange.scratch = {{"left", left}, {"right", right}};
    return {{left, right}, Message::Split::kFactorPair, norms_of_products({left, right})};
  }

  Decoded decode(Exchange& exchange, int, std::span<const Reception> received) const override {
    const auto left = mixed(exchange, "left", received[0].values);
    const auto right = mixed(exchange, "right", received[1].values);
    const bool nothing = at::count_nonzero(left).item<std::int64_t>() == 0;
    return {{}, {left, right}, nothing ? *exchange.shared : lasting({{"left", left}, {"right", right}})};
  }

  Factors own_factors(const Exchange& exchange) const override {
    return {mixed(exchange, "left", exchange.scratch.at("left")),
            mixed(exchange, "right", exchange.scratch.at("right"))};
  }

 private:
  /// Whether factors have been broadcast that this round starts from.
  [[nodiscard]] bool started(const Exchange& exchange) const {
    return shape_.warm_start && at::count_nonzero(exchange.shared->at("left")).item<std::int64_t>() > 0;
  }
  /// The factor from here on, where `refined` was received: [r, D], or [K, r, D] of each worker.
  [[nodiscard]] at::Tensor mixed(const Exchange& exchange, const char* side,
                                 const at::Tensor& refined) const {
    if (!started(exchange)) return refined;
    return exchange.shared->at(side) * (1 - step_) + refined * step_;
  }
  /// [K] ||L R^T|| of each worker, from the Gram matrices of its factors.
  static std::vector<double> norms_of_products(const Factors& factors) {
    const auto left = factors.left.to(at::kDouble), right = factors.right.to(at::kDouble);
    const auto squares =
        (at::bmm(left, left.transpose(1, 2)) * at::bmm(right, right.transpose(1, 2))).sum({1, 2});
    const auto norms = squares.clamp_min(0).sqrt().contiguous();
    return {norms.data_ptr<double>(), norms.data_ptr<double>() + norms.numel()};
  }

  double step_;
};

}  // namespace

std::unique_ptr<Compressor> make_parallel(const CompressorOptions& options) {
  return std::make_unique<ParallelLowRank>(options);
}

}  // namespace laser
