// A-DSGD's projection and its three decoders against their formulas (spec 4.1), written out
// here with dense algebra.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>

#include "laser/compress/elementwise.hpp"
#include "laser/core/layout.hpp"
#include "laser/kernels/normal.hpp"

namespace laser {
namespace {

constexpr std::int64_t kSize = 240, kProjections = 120, kLargest = 60;  // compression factor 0.5

class TopKProjection : public testing::Test {
 protected:
  TopKProjection() {
    at::set_num_threads(1);  // matrices of this size take longer with more
    layout_.add("weight", {12, 20});
  }

  /// A compressor with that decoder, and an exchange of `message` [1, 12, 20].
  void open(const std::string& decoder, const at::Tensor& message) {
    CompressorOptions options;
    options.compression_factor = 0.5;
    options.decoder = decoder;
    compressor_ = make_top_k_projection(options);
    constants_ = compressor_->constants(layout_.layers[0], 3, 5, at::kDouble);
    exchange_ = {};
    exchange_.layer = &layout_.layers[0];
    exchange_.index = 3;
    exchange_.seed = 5;
    exchange_.message = message;
    exchange_.shared = &shared_;
    exchange_.constants = &constants_;
  }

  [[nodiscard]] at::Tensor matrix() const { return constants_.at("transposed").t(); }  // A [s, d]

  at::Tensor symbols() { return compressor_->encode(exchange_, 0).blocks[0].view({-1}).clone(); }

  at::Tensor decoded(const at::Tensor& received, double noise) {
    const Reception reception{received.view({1, -1}), {noise}};
    return compressor_->decode(exchange_, 0, std::span(&reception, 1)).estimate.reshape({-1});
  }

