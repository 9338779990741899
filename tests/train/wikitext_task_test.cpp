// Language models as a task, on a text of a few kilobytes: which windows workers see, what is evaluated, and
// that runs go on bit for bit from wherever they were stopped.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <iterator>

#include "../data/small_language.hpp"
#include "laser/core/fail.hpp"
#include "laser/data/text_windows.hpp"
#include "laser/data/token_selection.hpp"
#include "laser/data/wikitext.hpp"
#include "laser/model/gpt2.hpp"
#include "laser/train/trainer.hpp"

namespace laser {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

class Language : public testing::Test {
 protected:
  void SetUp() override { use_threads(2); }

  [[nodiscard]] Experiment experiment(const Settings& more = {}) const {
    Settings settings{{"task", "wikitext2"},
                      {"data_dir", folder_.path().string()},
                      {"layers", "2"},
                      {"width", "8"},
                      {"heads", "2"},
                      {"context", "16"},
                      {"vocabulary", "300"},
                      {"batch_size", "3"},
                      {"accumulation", "2"},
                      {"workers", "3"},
                      {"epochs", "2"},
                      {"epoch_rounds", "4"},
                      {"rank", "1"},
                      {"evaluation_batches", "2"},
                      {"learning_rate", "0.01"}};
    settings.insert(settings.end(), more.begin(), more.end());
    return resolve(settings);
  }

  [[nodiscard]] std::unique_ptr<Task> task(const Experiment& e) const {
    return make_task(load_task_data(task_options(e)), task_options(e));
  }

  [[nodiscard]] WikiText text() const {
    return load_wikitext(folder_.path() / "wikitext-2", {folder_.path() / "tokens"},
                         BytePairEncoder(load_byte_pair_vocabulary(folder_.path() / "gpt2-bpe")));
  }

  static TokenBatch batch_at(std::span<const Token> tokens, std::span<const std::int64_t> starts) {
    const auto count = static_cast<std::int64_t>(starts.size());
    TokenBatch batch{at::empty({count, 16}, at::kLong), at::empty({count, 16}, at::kLong)};
    const auto size = starts.size() * 16;
    copy_windows(tokens, starts, 16, {batch.inputs.data_ptr<std::int64_t>(), size},
                 {batch.targets.data_ptr<std::int64_t>(), size});
    return batch;
  }

  static Gpt2 model(std::int64_t vocabulary = 300, double dropout = 0) {
    return Gpt2({.layers = 2, .width = 8, .context = 16, .vocabulary = vocabulary},
                {.heads = 2, .dropout = dropout});
  }

