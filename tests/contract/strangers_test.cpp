// Parts from outside: right ones pass the laws and train, wrong ones are found by the law
// that speaks of them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "laws.hpp"

namespace laser::contract {
namespace {

/// Every second entry of a matrix, without anything shared.
class EverySecond : public Compressor {
 public:
  [[nodiscard]] Traits traits() const override { return {}; }
  Message encode(Exchange& exchange, int) const override {
    return {{exchange.message.flatten(1).slice(1, 0, c10::nullopt, 2).unsqueeze(1).contiguous()},
            Message::Split::kByNorm,
            {}};
  }
  Decoded decode(Exchange& exchange, int, std::span<const Reception> received) const override {
    auto estimate = at::zeros({exchange.layer->size}, received[0].values.options());
    estimate.slice(0, 0, c10::nullopt, 2).copy_(received[0].values[0]);
    return {estimate.view({exchange.layer->rows, exchange.layer->columns}), {}, {}};
  }
  void subtract_own(const Exchange&, at::Tensor& memory) const override {
    memory.flatten(1).slice(1, 0, c10::nullopt, 2).zero_();
  }
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

class Silent : public EverySecond {  // it sends nothing at all
  Message encode(Exchange&, int) const override { return {}; }
};

class Flat : public EverySecond {  // its symbols have no groups
  Message encode(Exchange& exchange, int pass) const override {
    return {{EverySecond::encode(exchange, pass).blocks[0].squeeze(1)}, Message::Split::kByNorm, {}};
  }
};

class Row : public EverySecond {  // its estimate is one row, which would be written into all of them
  Decoded decode(Exchange& exchange, int pass, std::span<const Reception> received) const override {
    return {EverySecond::decode(exchange, pass, received).estimate.slice(0, 0, 1), {}, {}};
  }
};

class Mute : public EverySecond {  // it makes nothing of what it hears
  Decoded decode(Exchange&, int, std::span<const Reception>) const override { return {}; }
};

class Hungry : public EverySecond {  // its passes want more than there is
  [[nodiscard]] std::vector<double> pass_shares() const override { return {0.7, 0.7}; }
};

/// A memory that forgets.
class Decaying : public Feedback {
 public:
  void update(MemoryUpdate& memory) const override {
    memory.subtract_own();
    memory.scale(0.9);
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

class Clipping : public Receiver {
 public:
  [[nodiscard]] ReceiverTraits traits() const override { return {.weighs = true}; }
  [[nodiscard]] double weight(std::span<const Reception> blocks, std::span<const double> norms,
                              std::span<const char> active) const override {
    return matched_weight(blocks, norms, active, 0.5);
  }
};

/// As awgn.
class Plain : public Channel {
 protected:
  void scale(const Link& link, std::span<const double> norms, std::span<const double> energies,
             Superposition& result) const override {
    double common = INFINITY, heard = 0;
    for (std::size_t i = 0; i < norms.size(); ++i) {
      if (link.active[i] == 0) continue;
      heard += 1;
      if (norms[i] > 0) common = std::min(common, std::sqrt(energies[i]) / norms[i]);
    }
    for (std::size_t i = 0; i < norms.size(); ++i) {
      if (link.active[i] != 0) result.amplitude[i] = common;
    }
    result.receive_scale = 1 / (heard * common);
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

std::set<std::string> laws_of(const std::vector<Violation>& violations) {
  std::set<std::string> laws;
  for (const auto& violation : violations) laws.insert(violation.law);
  return laws;
}

std::string text_of(const std::vector<Violation>& violations) {
  std::string text;
  for (const auto& v : violations) text += v.law + ": " + v.what + "\n";
  return text;
}

TEST(Strangers, RightPartsObeyTheLaws) {
  EXPECT_EQ(text_of(check_compressor(std::make_shared<EverySecond>())), "");
  EXPECT_EQ(text_of(check_feedback(std::make_shared<Decaying>())), "");
  EXPECT_EQ(text_of(check_receiver(std::make_shared<Clipping>())), "");
  EXPECT_EQ(text_of(check_channel(std::make_shared<Plain>())), "");
}

TEST(Strangers, WrongPartsAreFoundByTheLawThatSpeaksOfThem) {
  EXPECT_TRUE(laws_of(check_compressor(std::make_shared<Greedy>())).contains("TheMessageIsLeftAlone"));
  EXPECT_TRUE(laws_of(check_compressor(std::make_shared<NotLinear>()))
                  .contains("TheEstimateIsLinearInTheWorkersWhereItSaysSo"));
  EXPECT_TRUE(laws_of(check_feedback(std::make_shared<Repeating>())).contains("NothingIsSentTwice"));
  EXPECT_TRUE(laws_of(check_feedback(std::make_shared<Hasty>())).contains("TheUnheardKeepAll"));
  EXPECT_TRUE(laws_of(check_receiver(std::make_shared<Half>())).contains("WithoutNoiseNothingChanges"));
  EXPECT_TRUE(laws_of(check_channel(std::make_shared<Loud>())).contains("NoWorkerSendsMoreThanItsOwnBudget"));
  EXPECT_TRUE(laws_of(check_channel(std::make_shared<Stale>())).contains("DrawsAreFresh"));
}

/// A part of one's own that does what one of the tables does gives its bits.
TEST(Strangers, AreTreatedAsThoseOfTheTables) {
  at::Tensor estimates[2];
  for (int i = 0; i < 2; ++i) {
    Parts parts;
    if (i == 1) {
      parts.channel = std::make_shared<Plain>();
      parts.feedback = make_feedback("local");
    }
    Solo solo(3);
    Aggregator aggregator(small_layout(), algorithm_of({.rank = 2}), parts, 1, solo, at::kFloat);
    estimates[i] = run_rounds(aggregator, 3, 0, 4, 50, at::kFloat);
  }
  EXPECT_TRUE(at::equal(estimates[0], estimates[1]));
}

TEST(Strangers, WhatACompressorReturnsIsHeldAgainstItsForm) {
  const auto told = [](std::shared_ptr<const Compressor> compressor) -> std::string {
    try {
      Solo solo(2);
      Layout layout;
      layout.add("wide", {7, 12});
      Parts parts;
      parts.compressor = std::move(compressor);
      Aggregator aggregator(layout, method("zsgd"), parts, 1, solo, at::kDouble);
      auto estimate = at::zeros({layout.size}, at::kDouble);
      aggregator.round(0, 50, random_gradients(2, layout.size, 0), estimate);
      (void)aggregator.memory(0);
      (void)aggregator.memory(1);
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  };
  const auto expect = [&](std::shared_ptr<const Compressor> compressor, const std::string& what) {
    const auto text = told(std::move(compressor));
    EXPECT_NE(text.find(what), std::string::npos) << text;
  };
  expect(std::make_shared<EverySecond>(), "there is no tensor 1 of 1");
  expect(std::make_shared<Silent>(), "'wide' has 0 blocks. HINT: from 1 to 16");
  expect(std::make_shared<Flat>(), "has a block [2, 42]. HINT: [2 workers");
  expect(std::make_shared<Row>(), "estimate of tensor 'wide' is [1, 12]. HINT: [7, 12]");
  expect(std::make_shared<Mute>(), "made no estimate of tensor 'wide'");
  expect(std::make_shared<Hungry>(), "don't add up to 1");
}

TEST(Strangers, GoTogetherByTheirTraitsOrAreRefused) {
  Solo solo(3);
  auto algorithm = algorithm_of({.rank = 2});
  algorithm.memory = "bfloat16";
  Parts parts;
  parts.feedback = std::make_shared<Decaying>();
  EXPECT_THROW(Aggregator(small_layout(), algorithm, parts, 1, solo), Error);
  parts = {};
  parts.receiver = std::make_shared<Clipping>();
  EXPECT_THROW(Aggregator(small_layout(), algorithm_of({.name = "sign"}), parts, 1, solo), Error);
}

}  // namespace
}  // namespace laser::contract
