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
  for (const auto& variant : kinds()) {
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

}  // namespace
}  // namespace laser::contract