  SmallLanguage folder_;
};

TEST_F(Language, DefaultsAreThePapersExperiment) {
  const auto e = resolve({{"task", "wikitext103"}});
  EXPECT_EQ(e.workers, 4);
  EXPECT_EQ(e.batch_size, 15);
  EXPECT_EQ(e.language.accumulation, 3);
  EXPECT_EQ(e.epochs * e.language.epoch_rounds, 20000);
  EXPECT_EQ(e.optimizer.name, "adamw");
  EXPECT_DOUBLE_EQ(e.optimizer.beta2, 0.95);
  EXPECT_DOUBLE_EQ(e.optimizer.weight_decay, 1e-3);
  EXPECT_EQ(e.schedule, "one_cycle");
  EXPECT_EQ(e.width, 768);
  EXPECT_EQ(e.algorithm.compressor.rank, 4);
  EXPECT_EQ(to_map(resolve(read_settings(std::string(LASER_SOURCE_DIR) + "/configs/fig1.toml"))), to_map(e))
      << "the configuration file says the same";
}

TEST_F(Language, WorkersLearnFromTheWindowsOfTheirAddress) {
  const auto e = experiment({{"dropout", "0.3"}, {"seed", "5"}});
  const auto subject = task(e);
  const auto files = text();
  const auto parameters = subject->initial_parameters();
  auto bank = at::full({3, subject->layout().size}, 7.0f);
  std::vector<double> losses(3);
  subject->gradients(parameters, 6, bank, losses, std::vector<char>(3, 1));
  use_threads(1);  // as each worker is computed
  const auto network = model(300, 0.3);
  for (std::int64_t worker = 0; worker < 3; ++worker) {
    TokenBatches batches;
    for (std::int64_t step = 0; step < 2; ++step) {
      const auto count = static_cast<std::int64_t>(files.train.tokens().size());
      batches.steps.push_back(
          batch_at(files.train.tokens(), draw_windows(count, 16, 3, training_windows(5, 6, step, worker))));
    }
    batches.dropout = {5, Purpose::kDropout, 6, 0, static_cast<std::uint32_t>(worker)};
    auto expected = at::zeros({subject->layout().size});
    const double loss = network.gradient(parameters, batches, expected);
    EXPECT_TRUE(at::equal(bank[worker], expected)) << "worker " << worker;
    EXPECT_EQ(losses[static_cast<std::size_t>(worker)], loss);
    // Gradients of the mini-batches are added up, not averaged.
    auto first = at::zeros_like(expected), second = at::zeros_like(expected);
    const auto plain = model();
    TokenBatches one{{batches.steps[0]}, {}}, other{{batches.steps[1]}, {}}, both{batches.steps, {}};
    plain.gradient(parameters, one, first);
    plain.gradient(parameters, other, second);
    plain.gradient(parameters, both, expected);
    EXPECT_LE((first + second - expected).abs().max().item<double>(), 1e-6);
  }
}

TEST_F(Language, EvaluatesRandomBatchesAndInTheEndTheWholeText) {
  const auto e = experiment();
  const auto subject = task(e);
  const auto files = text();
  const auto tokens = files.validation.tokens();
  const auto count = static_cast<std::int64_t>(tokens.size());
  const auto parameters = subject->initial_parameters();
  const auto network = model();
  std::vector<TokenBatch> random, all;
  for (std::int64_t b = 0; b < 2; ++b)
    random.push_back(batch_at(tokens, draw_windows(count, 16, 3, evaluation_windows(1, b))));
  for (const auto start : consecutive_windows(count, 16)) all.push_back(batch_at(tokens, {&start, 1}));
  EXPECT_DOUBLE_EQ(subject->evaluate(parameters, {}).loss, network.evaluate(parameters, random));
  EXPECT_TRUE(std::isnan(subject->evaluate(parameters, {}).accuracy));
  EXPECT_NEAR(subject->whole_loss(parameters).value(), network.evaluate(parameters, all), 1e-6);

  std::vector<EpochRecord> records;
  RunControl control;
  control.record = [&](const EpochRecord& record) { records.push_back(record); };
  const auto summary = train(e, *subject, control);
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].round, 4) << "epoch_rounds";
  EXPECT_TRUE(std::isnan(records[1].ema_accuracy) && std::isnan(summary.best_ema_accuracy));
  EXPECT_DOUBLE_EQ(records[1].perplexity.value(), std::exp(records[1].test_loss));
  EXPECT_DOUBLE_EQ(summary.perplexity.value(), records[1].perplexity.value());
  EXPECT_GT(summary.split_perplexity.value(), 1);
  EXPECT_LT(*summary.perplexity, 250) << "8 rounds already tell the few tokens of the text from the 300";
}

// With `validation` the end of the training text is held out and evaluated; the validation
// text plays no part.
TEST_F(Language, StepSizesAreChosenOnTheEndOfTheTrainingText) {
  const auto e = experiment({{"validation", "0.25"}, {"dropout", "0"}});
  EXPECT_NE(experiment_hash(e), experiment_hash(experiment({{"dropout", "0"}})));
  const auto subject = task(e);
  const auto files = text();
  const auto whole = files.train.tokens();
  const auto held_out = whole.last(static_cast<std::size_t>(0.25 * static_cast<double>(whole.size())));
  const auto rest = whole.first(whole.size() - held_out.size());
  const auto parameters = subject->initial_parameters();
  std::vector<TokenBatch> random;
  for (std::int64_t b = 0; b < 2; ++b)
    random.push_back(batch_at(
        held_out, draw_windows(static_cast<std::int64_t>(held_out.size()), 16, 3, evaluation_windows(1, b))));
  EXPECT_DOUBLE_EQ(subject->evaluate(parameters, {}).loss, model().evaluate(parameters, random));
  auto gradients = at::zeros({3, subject->layout().size}), expected = at::zeros_like(gradients);
  std::vector<double> losses(3), expected_losses(3);
  subject->gradients(parameters, 5, gradients, losses, std::vector<char>(3, 1));
  std::vector<TokenBatches> workers(3);
  for (std::int64_t worker = 0; worker < 3; ++worker) {
    for (std::int64_t step = 0; step < 2; ++step)
      workers[static_cast<std::size_t>(worker)].steps.push_back(batch_at(
          rest,
          draw_windows(static_cast<std::int64_t>(rest.size()), 16, 3, training_windows(1, 5, step, worker))));
  }
  model().gradients(parameters, workers, expected, expected_losses);
  EXPECT_EQ(losses, expected_losses);
}

