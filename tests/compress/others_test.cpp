// The compressors and the feedback of other papers against their formulas, written out here with dense
// algebra: Ota-LC's parallel factors, AgeTop-k, A-DSGD's pilot, EFOBDA's memory (docs/arena.md).
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "laser/aggregate/aggregator.hpp"
#include "laser/compress/elementwise.hpp"
#include "laser/compress/low_rank.hpp"
#include "laser/core/layout.hpp"
#include "laser/kernels/normal.hpp"

namespace laser {
namespace {

constexpr std::int64_t kRows = 12, kColumns = 20, kRank = 2;

at::Tensor normal(at::IntArrayRef sizes, std::uint32_t unit) {
  auto numbers = at::empty(sizes, at::kDouble);
  fill_normal(std::span(numbers.data_ptr<double>(), static_cast<std::size_t>(numbers.numel())),
              {1, Purpose::kTest, 0, 0, unit});
  return numbers;
}

double squared(const at::Tensor& tensor) { return tensor.square().sum().item<double>(); }

/// A conversation about one matrix.
struct Conversation {
  explicit Conversation(const CompressorOptions& options) : compressor(make_compressor(options)) {
    at::set_num_threads(1);  // matrices of this size take longer with more
    layout.add("weight", {kRows, kColumns});
    shared = compressor->initial_state(layout.layers[0], 0, 5, at::kDouble);
    constants = compressor->constants(layout.layers[0], 0, 5, at::kDouble);
    exchange.layer = &layout.layers[0];
    exchange.seed = 5;
    exchange.shared = &shared;
    exchange.constants = &constants;
  }
  /// The blocks of symbols for messages [K, m, n].
  std::vector<at::Tensor> encode(const at::Tensor& messages) {
    exchange.message = messages;
    form_products(*compressor, exchange);
    return compressor->encode(exchange, 0).blocks;
  }
  /// The estimate [m, n] of what was received, [C, D] each; the state goes on.
  at::Tensor decode(const std::vector<at::Tensor>& received, double noise = 0, bool goes_on = true) {
    std::vector<Reception> blocks;
    for (const auto& values : received)
      blocks.push_back({values, std::vector<double>(static_cast<std::size_t>(values.size(0)), noise)});
    const auto decoded = compressor->decode(exchange, 0, blocks);
    auto estimate = at::zeros({kRows, kColumns}, at::kDouble);
    decoded.write(estimate);
    if (goes_on) {
      shared = decoded.shared;
      ++exchange.round;
    }
    return estimate;
  }
  at::Tensor exact_round(const at::Tensor& messages) {
    std::vector<at::Tensor> received;
    for (const auto& block : encode(messages)) received.push_back(block.mean(0));
    return decode(received);
  }

