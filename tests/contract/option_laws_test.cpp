// What an option does not allow is refused wherever a part is made, by C++ as by the command, with one text.
// The values below are set in the structs themselves, past the text that the command reads; every option of
// the list that has a range must have wrong values here.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <set>

#include "laser/aggregate/describe.hpp"
#include "laser/core/options.hpp"
#include "laws.hpp"

namespace laser::contract {
namespace {

/// A wrong value of an option, as text and as the struct holds it.
struct Wrong {
  std::string option;
  std::string text;
  std::function<void(Algorithm&)> set;
};

#define LASER_FIELD(name) \
  [](Algorithm & a) -> auto& { return a.name; }

std::vector<Wrong> wrong_values() {
  std::vector<Wrong> list;
  // Empty, in capitals, with a letter more, with a blank, in another option's words.
  const auto names = [&](const std::string& option, auto field, std::vector<std::string> more) {
    for (const char* name : {"", " ", "unknown"}) more.emplace_back(name);
    for (const auto& name : more)
      list.push_back({option, name, [field, name](Algorithm& a) { field(a) = name; }});
  };
  const auto reals = [&](const std::string& option, auto field, std::vector<double> values) {
    for (const double other : {std::nan(""), HUGE_VAL, -HUGE_VAL}) values.push_back(other);
    for (const double value : values)
      list.push_back({option, number_text(value), [field, value](Algorithm& a) { field(a) = value; }});
  };
  const auto integers = [&](const std::string& option, auto field, std::vector<std::int64_t> values) {
    values.push_back(std::numeric_limits<std::int64_t>::min());
    values.push_back(std::numeric_limits<std::int64_t>::max());
    for (const auto value : values)
      list.push_back({option, std::to_string(value), [field, value](Algorithm& a) { field(a) = value; }});
  };
  names("compressor", LASER_FIELD(compressor.name), {"lowrank", "laser", "LOW_RANK"});
  integers("rank", LASER_FIELD(compressor.rank), {0, -1, 65});
  names("transport", LASER_FIELD(compressor.transport), {"two-phase", "oneshot", "Alternating"});
  names("compress", LASER_FIELD(compressor.compress), {"alwyas", "never"});
  names("column_mode", LASER_FIELD(compressor.column_mode), {"sqrt-kappa", "kappa"});
  reals("phase_share", LASER_FIELD(compressor.phase_share), {0, 1, -0.5, 0.999});
  names("rank_allocation", LASER_FIELD(compressor.rank_allocation), {"optimal", "sqrt"});
  reals("factor_step", LASER_FIELD(compressor.factor_step), {0, -0.1, 1.1});
  reals("magnitude_share", LASER_FIELD(compressor.magnitude_share), {-0.1, 1.1});
  reals("compression_factor", LASER_FIELD(compressor.compression_factor), {0, -0.1, 1.0000001, 2});
  names("decoder", LASER_FIELD(compressor.decoder), {"lmse", "AMP"});
  names("feedback", LASER_FIELD(feedback), {"locla", "NONE", "true"});
  reals("feedback_strength", LASER_FIELD(feedback_strength), {0, -0.1, 1.1});
  names("receiver", LASER_FIELD(receiver), {"mmmse", "genie"});
  reals("receiver_exponent", LASER_FIELD(receiver_exponent), {-0.1, 1.1});
  reals("worker_momentum", LASER_FIELD(worker_momentum), {1.5, 1, -0.1});
  const auto texts = [&](const std::string& option, auto field) {
    for (const char* text : {"1.5", "-0.1", "nan", "inf", "fast", " "})
      list.push_back({option, text, [field, text](Algorithm& a) { field(a) = text; }});
  };
  texts("lead", LASER_FIELD(filter.lead));
  texts("prediction", LASER_FIELD(prediction));
  names("preconditioner", LASER_FIELD(filter.preconditioner), {"second", "NONE"});
  reals("preconditioner_power", LASER_FIELD(filter.preconditioner_power), {-0.1, 1.1});
  reals("preconditioner_floor", LASER_FIELD(filter.preconditioner_floor), {-0.1, 0, 1e7});
  integers("preconditioner_refresh", LASER_FIELD(filter.preconditioner_refresh), {0, -1, 1000001});
  names("memory", LASER_FIELD(memory), {"float16", "bf16"});
  names("channel", LASER_FIELD(channel), {"rayleigh", "AWGN"});
  names("channel_mode", LASER_FIELD(channel_mode), {"physicl", "exact"});
  names("allocation", LASER_FIELD(allocation), {"norms", "comp-norm"});
  names("precoding", LASER_FIELD(precoding), {"norm", "expectation"});
  reals("least_gain", LASER_FIELD(link.least_gain), {-0.1, 10.5});
  integers("antennas", LASER_FIELD(link.antennas), {0, -4, 4097});
  reals("channel_error", LASER_FIELD(link.channel_error), {-0.1, 1});
  reals("path_loss_exponent", LASER_FIELD(link.path_loss_exponent), {-1, 8.5});
  reals("shadowing_db", LASER_FIELD(link.shadowing_db), {-1, 31});
  reals("phase_error", LASER_FIELD(link.phase_error), {-0.1, 11});
  reals("timing_error", LASER_FIELD(link.timing_error), {-0.1, 11});
  reals("peak_ratio", LASER_FIELD(link.peak_ratio), {-1, 1e7});
  names("access", LASER_FIELD(link.access), {"tdma", "sum-capacity"});
  integers("air_rank", LASER_FIELD(air_rank), {-1, 65});
  reals("scale_bits", LASER_FIELD(scale_bits), {-1, 65});
  names("exchange", LASER_FIELD(exchange), {"slow", "Exact"});
  names("fading_draw", LASER_FIELD(fading_draw), {"tenor", "layer"});
  reals("participation", LASER_FIELD(participation), {-1, 0, 1.01});
  reals("loss_rate", LASER_FIELD(loss_rate), {2, -0.1});
#undef LASER_FIELD
  return list;
}

void describe_all(OptionList& list, Algorithm& a) {
  describe(list, a.compressor);
  describe_round(list, a);
  describe_channel(list, a);
  describe_links(list, a);
}

/// What `work` says when it is refused as a configuration.
std::string refusal(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kConfiguration);
    return error.what();
  }
  return "nothing";
}