TEST_F(Language, OnlyMatricesOfLinearLayersDecay) {
  const auto subject = task(experiment());
  int decayed = 0;
  for (const auto& layer : subject->layout().layers) decayed += subject->decays(layer) ? 1 : 0;
  EXPECT_EQ(decayed, 2 * 4) << "of each block the four matrices";
  EXPECT_FALSE(subject->decays(subject->layout().layers[0])) << "the embedding";
}

TEST_F(Language, ASmallVocabularyKeepsTheMostFrequentTokens) {
  const auto e = experiment({{"vocabulary", "5"}});
  const auto subject = task(e);
  EXPECT_EQ(subject->layout().layers[0].rows, 5);
  const auto files = text();
  const auto tokens = TokenSelection(files.train.tokens(), 5).apply(files.train.tokens());
  auto bank = at::zeros({3, subject->layout().size});
  std::vector<double> losses(3);
  const auto parameters = subject->initial_parameters();
  subject->gradients(parameters, 0, bank, losses, std::vector<char>(3, 1));
  TokenBatches batches;
  for (std::int64_t step = 0; step < 2; ++step) {
    const auto starts =
        draw_windows(static_cast<std::int64_t>(tokens.size()), 16, 3, training_windows(1, 0, step, 2));
    batches.steps.push_back(batch_at(tokens, starts));
  }
  batches.dropout = {1, Purpose::kDropout, 0, 0, 2};
  auto expected = at::zeros({subject->layout().size});
  use_threads(1);  // as each worker is computed
  model(5, 0.2).gradient(parameters, batches, expected);
  EXPECT_TRUE(at::equal(bank[2], expected));
}

TEST_F(Language, ARunStoppedAnywhereGoesOnBitForBit) {
  for (const Settings& more :
       {Settings{{"method", "laser"}}, Settings{{"method", "zsgd"}, {"optimizer", "sgd"}},
        Settings{{"method", "laser"}, {"memory", "bfloat16"}}}) {
    const auto e = experiment(more);
    const auto data = load_task_data(task_options(e));
    const auto name = e.method + e.algorithm.memory;
    const auto whole = train_into((folder_.path() / (name + "whole")).string(), e, data, {}, "test");
    for (const int stop : {1, 3, 4, 7}) {
      const auto run = (folder_.path() / fmt::format("{}{}", name, stop)).string();
      RunFiles files;
      files.checkpoint_rounds = 1;
      int rounds = 0;
      RunControl control;
      control.stop = [&] { return ++rounds == stop; };
      EXPECT_EQ(train_into(run, e, data, control, "test", files).status, "interrupted");
      files.resume = true;
      const auto resumed = train_into(run, e, data, {}, "test", files);
      EXPECT_EQ(resumed.weights_hash, whole.weights_hash) << name << ", stopped after round " << stop;
      EXPECT_EQ(resumed.perplexity, whole.perplexity);
      EXPECT_EQ(text_of(run + "/metrics.jsonl"),
                text_of(folder_.path() / (name + "whole") / "metrics.jsonl"));
    }
  }
}

TEST_F(Language, SameBitsForEveryNumberOfThreads) {
  const auto e = experiment({{"dropout", "0.2"}});
  std::vector<std::string> hashes;
  for (const int threads : {1, 2, 3}) {
    use_threads(threads);
    hashes.push_back(train(e, *task(e), {}).weights_hash);
  }
  EXPECT_EQ(hashes[0], hashes[1]);
  EXPECT_EQ(hashes[0], hashes[2]);
}

TEST_F(Language, ATextWithoutAWindowIsRefused) {
  folder_.write("valid.txt", "a b c");
  const auto e = experiment();
  try {
    train(e, *task(e), {});
    FAIL() << "a window of 16 tokens was found in 5";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kData);
    EXPECT_NE(std::string(error.what()).find("shorter context"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace laser