  Layout layout;
  std::unique_ptr<Compressor> compressor;
  NamedTensors shared, constants;
  Exchange exchange;
};

CompressorOptions parallel(double step) {
  CompressorOptions options;
  options.rank = kRank;
  options.transport = "parallel";
  options.factor_step = step;
  return options;
}

/// A (B B^T + mu I)^-1 with B [r, n], mu = 0.1 of the mean diagonal: for products A = X B^T what X ~ L B
/// leaves L to be.
at::Tensor least_squares(const at::Tensor& products, const at::Tensor& factor) {
  const auto gram = at::mm(factor, factor.t());
  return at::mm(products,
                at::linalg_inv(gram + 0.1 * gram.diagonal().mean() * at::eye(kRank, gram.options())));
}

// One step of each side from the last broadcast factors, mixed with them.
TEST(ParallelFactors, AreOneStepOfLeastSquaresFromTheLastOnes) {
  Conversation talk(parallel(0.3));
  const auto first = normal({1, kRows, kColumns}, 1), second = normal({1, kRows, kColumns}, 2);
  (void)talk.exact_round(first);
  const auto left = talk.shared.at("left"), right = talk.shared.at("right");  // [r, m] and [r, n]
  const auto estimate = talk.exact_round(second);
  const auto new_left = 0.7 * left.t() + 0.3 * least_squares(at::mm(second[0], right.t()), right);
  const auto new_right = 0.7 * right.t() + 0.3 * least_squares(at::mm(second[0].t(), left.t()), left);
  const auto expected = at::mm(new_left, new_right.t());
  EXPECT_LT(std::sqrt(squared(estimate - expected) / squared(expected)), 1e-12);
}

// A message of rank 1 that stays is found but for the ridge, 1/1.1 of it; a full step is not damped, and its
// scale never settles.
TEST(ParallelFactors, FindAMessageOfTheirRankThatStays) {
  const auto message = at::mm(normal({kRows, 1}, 3), normal({1, kColumns}, 4)).unsqueeze(0);
  auto options = parallel(0.5);
  options.rank = 1;
  Conversation damped(options);
  at::Tensor estimate;
  for (int t = 0; t < 40; ++t) estimate = damped.exact_round(message);
  EXPECT_LT(squared(estimate - message[0] / 1.1), 1e-12 * squared(message));
  options.factor_step = 1;
  Conversation full(options);
  (void)full.exact_round(message);
  full.shared["right"] = full.shared.at("right") * 3;  // a factor of the wrong length
  double shortest = 1e9, longest = 0;
  for (int t = 0; t < 8; ++t) {
    const double length = std::sqrt(squared(full.exact_round(message)) / squared(message));
    shortest = std::min(shortest, length);
    longest = std::max(longest, length);
  }
  EXPECT_GT(longest / shortest, 2.5);
}

// Noise a_j in column j of L and b_j of R: the estimate sum_j (l_j + g a_j z)(r_j + g b_j w)^T is
// unbiased with the error energy sum_j g^2 (a^2 m |r_j|^2 + b^2 n |l_j|^2) + g^4 a^2 b^2 m n. 20,000
// draws, 5 standard errors.
TEST(ParallelFactors, HaveTheStatedErrorUnderNoise) {
  constexpr double kStep = 0.5, kLeft = 0.05, kRight = 0.2;
  Conversation talk(parallel(kStep));
  (void)talk.exact_round(normal({3, kRows, kColumns}, 5));
  const auto blocks = talk.encode(normal({3, kRows, kColumns}, 6));
  const auto left = blocks[0].mean(0), right = blocks[1].mean(0);
  const auto clean = talk.decode({left, right}, 0, false);
  const auto l = talk.shared.at("left") * (1 - kStep) + left * kStep;
  const auto r = talk.shared.at("right") * (1 - kStep) + right * kStep;
  const double g = kStep * kStep;
  const double expected = g * (kLeft * kLeft * kRows * squared(r) + kRight * kRight * kColumns * squared(l)) +
                          g * g * kLeft * kLeft * kRight * kRight * kRows * kColumns * kRank;
  double energy = 0, squares = 0;
  auto sum = at::zeros({kRows, kColumns}, at::kDouble), spread = at::zeros_like(sum);
  constexpr int kDraws = 20000;
  for (int t = 0; t < kDraws; ++t) {
    const auto unit = static_cast<std::uint32_t>(100 + 2 * t);
    const auto error = talk.decode({left + kLeft * normal({kRank, kRows}, unit),
                                    right + kRight * normal({kRank, kColumns}, unit + 1)},
                                   0, false) -
                       clean;
    const double own = squared(error);
    energy += own / kDraws;
    squares += own * own / kDraws;
    sum += error;
    spread += error.square();
  }
  EXPECT_NEAR(energy, expected, 5 * std::sqrt((squares - energy * energy) / kDraws));
  const auto deviation = (spread / kDraws).div(kDraws).sqrt();
  EXPECT_LT((sum / kDraws / deviation).abs().max().item<double>(), 5);  // 240 means
}

CompressorOptions aged(double factor, double share) {
  CompressorOptions options;
  options.name = "age_top_k";
  options.compression_factor = factor;
  options.magnitude_share = share;
  return options;
}

/// The places that a round sends, from a message that says where it is.
std::vector<bool> sent_places(Conversation& talk, const at::Tensor& message) {
  const auto estimate = talk.exact_round(message).reshape({-1});
  std::vector<bool> places;
  for (std::int64_t j = 0; j < estimate.numel(); ++j) places.push_back(estimate[j].item<double>() != 0);
  return places;
}

// 240 coordinates, 24 a round. By age alone all have their turn every 10 rounds, in order; with half by
// magnitude the 12 largest stay and the others wait 19 rounds at most.
TEST(AgeTopK, SendsTheLargestAndThenThoseThatWaitedLongest) {
  const auto message = (normal({1, kRows, kColumns}, 7).abs() + 1).contiguous();
  Conversation turns(aged(0.1, 0));
  for (int t = 0; t < 20; ++t) {
    const auto places = sent_places(turns, message);
    for (std::size_t j = 0; j < places.size(); ++j)
      EXPECT_EQ(places[j], static_cast<int>(j) / 24 == t % 10) << t;
  }
  Conversation mixed(aged(0.1, 0.5));
  std::vector<int> waited(240, 0);
  for (int t = 0; t < 80; ++t) {
    const auto places = sent_places(mixed, message);
    int count = 0;
    for (std::size_t j = 0; j < places.size(); ++j) {
      count += places[j] ? 1 : 0;
      waited[j] = places[j] ? 0 : waited[j] + 1;
      EXPECT_LE(waited[j], 21) << t;
    }
    EXPECT_EQ(count, 24);
  }
  const auto heard = std::get<0>(message.reshape({-1}).sort(0, true));
  const auto last = mixed.exact_round(message).reshape({-1});
  for (std::int64_t j = 0; j < 240; ++j) {
    if (message.reshape({-1})[j].item<double>() >= heard[11].item<double>()) {
      EXPECT_NE(last[j].item<double>(), 0.0);
    }
  }
}

// Of b coordinates with noise of deviation s the error energy is b s^2, and the rest is left to the memory.
TEST(AgeTopK, HasTheNoiseOfWhatItSends) {
  Conversation talk(aged(0.25, 0.5));
  const auto messages = normal({3, kRows, kColumns}, 8);
  const auto block = talk.encode(messages)[0].mean(0);
  const auto clean = talk.decode({block}, 0, false);
  double energy = 0;
  constexpr int kDraws = 4000;
  for (int t = 0; t < kDraws; ++t) {
    const auto unit = static_cast<std::uint32_t>(50000 + t);
    energy += squared(talk.decode({block + 0.3 * normal({1, 60}, unit)}, 0.3, false) - clean) / kDraws;
  }
  EXPECT_NEAR(energy, 60 * 0.09, 5 * 60 * 0.09 * std::sqrt(2.0 / (60 * kDraws)));
  auto memory = messages.clone();
  talk.compressor->subtract_own(talk.exchange, memory);
  EXPECT_LT(squared(memory.mean(0) + clean - messages.mean(0)), 1e-24);
}

CompressorOptions pilot() {
  CompressorOptions options;
  options.name = "top_k_pilot";
  options.compression_factor = 0.5;
  return options;
}

// Workers at full power have the weights a_i; what is left after dividing by the pilot is A (sum a_i
// v_i / sum a_i).
TEST(Pilot, IsDividedByAndSaysTheWeights) {
  Conversation talk(pilot());
  const auto block = talk.encode(normal({2, kRows, kColumns}, 9))[0];  // [2, 1, 120]
  EXPECT_EQ(block.size(2), 120);
  EXPECT_EQ(talk.constants.at("transposed").size(1), 119);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(block[i][0][119].item<double>(), 1.0);
  const auto together = 0.9 * block[0] + 0.3 * block[1];
  const auto estimate = talk.decode({together.clone()}, 0.05, false);
  EXPECT_LT(squared(estimate - talk.decode({together * 7}, 0.35, false)), 1e-20 * squared(estimate));
  CompressorOptions plain;
  plain.name = "top_k_projection";
  plain.compression_factor = 0.5;
  plain.decoder = "amp";
  Conversation other(plain);
  other.constants = talk.constants;  // 119 projections
  const auto mean = together.narrow(1, 0, 119) / 1.2;
  EXPECT_LT(squared(estimate - other.decode({mean}, 0.05 / 1.2, false)), 1e-20 * squared(estimate));
  EXPECT_EQ(squared(talk.decode({-together}, 0.05, false)), 0.0) << "a pilot of the wrong sign says nothing";
}

// e = c (M - alpha sign(M)), alpha = mean |M|: what is left of M is at right angles to what was sent.
TEST(FittedFeedback, KeepsAShareOfWhatTheBestMultipleLeaves) {
  auto algorithm = method("efobda");
  algorithm.channel = "noiseless";
  algorithm.feedback_strength = 0.7;
  Layout layout;
  layout.add("weight", {kRows, kColumns});
  Solo solo(2);
  Aggregator aggregator(layout, algorithm, 1, solo, at::kDouble);
  const auto gradients = normal({2, kRows * kColumns}, 10);
  auto estimate = at::zeros({kRows * kColumns}, at::kDouble);
  aggregator.round(0, 1, gradients, estimate);
  for (int i = 0; i < 2; ++i) {
    const auto message = gradients[i];
    const auto expected = 0.7 * (message - message.abs().mean() * message.sign());
    EXPECT_LT(squared(aggregator.memory(0)[i].reshape({-1}) - expected), 1e-24);
  }
}

}  // namespace
}  // namespace laser
