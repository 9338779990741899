// Optimizers against PyTorch's own, where weight decay acts, clipping, and what lasts between steps.
#include "laser/train/optimizer.hpp"

#include <gtest/gtest.h>
#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>

#include <cmath>

#include "laser/core/error.hpp"
#include "laser/train/trainer.hpp"

namespace laser {
namespace {

constexpr std::int64_t kSize = 3 * 65536 + 17;  // several pieces and a rest

at::Tensor numbers(std::uint64_t seed) {
  auto generator = at::detail::createCPUGenerator(seed);
  return at::randn({kSize}, generator);
}

/// Parameters after `steps` steps of ours.
at::Tensor ours(Optimizer& optimizer, int first, int steps, at::Tensor parameters) {
  for (int t = first; t < first + steps; ++t) {
    auto estimate = numbers(static_cast<std::uint64_t>(100 + t));
    optimizer.step(parameters, estimate, 1e-2 / (1 + t));
  }
  return parameters;
}

/// The same of an optimizer of PyTorch's.
template <class Peer, class Options>
at::Tensor peers(const std::vector<std::pair<at::Tensor, Options>>& parts, int steps) {
  std::vector<torch::optim::OptimizerParamGroup> groups;
  for (const auto& [part, options] : parts)
    groups.emplace_back(std::vector<at::Tensor>{part}, std::make_unique<Options>(options));
  Peer peer(groups, parts.front().second);
  for (int t = 0; t < steps; ++t) {
    const auto gradient = numbers(static_cast<std::uint64_t>(100 + t));
    std::int64_t at = 0;
    for (auto& group : peer.param_groups()) {
      auto& part = group.params()[0];
      part.mutable_grad() = gradient.narrow(0, at, part.numel()).clone();
      at += part.numel();
      static_cast<Options&>(group.options()).lr(1e-2 / (1 + t));
    }
    peer.step();
  }
  std::vector<at::Tensor> results;
  for (const auto& [part, options] : parts) results.push_back(part.detach());
  return at::cat(results);
}

TEST(AdamW, IsPyTorchsWithDecayOnlyWhereAsked) {
  use_threads(1);
  const auto start = numbers(1);
  const std::int64_t cut = 70001;
  const auto optimizer =
      make_optimizer({.name = "adamw", .beta1 = 0.9, .beta2 = 0.95, .weight_decay = 0.5}, {{0, cut}});
  const auto mine = ours(*optimizer, 0, 7, start.clone());
  using Options = torch::optim::AdamWOptions;
  const auto options = Options(1e-2).betas({0.9, 0.95}).eps(1e-8);
  const auto part = [&](std::int64_t first, std::int64_t size) {
    return start.narrow(0, first, size).clone().set_requires_grad(true);
  };
  const auto peer =
      peers<torch::optim::AdamW, Options>({{part(0, cut), Options(options).weight_decay(0.5)},
                                           {part(cut, kSize - cut), Options(options).weight_decay(0)}},
                                          7);
  EXPECT_LE((mine - peer).abs().max().item<double>(), 2e-6);  // steps of up to 1e-2, numbers of up to 5
  EXPECT_GT((mine - start).abs().max().item<double>(), 1e-2);
}

// theta <- keep theta - lr m^ / (sqrt(v^) + eps), v of a matrix R C^T / mean with R and C the running means
// of the squares' rows and columns, of a vector as ever [Adafactor, arXiv 1804.04235].
TEST(AdamW, FactorsTheSecondMomentOfMatrices) {
  Layout layout;
  layout.add("a", {3, 4});
  layout.add("b", {5});
  const auto optimizer = make_optimizer({.name = "adamw",
                                         .beta1 = 0.8,
                                         .beta2 = 0.9,
                                         .epsilon = 1e-3,
                                         .second_moment = "factored",
                                         .weight_decay = 0.5},
                                        {{0, 12}}, layout);
  auto parameters = numbers(1).narrow(0, 0, 17).clone(), expected = parameters.to(at::kDouble);
  auto mean = at::zeros({17}, at::kDouble), rows = at::zeros({3, 1}, at::kDouble),
       columns = at::zeros({1, 4}, at::kDouble), vector = at::zeros({5}, at::kDouble);
  for (int t = 1; t <= 4; ++t) {
    auto estimate = numbers(static_cast<std::uint64_t>(10 + t)).narrow(0, 0, 17).clone();
    const auto g = estimate.to(at::kDouble);
    const auto square = g.narrow(0, 0, 12).view({3, 4}).square();
    mean = 0.8 * mean + 0.2 * g;
    rows = 0.9 * rows + 0.1 * square.mean(1, true);
    columns = 0.9 * columns + 0.1 * square.mean(0, true);
    vector = 0.9 * vector + 0.1 * g.narrow(0, 12, 5).square();
    const auto v = at::cat({(rows * columns / rows.mean()).flatten(), vector}) / (1 - std::pow(0.9, t));
    expected.narrow(0, 0, 12).mul_(1 - 0.01 * 0.5);
    expected -= 0.01 * (mean / (1 - std::pow(0.8, t))) / (v.sqrt() + 1e-3);
    optimizer->step(parameters, estimate, 0.01);
  }
  EXPECT_LT((parameters.to(at::kDouble) - expected).abs().max().item<double>(), 1e-6);
}

TEST(Sgd, IsPyTorchs) {
  use_threads(1);
  const auto start = numbers(1);
  const auto optimizer = make_optimizer({.name = "sgd", .momentum = 0.9, .weight_decay = 0.1}, {{0, kSize}});
  const auto mine = ours(*optimizer, 0, 5, start.clone());
  using Options = torch::optim::SGDOptions;
  const auto peer = peers<torch::optim::SGD, Options>(
      {{start.clone().set_requires_grad(true), Options(1e-2).momentum(0.9).weight_decay(0.1)}}, 5);
  EXPECT_LE((mine - peer).abs().max().item<double>(), 2e-6);
}

TEST(Optimizers, GoOnFromTheirStateBitForBit) {
  use_threads(1);
  for (const char* name : {"sgd", "adamw"}) {
    const OptimizerOptions options{.name = name, .weight_decay = 0.1};
    const Ranges decayed{{5, 1000}, {70000, 66000}};
    const auto whole = make_optimizer(options, decayed), first = make_optimizer(options, decayed),
               second = make_optimizer(options, decayed);
    const auto expected = ours(*whole, 0, 6, numbers(1));
    auto parameters = ours(*first, 0, 4, numbers(1));
    const auto state = first->state();
    for (const auto& vector : first->vectors()) EXPECT_EQ(state.at(vector).numel(), kSize) << name;
    second->load_state(state);
    EXPECT_TRUE(at::equal(ours(*second, 4, 2, parameters), expected)) << name;
  }
  auto adam = make_optimizer({.name = "adamw"}, {});
  EXPECT_THROW(adam->load_state({{"mean", numbers(1)}, {"square", numbers(2)}}), Error)
      << "no number of steps";
}

TEST(Optimizers, SameBitsForEveryNumberOfThreads) {
  for (const char* name : {"sgd", "adamw"}) {
    std::vector<at::Tensor> results;
    for (const int threads : {1, 2, 3}) {
      use_threads(threads);
      const auto optimizer =
          make_optimizer({.name = name, .weight_decay = 0.1, .gradient_clip = 5}, {{5, 100000}});
      results.push_back(ours(*optimizer, 0, 3, numbers(1)));
    }
    EXPECT_TRUE(at::equal(results[0], results[1]) && at::equal(results[0], results[2])) << name;
  }
}

TEST(Optimizers, ClipOnlyWhatIsTooLong) {
  for (const double limit : {0.0, 2.0, 10.0}) {
    auto estimate = at::tensor({3.0f, 4.0f});
    auto parameters = at::zeros({2});
    make_optimizer({.name = "sgd", .momentum = 0, .gradient_clip = limit}, {})->step(parameters, estimate, 1);
    const double length = limit == 2.0 ? 2 : 5;
    EXPECT_NEAR(parameters[0].item<double>(), -0.6 * length, 1e-6) << limit;
    EXPECT_NEAR(parameters[1].item<double>(), -0.8 * length, 1e-6) << limit;
  }
}

TEST(Optimizers, UnknownNamesAreRefused) { EXPECT_THROW(make_optimizer({.name = "adma"}, {}), Error); }

}  // namespace
}  // namespace laser
