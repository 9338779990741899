// Laws that hold for every compressor of the registry (laser/laws/compressor_laws.cpp), and one that only its
// table can break.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "law_cases.hpp"

namespace laser::contract {
namespace {

std::vector<LawCase> cases() {
  std::vector<LawCase> result;
  for (const auto& variant : variants()) {
    Subject subject{algorithm_of(variant.options), {}};
    add_laws(result, variant.name, subject, compressor_laws());
  }
  return result;
}

class CompressorLaws : public LawTest {};
INSTANTIATE_TEST_SUITE_P(Registry, CompressorLaws, testing::ValuesIn(cases()), case_name);
TEST_P(CompressorLaws, Hold) { hold(); }

class CompressorTable : public testing::TestWithParam<Variant> {};
INSTANTIATE_TEST_SUITE_P(Registry, CompressorTable, testing::ValuesIn(variants()),
                         [](const auto& variant) { return variant.param.name; });

// A setting that changes what is sent must be told in the table: a run is called by the
// settings that it uses.
TEST_P(CompressorTable, SettingsThatChangeTheSymbolsAreTold) {
  const auto symbols_with = [](CompressorOptions options) {
    Solo solo(1);
    Aggregator aggregator(small_layout(), algorithm_of(options), 1, solo, at::kDouble);
    auto estimate = at::zeros({aggregator.layout().size}, at::kDouble);
    const auto gradients = random_gradients(1, aggregator.layout().size, 0);
    return aggregator.round(0, 50.0, gradients, estimate).symbols;
  };
  auto ranked = GetParam().options, factored = GetParam().options;
  ranked.rank += 1;
  factored.compression_factor /= 2;
  const auto before = symbols_with(GetParam().options);
  const std::pair<const char*, CompressorOptions> changes[] = {{"rank", ranked},
                                                               {"compression_factor", factored}};
  for (const auto& [setting, options] : changes)
    EXPECT_EQ(symbols_with(options) != before, uses_setting(options, setting)) << setting;
}

/// Looks at what workers got across by themselves, before it is taken of their messages.
class Watching : public Feedback {
 public:
  [[nodiscard]] FeedbackTraits traits() const override { return {.threads = false}; }
  void update(MemoryUpdate& memory) const override {
    const auto own = memory.own(), message = memory.numbers().clone();
    memory.subtract_own();
    worst = std::max(worst, relative_difference(message - memory.numbers(), own));
    smallest = std::min(smallest, own.norm().item<double>() / message.norm().item<double>());
  }
  mutable double worst = 0, smallest = 1;
};

// A feedback that asks for it gets what is subtracted, of those that clear coordinates as well.
TEST_P(CompressorTable, OwnReconstructionIsWhatIsSubtracted) {
  const auto feedback = std::make_shared<Watching>();
  Parts parts;
  parts.feedback = feedback;
  Solo solo(2);
  Aggregator aggregator(small_layout(), algorithm_of(GetParam().options), parts, 1, solo, at::kDouble);
  auto estimate = at::zeros({aggregator.layout().size}, at::kDouble);
  for (std::int64_t t = 0; t < 3; ++t) {
    aggregator.round(t, 50.0, random_gradients(2, aggregator.layout().size, static_cast<std::uint32_t>(t)),
                     estimate);
  }
  EXPECT_LT(feedback->worst, 1e-10);
  EXPECT_GT(feedback->smallest, 1e-3) << "nothing got across";
}

}  // namespace
}  // namespace laser::contract
