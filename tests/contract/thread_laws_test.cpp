// The same bits for every number of threads at sizes that LibTorch and the kernels share out over them: a
// tensor of 2^17 numbers and more, in float and in double, for every method, feedback, receiver and server
// rule but for the exceptions that docs/method.md names.
#include <gtest/gtest.h>

#include "laser/receive/server_rule.hpp"
#include "laws.hpp"

namespace laser::contract {
namespace {

constexpr std::int64_t kWorkers = 2;

Layout large_layout() {
  Layout layout;
  layout.add("large", {400, 350});
  layout.add("small", {7, 12});
  return layout;
}

/// Estimates and state after two rounds.
std::vector<at::Tensor> after_rounds(const Algorithm& algorithm, at::ScalarType type, int threads) {
  const int usual = at::get_num_threads();
  at::set_num_threads(threads);
  Solo solo(kWorkers);
  Aggregator aggregator(large_layout(), algorithm, 1, solo, type);
  std::vector<at::Tensor> result{run_rounds(aggregator, kWorkers, 0, 2, 1e6, type)};
  for (const auto& [name, tensor] : aggregator.state()) result.push_back(tensor.clone());
  at::set_num_threads(usual);
  return result;
}

void expect_same_bits(const std::string& what, const Algorithm& algorithm, bool in_double = true) {
  for (const auto type : {at::kFloat, at::kDouble}) {
    if (type == at::kDouble && !in_double) continue;
    const auto one = after_rounds(algorithm, type, 1);
    for (const int threads : {2, 3}) {
      const auto many = after_rounds(algorithm, type, threads);
      ASSERT_EQ(one.size(), many.size());
      for (std::size_t i = 0; i < one.size(); ++i)
        EXPECT_TRUE(at::equal(one[i], many[i]))
            << what << ", " << threads << " threads, " << at::toString(type);
    }
  }
}

TEST(Threads, EveryMethodHasTheSameBits) {
  for (const auto& recipe : recipes()) {
    auto algorithm = method(recipe.name);
    algorithm.compressor.compression_factor = 0.0005;  // projections are dense matrices
    // What LibTorch decomposes or solves is excepted (docs/method.md, Randomness).
    if (algorithm.filter.preconditioner != "none") continue;
    const auto& sends = algorithm.compressor;
    const bool solves = sends.name.starts_with("top_k_p") || sends.transport == "parallel";
    expect_same_bits(recipe.name, algorithm, !solves);
  }
}

TEST(Threads, EveryFeedbackAndReceiverHasTheSameBits) {
  for (const char* compressor : {"identity", "sign", "low_rank", "random_k"}) {
    for (const auto& feedback : feedbacks()) {
      for (const auto& receiver : receivers()) {
        auto algorithm = algorithm_of({.name = compressor, .rank = 2, .compression_factor = 0.4});
        algorithm.feedback = feedback.name;
        algorithm.receiver = receiver.name;
        if (feedback.name == "hold") algorithm.prediction = "matched";
        if (go_together(algorithm))
          expect_same_bits(std::string(compressor) + ' ' + feedback.name + ' ' + receiver.name, algorithm);
      }
    }
  }
}

TEST(Threads, EveryServerRuleHasTheSameBits) {
  const auto update = random_gradients(400, 350, 0, at::kFloat);
  const int usual = at::get_num_threads();
  for (const auto& rule : server_rules()) {
    if (rule.apply == nullptr || rule.name == "polar") continue;  // decomposed by LibTorch
    at::Tensor made[3];
    for (int i = 0; i < 3; ++i) {
      at::set_num_threads(i + 1);
      made[i] = update.clone();
      rule.apply(made[i]);
    }
    EXPECT_TRUE(at::equal(made[0], made[1]) && at::equal(made[0], made[2])) << rule.name;
  }
  at::set_num_threads(usual);
}

}  // namespace
}  // namespace laser::contract
