// Every law is broken by some wrong part, each by the one that is named beside it; the few that no part can
// break are named as well.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <set>

#include "strangers.hpp"

namespace laser::contract {
namespace {

/// How often it was asked, which a part must not know.
struct Memory {
  mutable std::atomic<int> asked = 0;
  [[nodiscard]] double less() const { return 1.0 / (1 + 0.1 * asked++); }
};

class Greedy : public EverySecond {  // it eats what it is shown
  Message encode(Exchange& exchange, int pass) const override {
    auto message = EverySecond::encode(exchange, pass);
    exchange.message.mul_(0.5);
    return message;
  }
};

class NotLinear : public EverySecond {  // and says it is
  Decoded decode(Exchange& exchange, int pass, std::span<const Reception> received) const override {
    auto decoded = EverySecond::decode(exchange, pass, received);
    decoded.estimate.abs_();
    return decoded;
  }
};

class Forgetful : public EverySecond {  // it sends nothing but zeros
  Message encode(Exchange& exchange, int pass) const override {
    auto message = EverySecond::encode(exchange, pass);
    message.blocks[0].zero_();
    return message;
  }
};

class Boastful : public EverySecond {  // it says that its symbols are half as loud as they are
  Message encode(Exchange& exchange, int pass) const override {
    auto message = EverySecond::encode(exchange, pass);
    for (std::int64_t i = 0; i < message.blocks[0].size(0); ++i)
      message.norms.push_back(message.blocks[0][i].norm().item<double>() / 2);
    return message;
  }
};

class Fearful : public EverySecond {  // its estimate is another one where there is noise
  Decoded decode(Exchange& exchange, int pass, std::span<const Reception> received) const override {
    auto decoded = EverySecond::decode(exchange, pass, received);
    if (received[0].noise_std[0] > 0) decoded.estimate.add_(1);
    return decoded;
  }
};

class Wiping : public EverySecond {  // it forgets what it did not send
  void subtract_own(const Exchange&, at::Tensor& memory) const override { memory.zero_(); }
};

class Unsaid : public EverySecond {  // it sends more than it says
  [[nodiscard]] double symbols(const Layer&) const override { return 1; }
};

class Frozen : public EverySecond {  // it says that it draws
  [[nodiscard]] Traits traits() const override { return {.draws_rounds = true, .draws_tensors = true}; }
};

class Normed : public EverySecond {  // it divides by a norm that may be 0
  Message encode(Exchange& exchange, int pass) const override {
    auto message = EverySecond::encode(exchange, pass);
    message.blocks[0] = message.blocks[0] / message.blocks[0].norm();
    return message;
  }
};

class Counting : public EverySecond, Memory {
  Message encode(Exchange& exchange, int pass) const override {
    auto message = EverySecond::encode(exchange, pass);
    message.blocks[0] = message.blocks[0].clone();
    message.blocks[0].select(2, 0).mul_(less());
    return message;
  }
};

class Crowded : public EverySecond {  // it depends on how many workers are in its process
  Message encode(Exchange& exchange, int pass) const override {
    auto message = EverySecond::encode(exchange, pass);
    message.blocks[0].select(2, 0).mul_(1.0 / static_cast<double>(exchange.message.size(0)));
    return message;
  }
};

class Cutting : public EverySecond {  // it has a unit, and does not say so
  Message encode(Exchange& exchange, int pass) const override {
    auto message = EverySecond::encode(exchange, pass);
    message.blocks[0].clamp_(-0.5, 0.5);
    return message;
  }
};

class Hasty : public Feedback {  // it forgets what was not heard as well
 public:
  void update(MemoryUpdate& memory) const override {
    memory.subtract_own();
    memory.numbers().mul_(0.9);
  }
};

class Repeating : public Feedback {  // it sends again what has arrived
 public:
  void update(MemoryUpdate& memory) const override { memory.subtract_own(0.5); }
};

class Half : public Receiver {  // it halves what comes without noise as well
 public:
  [[nodiscard]] ReceiverTraits traits() const override { return {.scales = true}; }
  void scale(Reception& heard, const at::Tensor&) const override { heard.values.mul_(0.5); }
};

class Averaging : public Feedback {  // it divides by what may be 0
  void update(MemoryUpdate& memory) const override {
    memory.subtract_own();
    memory.numbers().div_(memory.estimate().norm());
  }
};

class Wavering : public Feedback, Memory {
  void update(MemoryUpdate& memory) const override {
    memory.subtract_own();
    memory.scale(less());
  }
};

class Sociable : public Feedback {  // it depends on how many workers are in its process
  void update(MemoryUpdate& memory) const override {
    memory.subtract_own();
    memory.scale(1.0 / static_cast<double>(memory.heard().size()));
  }
};

class Tidy : public Feedback {  // what is small is forgotten, in a unit of its own
  void update(MemoryUpdate& memory) const override {
    memory.subtract_own();
    auto& numbers = memory.numbers();
    numbers.mul_(numbers.abs() > 0.1);
  }
};

class Dividing : public Receiver {  // by what may be 0, or the infinite of nothing
 public:
  [[nodiscard]] ReceiverTraits traits() const override { return {.weighs = true}; }
  [[nodiscard]] double weight(std::span<const Reception> blocks, std::span<const double> norms,
                              std::span<const char>) const override {
    const double noise = blocks[0].noise_std[0];
    return noise > 1e3 ? INFINITY : norms[0] / norms[0];
  }
};

class Moody : public Receiver, Memory {
 public:
  [[nodiscard]] ReceiverTraits traits() const override { return {.scales = true}; }
  void scale(Reception& heard, const at::Tensor&) const override { heard.values.mul_(less()); }
};

class Limiting : public Receiver {  // it has a unit
 public:
  [[nodiscard]] ReceiverTraits traits() const override { return {.scales = true}; }
  void scale(Reception& heard, const at::Tensor&) const override { heard.values.clamp_(-0.5, 0.5); }
};

class Debtor : public Allocation {  // it takes from one tensor what it gives to another
 public:
  [[nodiscard]] std::vector<double> weights(const WorkerBlocks& blocks) const override {
    std::vector<double> result(blocks.symbols.size(), 1.0);
    result.front() = -0.5;
    return result;
  }
};

class Absolute : public Allocation {  // its norms have a unit
 public:
  [[nodiscard]] std::vector<double> weights(const WorkerBlocks& blocks) const override {
    std::vector<double> result;
    for (const double norm : blocks.sent_norms) result.push_back(1 + norm);
    return result;
  }
};

class Ratios : public Allocation {  // of norms that may be 0
 public:
  [[nodiscard]] std::vector<double> weights(const WorkerBlocks& blocks) const override {
    std::vector<double> result;
    for (std::size_t b = 0; b < blocks.symbols.size(); ++b)
      result.push_back(blocks.sent_norms[b] / blocks.raw_norms[b]);
    return result;
  }
};

class Fickle : public Allocation, Memory {  // it gives the first tensor less each time
 public:
  [[nodiscard]] std::vector<double> weights(const WorkerBlocks& blocks) const override {
    std::vector<double> result(blocks.symbols.size(), 1.0);
    result.front() = less();
    return result;
  }
};

class Loud : public Plain {  // it spends twice the budget
  void scale(const Link& link, std::span<const double> norms, std::span<const double> energies,
             Superposition& result) const override {
    std::vector<double> twice(energies.begin(), energies.end());
    for (auto& energy : twice) energy *= 2;
    Plain::scale(link, norms, twice, result);
  }
};

class Stale : public Plain {  // it fades, always alike
 public:
  [[nodiscard]] ChannelTraits traits() const override { return {.fades = true}; }
};

class Deaf : public Plain {  // it counts those that are not heard
  void scale(const Link& link, std::span<const double> norms, std::span<const double> energies,
             Superposition& result) const override {
    Plain::scale(link, norms, energies, result);
    double heard = 0;
    for (const char active : link.active) heard += active != 0 ? 1 : 0;
    result.receive_scale *= heard / static_cast<double>(norms.size());
  }
};

class Drifting : public Plain, Memory {  // it grows weaker each time that it is asked
  void scale(const Link& link, std::span<const double> norms, std::span<const double> energies,
             Superposition& result) const override {
    Plain::scale(link, norms, energies, result);
    const double factor = less();
    for (auto& amplitude : result.amplitude) amplitude *= factor;
    result.receive_scale /= factor;
  }
};

class Threshold : public Plain {  // what is quieter than its own measure is not sent
  void scale(const Link& link, std::span<const double> norms, std::span<const double> energies,
             Superposition& result) const override {
    Plain::scale(link, norms, energies, result);
    for (std::size_t i = 0; i < norms.size(); ++i)
      if (norms[i] <= 1e-8) result.amplitude[i] = 0;
  }
};

class Short : public Plain {  // it has a gain too few
  [[nodiscard]] Link draw(const StreamKey& key, std::vector<char> present) const override {
    auto link = Plain::draw(key, std::move(present));
    link.gain.pop_back();
    return link;
  }
};

using Check = std::function<std::vector<Violation>()>;
template <class Part>
Check compressor() {
  return [] {
    static const auto found = check_compressor(std::make_shared<Part>());
    return found;
  };
}
template <class Part>
Check feedback() {
  return [] {
    static const auto found = check_feedback(std::make_shared<Part>());
    return found;
  };
}
template <class Part>
Check receiver() {
  return [] {
    static const auto found = check_receiver(std::make_shared<Part>());
    return found;
  };
}
template <class Part>
Check allocation() {
  return [] {
    static const auto found = check_allocation(std::make_shared<Part>());
    return found;
  };
}
template <class Part>
Check channel() {
  return [] {
    static const auto found = check_channel(std::make_shared<Part>());
    return found;
  };
}

/// Holds that each law of a role is found broken by its part, or stands among those that the round itself
/// keeps whatever a part does.
void expect_all_broken(const std::vector<Law>& laws, const std::map<std::string, Check>& broken,
                       const std::set<std::string>& kept_by_the_round) {
  for (const auto& law : laws) {
    const auto by = broken.find(law.name);
    EXPECT_NE(by != broken.end(), kept_by_the_round.contains(law.name)) << law.name;
    if (by == broken.end()) continue;
    std::set<std::string> found;
    for (const auto& violation : by->second()) found.insert(violation.law);
    EXPECT_TRUE(found.contains(law.name)) << law.name << ": " << law.sentence;
  }
  EXPECT_EQ(broken.size() + kept_by_the_round.size(), laws.size()) << "a law that is none";
}

TEST(BrokenLaws, OfCompressors) {
  expect_all_broken(compressor_laws(),
                    {{"NoWorkerSendsMoreThanItsBudget", compressor<Boastful>()},
                     {"OneWorkerUsesItsWholeBudget", compressor<Forgetful>()},
                     {"VanishingNoiseGivesTheNoiselessAnswer", compressor<Fearful>()},
                     {"EstimateAndMemoryAddUpToTheMessage", compressor<Wiping>()},
                     {"TheEstimateIsLinearInTheWorkersWhereItSaysSo", compressor<NotLinear>()},
                     {"TheMessageIsLeftAlone", compressor<Greedy>()},
                     {"WhatIsToldOfSymbolsIsSent", compressor<Unsaid>()},
                     {"DrawsAreFreshWhereItSaysSo", compressor<Frozen>()},
                     {"ZeroGradientsStayFinite", compressor<Normed>()},
                     {"SameKeySameBitsOtherKeyOtherBits", compressor<Counting>()},
                     {"PhysicalAndFastModeAgree", compressor<Counting>()},
                     {"ProcessesActAsOne", compressor<Crowded>()},
                     {"BitsDoNotDependOnThreads", compressor<Counting>()},
                     {"SaveAndLoadMidRunIsTheUninterruptedRun", compressor<Counting>()},
                     {"ScalesFrom1eMinus18To1e18AreOneProblem", compressor<Cutting>()}},
                    {"WithoutPowerNothingArrivesAndMemoryKeepsTheMessage", "NonFiniteGradientsAreNamed"});
}

TEST(BrokenLaws, OfFeedbacks) {
  expect_all_broken(feedback_laws(),
                    {{"TheUnheardKeepAll", feedback<Hasty>()},
                     {"TheAbsentKeepTheirs", feedback<Hasty>()},
                     {"NothingIsSentTwice", feedback<Repeating>()},
                     {"ZeroGradientsStayFinite", feedback<Averaging>()},
                     {"SameKeySameBitsOtherKeyOtherBits", feedback<Wavering>()},
                     {"BitsDoNotDependOnThreads", feedback<Wavering>()},
                     {"PhysicalAndFastModeAgree", feedback<Wavering>()},
                     {"ProcessesActAsOne", feedback<Sociable>()},
                     {"SaveAndLoadMidRunIsTheUninterruptedRun", feedback<Wavering>()},
                     {"ScalesFrom1eMinus18To1e18AreOneProblem", feedback<Tidy>()}},
                    {"WithoutPowerTheMemoryKeepsTheMessage"});
}

TEST(BrokenLaws, OfReceivers) {
  expect_all_broken(receiver_laws(),
                    {{"WithoutNoiseNothingChanges", receiver<Half>()},
                     {"LittlePowerStaysFinite", receiver<Dividing>()},
                     {"ZeroGradientsStayFinite", receiver<Dividing>()},
                     {"SameKeySameBitsOtherKeyOtherBits", receiver<Moody>()},
                     {"BitsDoNotDependOnThreads", receiver<Moody>()},
                     {"PhysicalAndFastModeAgree", receiver<Moody>()},
                     {"ProcessesActAsOne", receiver<Moody>()},
                     {"SaveAndLoadMidRunIsTheUninterruptedRun", receiver<Moody>()},
                     {"ScalesFrom1eMinus18To1e18AreOneProblem", receiver<Limiting>()}},
                    {});
}

TEST(BrokenLaws, OfAllocations) {
  expect_all_broken(allocation_laws(),
                    {{"SharesAreAtLeastZeroAndAddUpToOne", allocation<Debtor>()},
                     {"AWorkersSharesFollowItsOwnProportionsAlone", allocation<Absolute>()},
                     {"ZeroGradientsStayFinite", allocation<Ratios>()},
                     {"SameKeySameBitsOtherKeyOtherBits", allocation<Fickle>()},
                     {"BitsDoNotDependOnThreads", allocation<Fickle>()},
                     {"PhysicalAndFastModeAgree", allocation<Fickle>()},
                     {"ProcessesActAsOne", allocation<Fickle>()},
                     {"SaveAndLoadMidRunIsTheUninterruptedRun", allocation<Fickle>()},
                     {"ScalesFrom1eMinus18To1e18AreOneProblem", allocation<Absolute>()}},
                    {});
}

TEST(BrokenLaws, OfChannels) {
  expect_all_broken(channel_laws(),
                    {{"NoWorkerSendsMoreThanItsOwnBudget", channel<Loud>()},
                     {"PhysicalAndFastModeAgree", channel<Drifting>()},
                     {"ProcessesActAsOne", channel<Drifting>()},
                     {"SaveAndLoadMidRunIsTheUninterruptedRun", channel<Drifting>()},
                     {"LostMessagesCostTheirEnergy", channel<Drifting>()},
                     {"WeightsOfTheWorkersThatAreHeardAddUpToOne", channel<Deaf>()},
                     {"DrawsAreFresh", channel<Stale>()},
                     {"SameKeySameBitsOtherKeyOtherBits", channel<Drifting>()},
                     {"BitsDoNotDependOnThreads", channel<Drifting>()},
                     {"ScalesFrom1eMinus18To1e18AreOneProblem", channel<Threshold>()},
                     {"ZeroGradientsStayFinite", channel<Short>()}},
                    {});
}

}  // namespace
}  // namespace laser::contract
