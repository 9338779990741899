// A round that is refused has changed nothing: for every compressor, feedback and type, whatever was
// wrong with what it was given, it ends in laser::Error, and the rounds after it give, bit for bit, what
// they would have given.
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <map>
#include <thread>

#include "laws.hpp"

namespace laser::contract {
namespace {

constexpr std::int64_t kWorkers = 3;
constexpr double kPower = 50.0;

/// What a round is given.
struct Arguments {
  std::int64_t index;
  double budget;
  at::Tensor gradients, estimate;
  double scale = 1.0;
};

/// One way to go wrong.
struct Mistake {
  std::string name;
  ExitCode code;
  std::function<void(Arguments&)> make;
};

std::vector<Mistake> mistakes() {
  const double nan = std::nan(""), infinity = HUGE_VAL;
  std::vector<Mistake> list;
  for (const auto& [name, value] :
       std::map<std::string, double>{{"nan", nan}, {"inf", infinity}, {"minus_inf", -infinity}}) {
    for (std::size_t l = 0; l < small_layout().layers.size(); ++l) {
      list.push_back(
          {name + "_in_" + small_layout().layers[l].name, ExitCode::kNonFinite, [value, l](Arguments& a) {
             const auto layer = small_layout().layers[l];
             a.gradients[static_cast<std::int64_t>(l) % kWorkers][layer.offset + layer.size - 1] = value;
           }});
    }
  }
  const auto configuration = [&](const std::string& name, std::function<void(Arguments&)> make) {
    list.push_back({name, ExitCode::kConfiguration, std::move(make)});
  };
  configuration("a_row_less", [](Arguments& a) { a.gradients = a.gradients.narrow(0, 1, kWorkers - 1); });
  configuration("a_row_more", [](Arguments& a) {
    a.gradients = at::cat({a.gradients, a.gradients[0].unsqueeze(0)});
  });
  configuration("no_rows", [](Arguments& a) { a.gradients = a.gradients.narrow(0, 0, 0); });
  configuration("a_column_less",
                [](Arguments& a) { a.gradients = a.gradients.narrow(1, 1, a.gradients.size(1) - 1); });
  configuration("one_dimension", [](Arguments& a) { a.gradients = a.gradients[0]; });
  configuration("three_dimensions", [](Arguments& a) { a.gradients = a.gradients.unsqueeze(2); });
  configuration("undefined", [](Arguments& a) { a.gradients = at::Tensor(); });
  configuration("sparse", [](Arguments& a) { a.gradients = a.gradients.to_sparse(); });
  for (const auto type :
       {at::kFloat, at::kDouble, at::kHalf, at::kBFloat16, at::kLong, at::kComplexFloat, at::kBool}) {
    configuration(std::string("type_") + at::toString(type), [type](Arguments& a) {
      a.gradients = a.gradients.to(a.gradients.scalar_type() == type ? at::kInt : type);
    });
  }
  configuration("estimate_of_another_type", [](Arguments& a) { a.estimate = a.estimate.to(at::kHalf); });
  configuration("estimate_too_short",
                [](Arguments& a) { a.estimate = a.estimate.narrow(0, 1, a.estimate.size(0) - 1); });
  configuration("estimate_with_gaps", [](Arguments& a) {
    a.estimate = at::stack({a.estimate, a.estimate}, 1).select(1, 0);
  });
  configuration("estimate_undefined", [](Arguments& a) { a.estimate = at::Tensor(); });
  for (const double budget : {nan, -1.0, infinity, -infinity})
    configuration("budget_" + std::to_string(budget), [budget](Arguments& a) { a.budget = budget; });
  for (const double scale : {nan, 0.0, -1.0, infinity})
    configuration("scale_" + std::to_string(scale), [scale](Arguments& a) { a.scale = scale; });
  for (const std::int64_t index : {std::int64_t{-1}, std::int64_t{1} << 32, (std::int64_t{1} << 32) - 1,
                                   std::numeric_limits<std::int64_t>::max()})
    configuration("round_" + std::to_string(index), [index](Arguments& a) { a.index = index; });
  return list;
}

struct Case {
  Variant variant;
  std::string feedback;
  std::string memory = "float32";
  double momentum = 0;
  at::ScalarType type = at::kFloat;
  [[nodiscard]] std::string name() const {
    return variant.name + "_" + feedback + (memory == "bfloat16" ? "_bfloat16" : "") +
           (momentum > 0 ? "_momentum" : "") + (type == at::kDouble ? "_double" : "");
  }
};
std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name(); }

Algorithm algorithm(const Case& c) {
  auto result = algorithm_of(c.variant.options);
  result.feedback = c.feedback;
  result.memory = c.memory;
  result.worker_momentum = c.momentum;
  result.receiver = make_feedback(c.feedback)->traits().weighs ? "matched" : "unbiased";
  return result;
}

std::vector<Case> cases() {
  std::vector<Case> result;
  const auto add = [&](Case c) {
    if (go_together(algorithm(c))) result.push_back(std::move(c));
  };
  for (const auto& variant : variants()) {
    for (const auto& feedback : feedbacks()) add({variant, feedback.name});
    add({variant, "local", "bfloat16"});
    add({variant, "local", "float32", 0.9});
    add({variant, "none", "float32", 0.9});
    add({variant, "local", "float32", 0, at::kDouble});
  }
  return result;
}

class RefusalLaws : public testing::TestWithParam<Case> {
 protected:
  static Arguments arguments(std::int64_t round) {
    return {
        round, kPower,
        random_gradients(kWorkers, small_layout().size, static_cast<std::uint32_t>(round), GetParam().type),
        at::zeros({small_layout().size}, GetParam().type)};
  }
  static at::Tensor go(Aggregator& aggregator, Arguments a) {
    aggregator.round(a.index, a.budget, a.gradients, a.estimate, false, a.scale);
    return a.estimate;
  }
};
INSTANTIATE_TEST_SUITE_P(Registry, RefusalLaws, testing::ValuesIn(cases()),
                         [](const auto& instance) { return instance.param.name(); });

NamedTensors copy_of(const NamedTensors& state) {
  NamedTensors copy;
  for (const auto& [name, tensor] : state) copy[name] = tensor.clone();
  return copy;
}

void expect_equal(const NamedTensors& a, const NamedTensors& b, const std::string& what) {
  ASSERT_EQ(a.size(), b.size()) << what;
  for (const auto& [name, tensor] : a) EXPECT_TRUE(at::equal(tensor, b.at(name))) << what << ": " << name;
}

TEST_P(RefusalLaws, WhatIsRefusedChangesNothing) {
  Solo solo(kWorkers);
  Aggregator straight(small_layout(), algorithm(GetParam()), 1, solo, GetParam().type);
  std::vector<at::Tensor> expected;
  for (std::int64_t t = 0; t < 4; ++t) expected.push_back(go(straight, arguments(t)));
  // Arguments are looked at before any part is asked: some of the parts tell for all of them.
  const bool tells_for_all = make_feedback(GetParam().feedback)->traits().residual ||
                             make_compressor(GetParam().variant.options)->traits().exact;
  for (const auto& mistake : mistakes()) {
    const bool argument = mistake.code == ExitCode::kConfiguration;
    if (argument && !tells_for_all) continue;
    Aggregator aggregator(small_layout(), algorithm(GetParam()), 1, solo, GetParam().type);
    for (std::int64_t t = 0; t < 4; ++t) {
      if (t == 0 || t == 3) {  // before there is any memory, and with one
        const auto before = t == 0 ? NamedTensors{} : copy_of(aggregator.state());
        auto wrong = arguments(t);
        mistake.make(wrong);
        try {
          go(aggregator, wrong);
          ADD_FAILURE() << mistake.name << " went through";
        } catch (const Error& error) {
          EXPECT_EQ(error.code(), mistake.code) << mistake.name << ": " << error.what();
        }
        if (t != 0) expect_equal(copy_of(aggregator.state()), before, mistake.name);
      }
      ASSERT_TRUE(at::equal(go(aggregator, arguments(t)), expected[static_cast<std::size_t>(t)]))
          << mistake.name << " changed round " << t;
    }
  }
}

// Finite gradients whose message, product or noise is not: refused or right, and never felt afterwards.
TEST_P(RefusalLaws, WhatLeavesTheRangeOfNumbersChangesNothing) {
  Solo solo(kWorkers);
  const double huge = GetParam().type == at::kDouble ? 1.7e308 : 3.3e38;
  const std::map<std::string, std::function<void(Arguments&)>> overflows{
      {"huge", [&](Arguments& a) { a.gradients = at::full_like(a.gradients, huge); }},
      {"huge_scale", [&](Arguments& a) { a.scale = 1e300; }},
      {"huge_in_one", [&](Arguments& a) { a.gradients[1][3] = -huge; }},
      {"no_power", [&](Arguments& a) { a.budget = 1e-300; }},
      {"huge_without_power", [&](Arguments& a) { a.gradients.mul_(1e30), a.budget = 1e-60; }}};
  Aggregator straight(small_layout(), algorithm(GetParam()), 1, solo, GetParam().type);
  std::vector<at::Tensor> expected;
  for (std::int64_t t = 0; t < 4; ++t) expected.push_back(go(straight, arguments(t)));
  int refused = 0;
  for (const auto& [name, make] : overflows) {
    Aggregator aggregator(small_layout(), algorithm(GetParam()), 1, solo, GetParam().type);
    for (std::int64_t t = 0; t < 4; ++t) {
      if (t == 2) {
        const auto before = copy_of(aggregator.state());
        auto wrong = arguments(t);
        make(wrong);
        bool went = true;
        try {
          go(aggregator, wrong);
        } catch (const Error& error) {
          EXPECT_EQ(error.code(), ExitCode::kNonFinite) << name << ": " << error.what();
          went = false;
          ++refused;
        }
        if (went) {  // then what it left is finite, and the next round too
          for (const auto& [key, tensor] : aggregator.state())
            EXPECT_TRUE(at::isfinite(tensor).all().item<bool>()) << name << ": " << key;
          break;
        }
        expect_equal(copy_of(aggregator.state()), before, name);
      }
      ASSERT_TRUE(at::equal(go(aggregator, arguments(t)), expected[static_cast<std::size_t>(t)]))
          << name << " changed round " << t;
    }
  }
  EXPECT_GT(refused, 0);
}

// In several processes all refuse where one has a gradient that is not finite, and all go on alike.
TEST_P(RefusalLaws, EveryProcessRefusesAndGoesOn) {
  const auto type = GetParam().type;
  ThreadCollective::Board board(kWorkers);
  std::vector<at::Tensor> with(kWorkers), without(kWorkers);
  std::vector<int> refusals(kWorkers, 0);
  std::vector<std::thread> threads;
  for (std::int64_t rank = 0; rank < kWorkers; ++rank) {
    threads.emplace_back([&, rank] {
      const auto at = static_cast<std::size_t>(rank);
      for (const bool broken : {true, false}) {
        ThreadCollective collective(board, rank);
        Aggregator own(small_layout(), algorithm(GetParam()), 1, collective, type);
        std::vector<at::Tensor> rounds;
        for (std::int64_t t = 0; t < 4; ++t) {
          const auto gradients =
              random_gradients(kWorkers, small_layout().size, static_cast<std::uint32_t>(t), type);
          auto estimate = at::zeros({small_layout().size}, type);
          if (broken && t == 2) {
            auto wrong = gradients.clone();
            wrong[1][90] = std::nan("");
            try {
              own.round(t, kPower, wrong.narrow(0, rank, 1), estimate);
            } catch (const Error& error) {
              const auto expected =
                  fmt::format("'{}' at worker 1 is not finite in round 2", small_layout().layers[1].name);
              refusals[at] += std::string(error.what()).find(expected) != std::string::npos ? 1 : 0;
            }
          }
          own.round(t, kPower, gradients.narrow(0, rank, 1), estimate);
          rounds.push_back(estimate);
        }
        (broken ? with : without)[at] = at::stack(rounds);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (std::size_t rank = 0; rank < with.size(); ++rank) {
    EXPECT_EQ(refusals[rank], 1) << rank;
    EXPECT_TRUE(at::equal(with[rank], without[rank])) << rank;
  }
}

// A worker that is away has no gradient: whatever stands in its row is not read.
TEST(Refusal, RowsOfSleepingWorkersAreNotRead) {
  auto sleepy = algorithm_of({.rank = 2});
  sleepy.participation = 0.34;  // one of three
  Solo solo(kWorkers);
  Aggregator one(small_layout(), sleepy, 1, solo), other(small_layout(), sleepy, 1, solo);
  for (std::int64_t t = 0; t < 6; ++t) {
    const auto gradients =
        random_gradients(kWorkers, small_layout().size, static_cast<std::uint32_t>(t), at::kFloat);
    auto estimate = at::zeros({small_layout().size});
    const auto report = one.round(t, kPower, gradients, estimate);
    auto partly = at::full_like(gradients, std::nan(""));
    for (std::int64_t i = 0; i < kWorkers; ++i)
      if (report.energy[static_cast<std::size_t>(i)] > 0) partly[i].copy_(gradients[i]);
    auto same = at::zeros_like(estimate);
    other.round(t, kPower, partly, same);
    EXPECT_TRUE(at::equal(same, estimate)) << t;
  }
}

/// A process that is lost in the n-th exchange from now on.
class Unreliable final : public Collective {
 public:
  [[nodiscard]] std::int64_t workers() const override { return kWorkers; }
  [[nodiscard]] std::int64_t first_worker() const override { return 0; }
  [[nodiscard]] std::int64_t local_workers() const override { return kWorkers; }
  void sum(std::span<at::Tensor>) override { count(); }
  std::vector<double> gather_rows(std::vector<double> local, std::int64_t) override {
    count();
    return local;
  }
  int left = -1;  // exchanges until one fails; negative: none does

 private:
  void count() {
    if (left-- == 0) fail(ExitCode::kWorkerLost, "rank 1 is lost");
  }
};

TEST(Refusal, ARoundThatBreaksInTheMiddleIsToldUntilAStateIsLoaded) {
  const auto gradients = random_gradients(kWorkers, small_layout().size, 0, at::kFloat);
  auto estimate = at::zeros({small_layout().size});
  bool broke = false;
  for (int exchange = 0; exchange < 6; ++exchange) {
    Unreliable processes;
    Aggregator aggregator(small_layout(), algorithm_of({.rank = 2}), 1, processes);
    aggregator.round(0, kPower, gradients, estimate);
    const auto saved = copy_of(aggregator.state());
    const auto expected = [&] {
      aggregator.round(1, kPower, gradients, estimate);
      return estimate.clone();
    }();
    aggregator.load_state(saved);
    processes.left = exchange;
    try {
      aggregator.round(1, kPower, gradients, estimate);
      break;  // a round has fewer exchanges
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kWorkerLost);
    }
    processes.left = -1;
    try {
      aggregator.round(1, kPower, gradients, estimate);
      EXPECT_TRUE(at::equal(estimate, expected)) << "lost before anything had changed";
    } catch (const Error& error) {
      broke = true;
      EXPECT_NE(std::string(error.what()).find("round 1 ended in the middle"), std::string::npos)
          << error.what();
      EXPECT_THROW((void)aggregator.state(), Error);
    }
    aggregator.load_state(saved);
    aggregator.round(1, kPower, gradients, estimate);
    EXPECT_TRUE(at::equal(estimate, expected)) << exchange;
  }
  EXPECT_TRUE(broke);
}

TEST(Refusal, AStateThatDoesNotFitChangesNothing) {
  Solo solo(kWorkers);
  auto both = algorithm_of({.rank = 2});
  both.worker_momentum = 0.5;
  Aggregator aggregator(small_layout(), both, 1, solo);
  run_rounds(aggregator, kWorkers, 0, 3, kPower, at::kFloat);
  const auto state = copy_of(aggregator.state());
  for (const auto& [name, tensor] : state) {
    for (int way = 0; way < 5; ++way) {
      auto wrong = state;
      if (way == 0) wrong[name] = tensor.to(at::kDouble);
      if (way == 1) wrong[name] = tensor.narrow(0, 0, tensor.size(0) - 1);
      if (way == 2) wrong[name] = at::full_like(tensor, std::nan(""));
      if (way == 3) wrong[name] = at::Tensor();
      if (way == 4) {
        if (!name.starts_with("shared/")) continue;  // a run may have no memory yet
        wrong.erase(name);
      }
      try {
        aggregator.load_state(wrong);
        ADD_FAILURE() << name << " way " << way;
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ExitCode::kData);
      }
      expect_equal(copy_of(aggregator.state()), state, name);
    }
  }
}

TEST(Refusal, AModelWhoseTensorsCannotBeToldApartIsRefused) {
  Solo solo(1);
  Layout twice;
  twice.add("weight", {7, 12});
  twice.add("weight", {7, 12});
  EXPECT_THROW(Aggregator(twice, algorithm_of({.rank = 2}), 1, solo), Error);
  EXPECT_THROW(Aggregator(Layout{}, algorithm_of({.name = "identity"}), 1, solo), Error);
  for (const auto type : {at::kHalf, at::kBFloat16, at::kInt, at::kComplexFloat})
    EXPECT_THROW(Aggregator(small_layout(), algorithm_of({.rank = 2}), 1, solo, type), Error);
}

}  // namespace
}  // namespace laser::contract
