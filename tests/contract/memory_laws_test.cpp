// Laws that hold for every feedback and every receiver of the registries, with one another, under compressors
// of every kind of own reconstruction (laser/laws/memory_laws.cpp).
#include <gtest/gtest.h>

#include <utility>

#include "law_cases.hpp"

namespace laser::contract {
namespace {

/// All that go together.
std::vector<LawCase> cases(bool receiver) {
  std::vector<LawCase> result;
  for (const auto& variant : variants()) {
    for (const auto& feedback : feedbacks()) {
      for (const auto& entry : receivers()) {
        Subject subject{algorithm_of(variant.options), {}};
        subject.algorithm.feedback = feedback.name;
        subject.algorithm.receiver = entry.name;
        if (!go_together(subject.algorithm, subject.parts)) continue;
        add_laws(result, variant.name + "_" + feedback.name + "_" + entry.name, subject,
                 receiver ? receiver_laws() : feedback_laws());
      }
    }
  }
  // Over every channel.
  for (const auto& channel : channels()) {
    for (const auto& feedback : feedbacks()) {
      for (const auto& entry : receivers()) {
        Subject subject{algorithm_of({.name = "low_rank", .rank = 2}, channel.name), {}};
        subject.algorithm.feedback = feedback.name;
        subject.algorithm.receiver = entry.name;
        subject.algorithm.scale_bits = 0;
        if (!channel.needs.empty()) subject.algorithm.link.trace = trace(0);
        if (channel.name == "awgn" || !go_together(subject.algorithm, subject.parts)) continue;
        add_laws(result, channel.name + "_" + feedback.name + "_" + entry.name, subject,
                 receiver ? receiver_laws() : feedback_laws());
      }
    }
  }
  // With a prediction, and with everything that the filter can do.
  const std::pair<const char*, bool> compressors_and_equal_norms[] = {
      {"identity", true}, {"low_rank", false}, {"sweep", true}, {"random_k", true}};
  for (const auto& [compressor, equal_norms] : compressors_and_equal_norms) {
    Subject subject{method("swept"), {}};
    subject.algorithm.compressor = {.name = compressor, .rank = 2, .compression_factor = 0.4};
    subject.algorithm.prediction = "matched";
    subject.algorithm.filter.equal_norms = equal_norms;
    subject.algorithm.filter.preconditioner_refresh = 1;
    add_laws(result, std::string("swept_") + compressor, subject,
             receiver ? receiver_laws() : feedback_laws());
  }
  // With norms that are expected and not known.
  for (const char* compressor : {"identity", "low_rank", "random_k"}) {
    Subject subject{method("cotaf"), {}};
    subject.algorithm.compressor = {.name = compressor, .rank = 2, .compression_factor = 0.4};
    subject.algorithm.feedback = "local";
    add_laws(result, std::string("cotaf_") + compressor, subject,
             receiver ? receiver_laws() : feedback_laws());
  }
  return result;
}

class FeedbackLaws : public LawTest {};
INSTANTIATE_TEST_SUITE_P(Registry, FeedbackLaws, testing::ValuesIn(cases(false)), case_name);
TEST_P(FeedbackLaws, Hold) { hold(); }

class ReceiverLaws : public LawTest {};
INSTANTIATE_TEST_SUITE_P(Registry, ReceiverLaws, testing::ValuesIn(cases(true)), case_name);
TEST_P(ReceiverLaws, Hold) { hold(); }

/// What the workers keep and what the next round starts from do not depend on how the receiver scales
/// (spec 1.4: a weight of 0 would leave random directions of a basis). At this power the plug-in weights are
/// 0 now and then.
TEST(Receivers, ScaleTheEstimateAndNothingThatLasts) {
  for (const auto& variant : variants()) {
    if (!make_compressor(variant.options)->traits().scales) continue;
    for (const double power : {1e-4, 1.0, 1e4}) {
      std::map<std::string, NamedTensors> states;
      std::map<std::string, at::Tensor> estimates;
      for (const char* receiver : {"unbiased", "mmse", "mmse_genie"}) {
        auto algorithm = algorithm_of(variant.options);
        algorithm.receiver = receiver;
        Solo solo(3);
        Aggregator aggregator(small_layout(), algorithm, 1, solo, at::kDouble);
        estimates[receiver] = run_rounds(aggregator, 3, 0, 4, power);
        for (const auto& [name, tensor] : aggregator.state()) states[receiver][name] = tensor.clone();
      }
      for (const char* receiver : {"mmse", "mmse_genie"}) {
        EXPECT_FALSE(at::equal(estimates[receiver], estimates["unbiased"])) << variant.name;
        for (const auto& [name, tensor] : states["unbiased"])
          EXPECT_TRUE(at::equal(states[receiver][name], tensor))
              << variant.name << ' ' << receiver << ' ' << name;
        EXPECT_LT(estimates[receiver].norm().item<double>(), estimates["unbiased"].norm().item<double>());
      }
    }
  }
}

TEST(Receivers, AnEstimateWithoutScaleRefusesThem) {
  for (const char* receiver : {"mmse", "mmse_genie", "matched"}) {
    auto algorithm = algorithm_of({.name = "sign"});
    algorithm.receiver = receiver;
    EXPECT_THROW(validate(algorithm), Error) << receiver;
  }
}

}  // namespace
}  // namespace laser::contract