TEST(OptionLaws, WhatTheCommandRefusesIsRefusedWhereThePartIsMadeWithTheSameText) {
  Solo solo(2);
  for (const auto& wrong : wrong_values()) {
    Algorithm plain, bad;
    OptionList list;
    describe_all(list, plain);
    const auto said = refusal([&] { list.set(wrong.option, wrong.text); });
    ASSERT_NE(said, "nothing") << wrong.option << " = " << wrong.text;
    wrong.set(bad);
    EXPECT_EQ(refusal([&] { validate(bad); }), said);
    EXPECT_EQ(refusal([&] { Aggregator(small_layout(), bad, 1, solo); }), said);
    const Algorithm good;
    const bool compressor = refusal([&] { make_compressor(bad.compressor); }) == said;
    const bool channel = refusal([&] { make_channel(bad.channel, bad.link); }) == said;
    const std::set<std::string> of_compressor{
        "compressor",  "rank",        "transport",       "compress",
        "column_mode", "phase_share", "rank_allocation", "compression_factor",
        "decoder",     "factor_step", "magnitude_share"};
    const std::set<std::string> of_channel{
        "channel",      "least_gain",  "antennas",     "channel_error", "path_loss_exponent",
        "shadowing_db", "phase_error", "timing_error", "peak_ratio",    "access"};
    EXPECT_EQ(compressor, of_compressor.contains(wrong.option)) << wrong.option << " = " << wrong.text;
    EXPECT_EQ(channel, of_channel.contains(wrong.option)) << wrong.option << " = " << wrong.text;
  }
}

TEST(OptionLaws, EveryOptionWithARangeHasWrongValuesAbove) {
  std::set<std::string> tried;
  for (const auto& wrong : wrong_values()) tried.insert(wrong.option);
  Algorithm plain;
  OptionList list;
  describe_all(list, plain);
  for (const auto& option : list.all()) {
    if (option.kind == Option::Kind::kFlag || option.range.empty() || option.name == "power_shares") continue;
    EXPECT_TRUE(tried.contains(option.name)) << option.name;
  }
}

TEST(OptionLaws, DefaultsAndEveryNameOfEveryChoiceAreTaken) {
  Algorithm plain;
  OptionList list;
  describe_all(list, plain);
  EXPECT_NO_THROW(validate(plain));
  for (const auto& option : list.all()) {
    if (option.kind != Option::Kind::kText) continue;
    std::string names = option.range + " | ";
    for (std::size_t at = 0; (at = names.find(" | ")) != std::string::npos; names = names.substr(at + 3)) {
      EXPECT_NO_THROW(option.set(names.substr(0, at)));
      EXPECT_NO_THROW(list.check());
    }
  }
}

TEST(OptionLaws, SharesThatAreNoSharesAndLossesOfEverythingAreRefused) {
  for (const double share : {0.0, -1.0, std::nan(""), HUGE_VAL}) {
    Algorithm bad;
    bad.power_shares = {1, share};
    EXPECT_NE(refusal([&] { validate(bad); }).find("power_shares"), std::string::npos) << share;
  }
  Algorithm bad;
  bad.loss_rate = 1;
  EXPECT_NE(refusal([&] { validate(bad); }).find("loses every message"), std::string::npos);
}

}  // namespace
}  // namespace laser::contract
