// The laws of every role over each pair of a compressor and a channel, and what of compressor, feedback and
// receiver goes together: what the traits say, so that no combination is left out of the laws without a word.
#include <gtest/gtest.h>

#include <string>

#include "laser/laws/rounds.hpp"
#include "law_cases.hpp"

namespace laser::contract {
namespace {

std::vector<LawCase> cases() {
  static const auto common = with_those_of_every_role({});
  std::vector<LawCase> result;
  for (const auto& variant : variants()) {
    for (const auto& channel : channels()) {
      Subject subject{algorithm_of(variant.options, channel.name), {}};
      if (!channel.needs.empty()) subject.algorithm.link.trace = trace(0);
      subject.algorithm.scale_bits = 0;
      add_laws(result, variant.name + "_" + channel.name, subject, common);
    }
  }
  return result;
}

class PairLaws : public LawTest {};
INSTANTIATE_TEST_SUITE_P(Registry, PairLaws, testing::ValuesIn(cases()), case_name);
TEST_P(PairLaws, Hold) { hold(); }

/// Whether parts of these traits can share a round.
bool should_go_together(const Compressor& part, const FeedbackTraits& feedback,
                        const ReceiverTraits& receiver, const ChannelTraits& channel) {
  const auto compressor = part.traits();
  if (receiver.weighs && !compressor.linear) return false;
  if ((receiver.weighs || receiver.scales) && !compressor.scales) return false;
  if (feedback.weighs && receiver.scales) return false;  // a weight that workers do not know
  const bool one_linear_pass = compressor.linear && part.pass_shares().size() == 1;
  return !feedback.holds || (one_linear_pass && !channel.digital);
}

TEST(Pairs, GoTogetherByTheirTraitsAlone) {
  int together = 0, apart = 0;
  for (const auto& variant : variants()) {
    const auto compressor = make_compressor(variant.options);
    for (const auto& feedback : feedbacks()) {
      for (const auto& receiver : receivers()) {
        for (const auto& channel : channels()) {
          auto algorithm = algorithm_of(variant.options, channel.name);
          if (!channel.needs.empty()) algorithm.link.trace = trace(0);
          algorithm.feedback = feedback.name;
          algorithm.receiver = receiver.name;
          const bool should =
              should_go_together(*compressor, make_feedback(feedback.name)->traits(),
                                 make_receiver(receiver.name)->traits(), channel_traits(channel.name));
          EXPECT_EQ(go_together(algorithm), should)
              << variant.name << ' ' << feedback.name << ' ' << receiver.name << ' ' << channel.name;
          ++(should ? together : apart);
        }
      }
    }
  }
  EXPECT_GT(together, 1000);
  EXPECT_GT(apart, 1000);
}

}  // namespace
}  // namespace laser::contract
