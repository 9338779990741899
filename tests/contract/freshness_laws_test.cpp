// The law of freshness: whatever is random is drawn anew wherever it must be, and only there. Over rounds,
// tensors, passes, blocks, groups and workers, for every compressor and every channel; what is observed are
// numbers that were drawn, not the names of their streams.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <map>
#include <mutex>
#include <set>

#include "laser/channel/models.hpp"
#include "laws.hpp"

namespace laser::contract {
namespace {

constexpr std::int64_t kWorkers = 3;

/// Three tensors of one shape and two biases of one size: what differs between them is drawn, not given.
Layout twin_layout() {
  Layout layout;
  for (const char* name : {"a", "b", "c"}) layout.add(name, {9, 14});
  for (const char* name : {"p", "q"}) layout.add(name, {11});
  return layout;
}

/// The same gradient at every worker and in every tensor of one shape.
at::Tensor twin_gradients(std::uint32_t round = 0, at::ScalarType type = at::kDouble) {
  const auto matrix = random_gradients(1, 126, round)[0], vector = random_gradients(1, 11, round + 1000)[0];
  return at::cat({matrix, matrix, matrix, vector, vector}).expand({kWorkers, -1}).contiguous().to(type);
}

/// The addressed noise, with every number that it added.
class Recorder final : public NoiseSource {
 public:
  explicit Recorder(std::vector<std::vector<float>>& drawn) : drawn_(drawn) {}
  at::Tensor normal(at::IntArrayRef sizes, at::ScalarType type, const StreamKey& key) override {
    return noise_.normal(sizes, type, key);
  }
  void add(at::Tensor& values, std::span<const double> noise_std, const StreamKey& key) override {
    const auto before = values.clone();
    noise_.add(values, noise_std, key);
    const auto added = values - before;
    const std::lock_guard lock(mutex_);
    for (std::int64_t c = 0; c < added.size(0); ++c) {
      std::vector<float> row;
      for (std::int64_t j = 0; j < added.size(1); ++j)
        row.push_back(
            static_cast<float>(added[c][j].item<double>() / noise_std[static_cast<std::size_t>(c)]));
      drawn_.push_back(std::move(row));
    }
  }