  Layout layout_;
  std::unique_ptr<Compressor> compressor_;
  NamedTensors shared_, constants_;
  Exchange exchange_;
};

at::Tensor normal(std::int64_t size, std::uint32_t unit) {
  auto numbers = at::empty({size}, at::kDouble);
  fill_normal(std::span(numbers.data_ptr<double>(), static_cast<std::size_t>(size)),
              {1, Purpose::kTest, 0, 0, unit});
  return numbers;
}

/// A message with `count` entries of +-1 at places that are spread out.
at::Tensor sparse_message(std::int64_t count) {
  auto message = at::zeros({1, 12, 20}, at::kDouble);
  for (std::int64_t i = 0; i < count; ++i) message.view({-1})[(7 + 29 * i) % kSize] = i % 2 == 0 ? 1.0 : -1.0;
  return message;
}

double distance(const at::Tensor& left, const at::Tensor& right) {
  return ((left - right).norm() / right.norm()).item<double>();
}

/// t A^T (t A A^T + sigma^2 I)^-1 y with the energy of an entry t estimated from ||y||.
at::Tensor reference_lmmse(const at::Tensor& a, const at::Tensor& y, double noise) {
  const auto s = static_cast<double>(a.size(0)), d = static_cast<double>(a.size(1));
  const double t = (y.dot(y).item<double>() - s * noise * noise) / d;
  const auto middle = t * at::mm(a, a.t()) + noise * noise * at::eye(a.size(0), at::kDouble);
  return t * at::mv(a.t(), at::linalg_solve(middle, y));
}

TEST_F(TopKProjection, SendsTheMatrixTimesTheLargestEntries) {
  const auto message = normal(kSize, 1).view({1, 12, 20});
  open("pinv", message);
  ASSERT_EQ(matrix().sizes(), (std::vector<std::int64_t>{kProjections, kSize}));
  // Which numbers they are is a promise: runs of other versions use the same matrix.
  auto numbers = at::empty({kSize, kProjections}, at::kDouble);
  fill_normal(std::span(numbers.data_ptr<double>(), kSize * kProjections),
              {5, Purpose::kProjection, 0, 3, 0});
  EXPECT_LT(distance(matrix().t() * std::sqrt(kProjections), numbers), 1e-12);
  // Entries N(0, 1/s): over 28,800 of them the mean square is within 5 standard errors (4 %) of 1/s.
  EXPECT_NEAR(matrix().pow(2).mean().item<double>() * kProjections, 1, 0.042);
  auto largest = at::zeros({kSize}, at::kDouble);
  const auto indices = std::get<1>(message.view({-1}).abs().topk(kLargest));
  largest.index_put_({indices}, message.view({-1}).index({indices}));
  EXPECT_LT(distance(symbols(), at::mv(matrix(), largest)), 1e-12);

  auto memory = message.clone();
  compressor_->subtract_own(exchange_, memory);
  EXPECT_LT(distance(memory.view({-1}), message.view({-1}) - largest), 1e-15);
}

TEST_F(TopKProjection, EqualEntriesAreChosenFromTheFront) {
  open("pinv", at::ones({1, 12, 20}, at::kDouble));
  auto first = at::zeros({kSize}, at::kDouble);
  first.narrow(0, 0, kLargest).fill_(1);
  EXPECT_LT(distance(symbols(), at::mv(matrix(), first)), 1e-12);
}

TEST_F(TopKProjection, PinvIsTheMinimumNormSolution) {
  open("pinv", sparse_message(50));
  const auto y = symbols();
  const auto estimate = decoded(y, 3.0);
  EXPECT_LT(distance(at::mv(matrix(), estimate), y), 1e-9);
  EXPECT_LT(distance(estimate, at::mv(at::linalg_pinv(matrix()), y)), 1e-9);
}

TEST_F(TopKProjection, LmmseIsItsFormula) {
  for (const double noise : {0.01, 0.3, 0.6}) {
    open("lmmse", sparse_message(50));
    const auto y = symbols() + noise * normal(kProjections, 2);
    EXPECT_LT(distance(decoded(y, noise), reference_lmmse(matrix(), y, noise)), 1e-8) << noise;
  }
}

TEST_F(TopKProjection, LmmseOfNothingButNoiseIsNothing) {
  open("lmmse", sparse_message(1));
  auto y = normal(kProjections, 3);
  y *= 0.9 * std::sqrt(kProjections) / y.norm();
  EXPECT_EQ(decoded(y, 1.0).abs().max().item<double>(), 0);
}

TEST_F(TopKProjection, AmpRecoversASparseMessage) {
  open("amp", sparse_message(12));
  const auto message = exchange_.message.view({-1});
  EXPECT_LT(distance(decoded(symbols(), 0), message), 1e-4);
  const double noise = 0.05;
  const auto y = symbols() + noise * normal(kProjections, 4);
  const double error = distance(decoded(y, noise), message);
  EXPECT_LT(error, 0.25);
  EXPECT_LT(error, 0.5 * distance(reference_lmmse(matrix(), y, noise), message));
}

TEST_F(TopKProjection, AmpIsItsIteration) {
  open("amp", sparse_message(40));
  const double noise = 0.1;
  const auto y = symbols() + noise * normal(kProjections, 5);
  // Soft thresholds at two standard deviations of the residual, the residual with its memory term;
  // the best iterate counts.
  auto x = at::zeros({kSize}, at::kDouble), z = y, best = x;
  double least = y.norm().item<double>();
  for (int iteration = 0; iteration < 30 && z.norm().item<double>() <= 3 * least; ++iteration) {
    const auto moved = at::mv(matrix().t(), z) + x;
    const auto threshold = 2 * z.norm() / std::sqrt(kProjections);
    x = at::where(moved > threshold, moved - threshold,
                  at::where(moved < -threshold, moved + threshold, at::zeros_like(moved)));
    z = y - at::mv(matrix(), x) + z * ((x != 0).sum().to(at::kDouble) / kProjections);
    if (z.norm().item<double>() < least) {
      least = z.norm().item<double>();
      best = x;
    }
  }
  ASSERT_GT(best.norm().item<double>(), 0);
  EXPECT_LT(distance(decoded(y, noise), best), 1e-9);
}

TEST_F(TopKProjection, SilenceIsDecodedAsNothing) {
  for (const char* decoder : {"pinv", "lmmse", "amp"}) {
    open(decoder, at::zeros({1, 12, 20}, at::kDouble));
    EXPECT_EQ(decoded(at::zeros({kProjections}, at::kDouble), 0).abs().max().item<double>(), 0) << decoder;
  }
}

TEST_F(TopKProjection, AMatrixOverTheLimitIsRefused) {
  CompressorOptions options;
  options.compression_factor = 0.5;
  Layout layout;
  layout.add("fits", {23170, 1});  // 11,585 x 23,170, just within 2^28
  EXPECT_NO_THROW(make_top_k_projection(options)->check(layout));
  layout.add("large", {23172, 1});
  EXPECT_THROW(make_top_k_projection(options)->check(layout), std::exception);
}

}  // namespace
}  // namespace laser
