// Parts from outside: right ones pass the laws and train, wrong ones are found by the law
// that speaks of them.
#include "strangers.hpp"

#include <gtest/gtest.h>

namespace laser::contract {
namespace {

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

class Clipping : public Receiver {
 public:
  [[nodiscard]] ReceiverTraits traits() const override { return {.weighs = true}; }
  [[nodiscard]] double weight(std::span<const Reception> blocks, std::span<const double> norms,
                              std::span<const char> active) const override {
    return matched_weight(blocks, norms, active, 0.5);
  }
};

std::string text_of(const std::vector<Violation>& violations) {
  std::string text;
  for (const auto& v : violations) text += v.law + ", " + v.surroundings + ": " + v.what + "\n";
  return text;
}

TEST(Strangers, RightPartsObeyTheLaws) {
  EXPECT_EQ(text_of(check_compressor(std::make_shared<EverySecond>())), "");
  EXPECT_EQ(text_of(check_feedback(std::make_shared<Decaying>())), "");
  EXPECT_EQ(text_of(check_receiver(std::make_shared<Clipping>())), "");
  EXPECT_EQ(text_of(check_channel(std::make_shared<Plain>())), "");
}

/// The parts of the tables, brought from outside, obey them in every round that their traits allow.
TEST(Strangers, PartsOfTheTablesObeyTheLawsFromOutside) {
  for (const auto& row : compressors())
    EXPECT_EQ(
        text_of(check_compressor(make_compressor({.name = row.name, .rank = 2, .compression_factor = 0.4}))),
        "")
        << row.name;
  for (const auto& row : feedbacks())
    EXPECT_EQ(text_of(check_feedback(make_feedback(row.name))), "") << row.name;
  for (const auto& row : receivers())
    EXPECT_EQ(text_of(check_receiver(make_receiver(row.name))), "") << row.name;
  for (const auto& row : allocations())
    EXPECT_EQ(text_of(check_allocation(make_allocation(row.name))), "") << row.name;
  for (const auto& row : channels()) {
    if (!row.needs.empty()) continue;
    EXPECT_EQ(text_of(check_channel(make_channel(row.name))), "") << row.name;
  }
}

/// What is wrong only where few bits are left is found there, and told so.
TEST(Strangers, WhatIsWrongElsewhereIsFoundThere) {
  class Wasteful : public EverySecond {
    Message encode(Exchange& exchange, int pass) const override {
      auto message = EverySecond::encode(exchange, pass);
      if (!exchange.bits.empty()) message.bits.assign(exchange.bits.size(), 1e9);
      return message;
    }
  };
  const auto found = check_compressor(std::make_shared<Wasteful>());
  ASSERT_FALSE(found.empty());
  for (const auto& violation : found) {
    EXPECT_EQ(violation.surroundings, "channel=digital");
    EXPECT_NE(violation.what.find("takes more bits than the link has"), std::string::npos) << violation.what;
  }
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

/// What phases, timing and clipping do to a named channel they do to one of one's own; what only channels of
/// the table read is refused beside it.
TEST(Strangers, AChannelOfOnesOwnMeetsTheSameImperfections) {
  at::Tensor estimates[2];
  Parts parts;
  for (int i = 0; i < 2; ++i) {
    if (i == 1) parts.channel = std::make_shared<Plain>();
    auto algorithm = algorithm_of({.rank = 2});
    algorithm.link.phase_error = 0.4;
    algorithm.link.timing_error = 0.2;
    algorithm.link.peak_ratio = 3;
    Solo solo(3);
    Aggregator aggregator(small_layout(), algorithm, parts, 1, solo, at::kFloat);
    estimates[i] = run_rounds(aggregator, 3, 0, 4, 50, at::kFloat);
  }
  EXPECT_TRUE(at::equal(estimates[0], estimates[1]));
  auto algorithm = algorithm_of({.rank = 2});
  algorithm.link.channel_error = 0.1;
  Solo solo(3);
  try {
    Aggregator(small_layout(), algorithm, parts, 1, solo);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("channel_error = 0.1 is read by channels of the table"),
              std::string::npos)
        << error.what();
  }
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