 private:
  AddressedNoise noise_;
  std::vector<std::vector<float>>& drawn_;
  std::mutex mutex_;
};

/// How often three numbers in a row occur twice: a normal has 24 bits, three in a row do not agree by chance.
std::size_t repeats(const std::vector<std::vector<float>>& drawn) {
  std::set<std::array<std::uint32_t, 3>> seen;
  std::size_t count = 0;
  for (const auto& row : drawn) {
    for (std::size_t j = 0; j + 3 <= row.size(); ++j) {
      std::array<std::uint32_t, 3> words{};
      for (std::size_t n = 0; n < 3; ++n) words[n] = std::bit_cast<std::uint32_t>(row[j + n]);
      count += seen.insert(words).second ? 0 : 1;
    }
  }
  return count;
}

class FreshnessLaws : public testing::TestWithParam<Variant> {};
INSTANTIATE_TEST_SUITE_P(Registry, FreshnessLaws, testing::ValuesIn(variants()),
                         [](const auto& variant) { return variant.param.name; });

// Every symbol of every round has noise of its own. 6 rounds; the message is small beside the noise, so that
// the normals are had back from what was added to the last of their 24 bits.
TEST_P(FreshnessLaws, NoNumberOfTheNoiseIsDrawnTwice) {
  for (const char* mode : {"fast", "physical"}) {
    auto algorithm = algorithm_of(GetParam().options);
    algorithm.channel_mode = mode;
    algorithm.feedback = "none";
    std::vector<std::vector<float>> drawn;
    Solo solo(kWorkers);
    Aggregator aggregator(twin_layout(), algorithm, 1, solo, at::kDouble, std::make_unique<Recorder>(drawn));
    std::int64_t symbols = 0;
    for (std::int64_t t = 0; t < 6; ++t) {
      auto estimate = at::zeros({twin_layout().size}, at::kDouble);
      symbols += aggregator.round(t, 1e-3, twin_gradients(static_cast<std::uint32_t>(t)), estimate).symbols;
    }
    std::size_t numbers = 0;
    for (const auto& row : drawn) numbers += row.size();
    EXPECT_EQ(numbers, static_cast<std::size_t>(symbols)) << "one noise a symbol";
    EXPECT_EQ(repeats(drawn), 0U) << mode;
    double sum = 0, squares = 0;
    for (const auto& row : drawn) {
      for (const float z : row) {
        sum += static_cast<double>(z);
        squares += static_cast<double>(z) * static_cast<double>(z);
      }
    }
    // Mean and variance of what each symbol got, 5 standard errors.
    const auto n = static_cast<double>(numbers);
    EXPECT_NEAR(sum / n, 0, 5 / std::sqrt(n)) << mode;
    EXPECT_NEAR(squares / n, 1, 5 * std::sqrt(2 / n)) << mode;
  }
}

/// The symbols of workers with these messages [K, d] in the state before the first round, [K, symbols]. By
/// default what the compressor does to each number of a tensor: worker j of d has a single 1, at place j.
at::Tensor response(const CompressorOptions& options, std::int64_t round, std::uint32_t tensor,
                    std::uint64_t seed = 1, const at::Tensor& messages = at::eye(126, at::kDouble)) {
  static const auto layout = twin_layout();
  return first_symbols(*make_compressor(options), layout.layers[0], tensor, round, seed, messages);
}

/// Share of the numbers that two responses send in the same symbols, and with the same signs.
double same_places(const at::Tensor& a, const at::Tensor& b) {
  return (a != 0).eq(b != 0).all(1).to(at::kDouble).mean().item<double>();
}
double same_signs(const at::Tensor& a, const at::Tensor& b) {
  return at::sign(a.sum(1)).eq(at::sign(b.sum(1))).to(at::kDouble).mean().item<double>();
}

// Both ways: what the traits say is drawn is drawn anew (laws/compressor_laws.cpp as well), and all else is
// not.
TEST_P(FreshnessLaws, TheCompressorDrawsAnewWhereItSaysSoAndOnlyThere) {
  for (const bool warm : {true, false}) {
    auto options = GetParam().options;
    options.warm_start = warm;
    const auto traits = make_compressor(options)->traits();
    // Of random numbers: of a single 1 one_shot replaces the directions that are not there by drawn ones.
    const auto sent = [&](std::int64_t round, std::uint32_t tensor, std::uint64_t seed = 1) {
      return response(options, round, tensor, seed, random_gradients(3, 126, 0));
    };
    const auto one = sent(0, 0);
    EXPECT_TRUE(at::equal(one, sent(0, 0)));
    // Even and odd rounds of `alternating` send different factors.
    EXPECT_EQ(!at::equal(one, sent(2, 0)), traits.draws_rounds);
    EXPECT_EQ(!at::equal(one, sent(0, 1)), traits.draws_tensors);
    EXPECT_EQ(!at::equal(one, sent(0, 0, 2)), traits.draws_tensors) << "another seed";
    for (std::int64_t t = 1; t < 6 && traits.draws_rounds; ++t)
      EXPECT_FALSE(at::equal(sent(t, 0), sent(t - 1, 0))) << t;
  }
}

// The places and the signs of a sketch are drawn apart: neither may be left over from another round or tensor
// while the other is new. 126 numbers over 50 buckets: by chance 2 % lie in the same bucket, with a standard
// deviation of 1.2 %, and 50 % have the same sign, with one of 4.5 %.
TEST(Freshness, BucketsAndSignsOfASketchAreBothNew) {
  const CompressorOptions options{.name = "count_sketch", .compression_factor = 0.4};
  const auto one = response(options, 0, 0);
  for (const auto& other : {response(options, 1, 0), response(options, 0, 1), response(options, 1, 1)}) {
    EXPECT_LT(same_places(one, other), 0.10);
    EXPECT_NEAR(same_signs(one, other), 0.5, 0.225);
  }
}

// Random-K's sets of two rounds are independent: of b = 50 out of 126 an expected 19.8 are chosen
// twice, with a standard deviation of 2.7; and over 60 rounds every place is about as often
// chosen, 5 standard deviations.
TEST(Freshness, CoordinatesOfTwoRoundsAreIndependent) {
  const CompressorOptions options{.name = "random_k", .compression_factor = 0.4};
  const auto chosen = [&](std::int64_t t, std::uint32_t l) { return response(options, t, l).sum(1) != 0; };
  auto counts = at::zeros({126}, at::kDouble);
  for (std::int64_t t = 0; t < 60; ++t) {
    counts += chosen(t, 0).to(at::kDouble);
    EXPECT_NEAR(chosen(t, 0).logical_and(chosen(t + 1, 0)).sum().item<double>(), 19.8, 5 * 2.7) << t;
    EXPECT_NEAR(chosen(t, 0).logical_and(chosen(t, 1)).sum().item<double>(), 19.8, 5 * 2.7) << t;
  }
  const double share = 50.0 / 126, deviation = std::sqrt(60 * share * (1 - share));
  EXPECT_LT((counts - 60 * share).abs().max().item<double>(), 5 * deviation);
}

TEST_P(FreshnessLaws, NoNumberOfTheFirstStateIsThereTwice) {
  Solo solo(kWorkers);
  Aggregator aggregator(twin_layout(), algorithm_of(GetParam().options), 1, solo, at::kDouble);
  std::vector<std::vector<float>> numbers;
  for (const auto& [name, tensor] : aggregator.state()) {
    for (std::int64_t j = 0; j < tensor.size(0); ++j) {
      const auto row = tensor[j].to(at::kFloat).contiguous();
      if (at::count_nonzero(row).item<std::int64_t>() == 0) continue;  // not drawn: there is nothing yet
      numbers.emplace_back(row.data_ptr<float>(), row.data_ptr<float>() + row.numel());
    }
  }
  EXPECT_EQ(repeats(numbers), 0U);
}

// Stochastic rounding of a bfloat16 memory: new for each worker, tensor and round.
TEST(Freshness, MemoriesAreRoundedByDrawsOfTheirOwn) {
  auto algorithm = algorithm_of({.rank = 2});
  algorithm.memory = "bfloat16";
  Solo solo(kWorkers);
  std::vector<at::Tensor> memories;  // of the same numbers
  for (std::int64_t t = 0; t < 3; ++t) {
    Aggregator aggregator(twin_layout(), algorithm, 1, solo, at::kFloat);
    auto estimate = at::zeros({twin_layout().size});
    aggregator.round(t, 50.0, twin_gradients(0, at::kFloat), estimate);
    for (const char* name : {"memory/a", "memory/b", "memory/c"}) {
      for (std::int64_t i = 0; i < kWorkers; ++i) memories.push_back(aggregator.state().at(name)[i].clone());
    }
  }
  // Half of 126 numbers or so round the other way; by chance never as few as a tenth.
  for (std::size_t a = 0; a < memories.size(); ++a) {
    for (std::size_t b = 0; b < a; ++b)
      EXPECT_GT((memories[a] != memories[b]).to(at::kDouble).mean().item<double>(), 0.1) << a << ' ' << b;
  }
}

class FreshLinks : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Registry, FreshLinks, testing::ValuesIn([] {
                           std::vector<std::string> names;
                           for (const auto& entry : channels())
                             if (entry.needs.empty()) names.push_back(entry.name);
                           return names;
                         }()),
                         [](const auto& instance) { return instance.param; });

// Gains are drawn anew each round; for each tensor where that is asked for, and else once for all. They are
// those of `seed`, and of no worker twice.
TEST_P(FreshLinks, GainsAreDrawnAnewWhereTheyShould) {
  constexpr std::int64_t kMany = 8;
  const bool fades = channel_traits(GetParam()).fades;
  if (channel_traits(GetParam()).digital)
    return;  // it has no gains, and what is quantised is drawn each round
  for (const char* draw : {"round", "tensor"}) {
    auto algorithm = algorithm_of({.name = "identity"}, GetParam());
    algorithm.feedback = "none";
    algorithm.fading_draw = draw;
    algorithm.link.least_gain = 0;
    Solo solo(kMany);
    Aggregator aggregator(vectors(3, 20), algorithm, 1, solo, at::kDouble),
        other(vectors(3, 20), algorithm, 2, solo, at::kDouble);
    std::vector<Seen> rounds;
    for (std::int64_t t = 0; t < 4; ++t) rounds.push_back(seen(aggregator, t, kMany));
    rounds.push_back(seen(other, 0, kMany));
    // Where workers invert their gains the weights are all equal, and the energies
    // differ; elsewhere the reverse.
    const auto same = [](const Seen& a, const Seen& b) {
      double difference = (a.weights - b.weights).abs().max().item<double>();
      for (std::size_t i = 0; i < a.energy.size(); ++i)
        difference = std::max(difference, std::abs(a.energy[i] - b.energy[i]) / 1e16);
      return difference < 1e-5;
    };
    for (std::size_t a = 0; a < rounds.size(); ++a) {
      for (std::size_t b = 0; b < a; ++b) EXPECT_NE(same(rounds[a], rounds[b]), fades) << draw << a << b;
    }
    const auto weights = rounds[0].weights;
    const double over_tensors = (weights[0] - weights[1]).abs().max().item<double>() +
                                (weights[1] - weights[2]).abs().max().item<double>();
    const double over_workers = (weights[0] - weights[0].mean()).abs().max().item<double>();
    if (over_workers > 1e-5) {  // the gains are seen in the weights
      EXPECT_EQ(over_tensors > 1e-5, std::string(draw) == "tensor") << draw;
      const auto sorted = std::get<0>(weights[0].sort());
      EXPECT_GT((sorted.narrow(0, 1, kMany - 1) - sorted.narrow(0, 0, kMany - 1)).min().item<double>(), 1e-9)
          << "two workers have one gain";
    }
  }
}

// Who takes part and whose message is lost: anew each round, independently of each other and of the gains.
// 4,000 rounds of 8 workers. Of each, participation and loss halve who is heard: mean 2, and a worker is
// heard 1,000 times with a standard deviation of 27; two rounds agree on it with probability 5/8.
TEST(FreshPresence, SleepAndLossAreIndependentOfEachOtherAndOfTheGains) {
  constexpr std::int64_t kMany = 8;
  constexpr int kRounds = 4000;
  auto algorithm = algorithm_of({.name = "identity"}, "stat");  // weights h_i / (|A| mu)
  algorithm.feedback = "none";
  algorithm.participation = 0.5;
  algorithm.loss_rate = 0.5;
  Solo solo(kMany);
  Aggregator aggregator(vectors(1, 8), algorithm, 1, solo, at::kDouble);
  auto counts = at::zeros({kMany}, at::kDouble), last = at::zeros({kMany}, at::kBool);
  double gains = 0, heard_at_all = 0, agreements = 0;
  std::map<int, int> sizes;
  for (int t = 0; t < kRounds; ++t) {
    const auto weights = seen(aggregator, t, kMany).weights[0];
    const auto heard = weights.abs() > 1e-6;
    const auto count = heard.sum().item<std::int64_t>();
    ++sizes[static_cast<int>(count)];
    counts += heard.to(at::kDouble);
    if (t > 0) agreements += heard.eq(last).to(at::kDouble).sum().item<double>();
    last = heard;
    gains += weights.sum().item<double>() * static_cast<double>(count) * kRayleighMean;
    heard_at_all += static_cast<double>(count);
  }
  EXPECT_LE(sizes.rbegin()->first, kMany / 2) << "half of them sleep";
  EXPECT_LT((counts - kRounds / 4.0).abs().max().item<double>(), 5 * 27.4);
  // Of the 4 that are awake each is lost with probability 1/2: C(4, j) / 16 rounds with j of them.
  const double binomial[] = {1 / 16.0, 4 / 16.0, 6 / 16.0, 4 / 16.0, 1 / 16.0};
  for (int j = 0; j < 5; ++j)
    EXPECT_NEAR(sizes[j], kRounds * binomial[j], 5 * std::sqrt(kRounds * binomial[j] * (1 - binomial[j])))
        << j;
  const double pairs = kMany * (kRounds - 1.0);
  EXPECT_NEAR(agreements / pairs, 0.625, 5 * std::sqrt(0.625 * 0.375 / pairs));
  // The mean gain of those that are heard is that of all: a loss says nothing about the fading.
  EXPECT_NEAR(gains / heard_at_all, kRayleighMean, 5 * std::sqrt(kRayleighVariance / heard_at_all));
}

// Noise, gains, coordinates and first factors of one address have nothing in common: their streams have
// purposes of their own. Numbers of all of them for the same seed, round, tensor and unit.
TEST(Freshness, StreamsOfDifferentPurposesShareNoNumber) {
  std::vector<std::vector<float>> drawn;
  for (const auto purpose :
       {Purpose::kInitialWeights, Purpose::kShards, Purpose::kShuffle, Purpose::kWarmStart, Purpose::kNoise,
        Purpose::kIndices, Purpose::kSketch, Purpose::kProjection, Purpose::kReplacement, Purpose::kFading,
        Purpose::kRounding, Purpose::kQuantising}) {
    auto numbers = at::empty({200}, at::kFloat);
    fill_normal(std::span(numbers.data_ptr<float>(), 200), {1, purpose, 0, 0, 0});
    drawn.emplace_back(numbers.data_ptr<float>(), numbers.data_ptr<float>() + 200);
  }
  EXPECT_EQ(repeats(drawn), 0U);
}

}  // namespace
}  // namespace laser::contract
