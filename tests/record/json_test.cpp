// Records survive the way through JSON bit for bit, and damaged text is refused with file, line and key.
#include "laser/record/json.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "temporary_folder.hpp"

namespace laser {
namespace {

using Limits = std::numeric_limits<double>;

const JsonSource kSource{"DIR/metrics.jsonl", 7};

bool same_bits(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

EpochRecord record_of(const std::vector<double>& values) {
  EpochRecord record = example_epoch(3, values[0]);
  record.energy = values;
  record.lambda = values.back();
  record.spectrum = {{"layer1.weight", values[0]}, {"a \"name\"", values.back()}};
  return record;
}

void expect_round_trip(const std::vector<double>& values) {
  const EpochRecord back = parse_epoch(to_json_line(record_of(values)), kSource);
  ASSERT_EQ(back.energy.size(), values.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    EXPECT_TRUE(same_bits(back.energy[i], values[i])) << values[i];
  ASSERT_TRUE(back.lambda.has_value());
  EXPECT_TRUE(same_bits(*back.lambda, values.back()));
  ASSERT_EQ(back.spectrum.size(), 2u);
  EXPECT_TRUE(same_bits(back.spectrum.at("a \"name\""), values.back()));
  EXPECT_TRUE(same_bits(back.ema_accuracy, values[0]));
}

TEST(Json, ExtremeDoublesKeepTheirBits) {
  expect_round_trip({0.0, -0.0, 0.1, 1.0 / 3.0, Limits::min(), Limits::denorm_min(), -Limits::denorm_min(),
                     Limits::max(), Limits::lowest(), Limits::epsilon(), 1.0 + Limits::epsilon(),
                     9007199254740993.0, 1e22, 1e23, 5e-324, 2.2250738585072011e-308, 123456789012345680.0});
}

// 20000 doubles, uniform over all finite bit patterns: every exponent and the denormals occur.
TEST(Json, RandomDoublesKeepTheirBits) {
  std::mt19937_64 generator(20231);
  for (int record = 0; record < 200; ++record) {
    std::vector<double> values;
    while (values.size() < 100) {
      const double value = std::bit_cast<double>(generator());
      if (std::isfinite(value)) values.push_back(value);
    }
    expect_round_trip(values);
  }
}

TEST(Json, NonFiniteIsNullAndReadsBackAsNan) {
  EpochRecord record = example_epoch(1, 50);
  record.train_loss = Limits::infinity();
  record.test_loss = Limits::quiet_NaN();
  record.energy = {1, -Limits::infinity()};
  const std::string line = to_json_line(record);
  EXPECT_TRUE(contains(line, R"("train_loss":null,"test_loss":null)")) << line;
  EXPECT_TRUE(contains(line, R"("energy":[1.0,null])")) << line;
  const EpochRecord back = parse_epoch(line, kSource);
  EXPECT_TRUE(std::isnan(back.train_loss));
  EXPECT_TRUE(std::isnan(back.energy[1]));
}

TEST(Json, EveryFieldOfAnEpochIsKept) {
  EpochRecord record{.epoch = 5,
                     .round = 150,
                     .learning_rate = 0.01,
                     .train_loss = 1.5,
                     .test_loss = 1.25,
                     .test_accuracy = 81,
                     .ema_accuracy = 82,
                     .perplexity = 3.5,
                     .power = 10,
                     .budget_use = 0.75,
                     .energy = {1, 2, 3},
                     .symbols = 804,
                     .memory_ratio = 4,
                     .lambda = 5,
                     .delta = 0.5,
                     .noise_energy = 6,
                     .sent_ratio = 7,
                     .waiting_rounds = 8,
                     .spectrum = {}};
  const EpochRecord back = parse_epoch(to_json_line(record), kSource);
  EXPECT_EQ(back.epoch, 5);
  EXPECT_EQ(back.round, 150);
  EXPECT_EQ(back.learning_rate, 0.01);
  EXPECT_EQ(back.train_loss, 1.5);
  EXPECT_EQ(back.test_loss, 1.25);
  EXPECT_EQ(back.test_accuracy, 81);
  EXPECT_EQ(back.ema_accuracy, 82);
  EXPECT_EQ(back.perplexity, 3.5);
  EXPECT_EQ(back.power, 10);
  EXPECT_EQ(back.budget_use, 0.75);
  EXPECT_EQ(back.energy, (std::vector<double>{1, 2, 3}));
  EXPECT_EQ(back.symbols, 804);
  EXPECT_EQ(back.memory_ratio, 4);
  EXPECT_EQ(back.lambda, 5);
  EXPECT_EQ(back.delta, 0.5);
  EXPECT_EQ(back.noise_energy, 6);
  EXPECT_EQ(back.sent_ratio, 7);
  EXPECT_EQ(back.waiting_rounds, 8);
  record.memory_ratio.reset();
  EXPECT_FALSE(parse_epoch(to_json_line(record), kSource).memory_ratio.has_value());
}

TEST(Json, EveryFieldOfASummaryIsKept) {
  RunSummary summary = example_summary("laser", 0.1, std::numeric_limits<std::uint64_t>::max(), 84.5);
  summary.reason = "a \"quoted\"\n\\ reason \x01 \xC3\xA9";
  summary.final_loss = 0.5;
  summary.perplexity = 1.75;
  summary.split_perplexity = 2.5;
  const RunSummary back = parse_summary(to_json(summary), {"summary.json"});
  EXPECT_EQ(back.status, summary.status);
  EXPECT_EQ(back.reason, summary.reason);
  EXPECT_EQ(back.method, summary.method);
  EXPECT_EQ(back.task, summary.task);
  EXPECT_EQ(back.power, summary.power);
  EXPECT_EQ(back.seed, summary.seed);
  EXPECT_EQ(back.epochs, summary.epochs);
  EXPECT_EQ(back.rounds, summary.rounds);
  EXPECT_EQ(back.final_accuracy, summary.final_accuracy);
  EXPECT_EQ(back.best_ema_accuracy, summary.best_ema_accuracy);
  EXPECT_EQ(back.perplexity, 1.75);
  EXPECT_EQ(back.split_perplexity, 2.5);
  EXPECT_EQ(back.final_loss, summary.final_loss);
  EXPECT_EQ(back.budget_use, summary.budget_use);
  EXPECT_EQ(back.symbols_per_round, summary.symbols_per_round);
  EXPECT_EQ(back.dense_symbols, summary.dense_symbols);
  EXPECT_EQ(back.seconds, summary.seconds);
  EXPECT_EQ(back.weights_hash, summary.weights_hash);
  EXPECT_EQ(back.configuration, summary.configuration);
  summary.power.reset();
  summary.configuration.clear();
  const RunSummary noiseless = parse_summary(to_json(summary), {"summary.json"});
  EXPECT_FALSE(noiseless.power.has_value());
  EXPECT_TRUE(noiseless.configuration.empty());
}

TEST(Json, BytesThatAreNotUtf8DontLoseTheRecord) {
  RunSummary summary = example_summary("laser", 1, 1, 90);
  summary.configuration["out"] = "folder-\xFF";
  EXPECT_EQ(parse_summary(to_json(summary), {"summary.json"}).configuration.at("out"), "folder-\xEF\xBF\xBD");
}

void expect_data_error(const std::string& text, const std::string& expected) {
  const Error error = error_of([&] { (void)parse_epoch(text, kSource); });
  EXPECT_EQ(error.code(), ExitCode::kData) << text;
  EXPECT_TRUE(contains(error.what(), expected)) << error.what();
}

TEST(Json, DamagedTextIsRefusedWithFileAndLine) {
  const std::string line = to_json_line(example_epoch(1, 50));
  expect_data_error(line.substr(0, line.size() / 2), "DIR/metrics.jsonl:7: JSON ends too early. HINT: ");
  expect_data_error("", "DIR/metrics.jsonl:7: JSON ends too early");
  expect_data_error("{\"epoch\": 1,\n\n@}", "DIR/metrics.jsonl:9: not valid JSON");
  expect_data_error("[1]", "DIR/metrics.jsonl:7: not a JSON object");
  expect_data_error(line + "x", "DIR/metrics.jsonl:7: not valid JSON");
  expect_data_error("{\"epoch\":1e999}", "DIR/metrics.jsonl:7: ");
  expect_data_error("{\"epoch\":1}", "DIR/metrics.jsonl:7: no 'round'");
  expect_data_error("{\n\"epoch\":1.5}", "DIR/metrics.jsonl:8: 'epoch' is not an integer");
  expect_data_error("{\"epoch\":-1}", "'epoch' is not an integer that is not negative");
  expect_data_error("{\"epoch\":18446744073709551615}", "'epoch' is not an integer that is not negative");
  expect_data_error(std::string(1000000, '['), "DIR/metrics.jsonl:7: JSON is nested deeper than 32 levels");
  expect_data_error(std::string("{\"a\":\"\0\xC0\"}", 10), "DIR/metrics.jsonl:7: not valid JSON");
}

// 3000 single-byte changes and 1000 cuts of a valid line: each is read or refused as damaged
// data, never a crash.
TEST(Json, MutatedTextIsReadOrRefused) {
  const std::string line = to_json_line(example_epoch(1, 50));
  std::mt19937_64 generator(7);
  int refused = 0;
  for (int i = 0; i < 4000; ++i) {
    std::string text = line;
    if (i < 3000) {
      text[generator() % text.size()] = static_cast<char>(generator());
    } else {
      text.resize(generator() % text.size());
    }
    const Error error = error_of([&] { (void)parse_epoch(text, kSource); });
    EXPECT_TRUE(error.code() == ExitCode::kOk || error.code() == ExitCode::kData) << text;
    refused += error.code() == ExitCode::kData ? 1 : 0;
  }
  EXPECT_GT(refused, 2000);  // every cut and most changes
}

TEST(Json, OtherSchemaIsRefused) {
  std::string text = to_json(example_summary("laser", 1, 1, 90));
  text.replace(text.find("\"schema\": 1"), 11, "\"schema\": 2");
  const Error error = error_of([&] { (void)parse_summary(text, {"DIR/summary.json"}); });
  EXPECT_EQ(error.code(), ExitCode::kData);
  EXPECT_TRUE(contains(error.what(), "DIR/summary.json: schema 2 is not 1. HINT: ")) << error.what();
}

TEST(Json, VersionsAreTexts) {
  const std::map<std::string, std::string> versions = {{"laser", "0.1.0"}, {"torch", "2.13.0"}};
  EXPECT_EQ(parse_texts(to_json(versions), {"versions.json"}), versions);
  EXPECT_TRUE(parse_texts(to_json(std::map<std::string, std::string>{}), {"versions.json"}).empty());
  const Error error = error_of([&] { (void)parse_texts("{\"laser\": 1}", {"versions.json"}); });
  EXPECT_STREQ(error.what(), "versions.json:1: 'laser' is not a text");
}

}  // namespace
}  // namespace laser
