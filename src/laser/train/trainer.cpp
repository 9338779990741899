#include "laser/train/trainer.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <thread>

#include "laser/aggregate/aggregator.hpp"
#include "laser/channel/channel.hpp"
#include "laser/core/error.hpp"
#include "laser/core/memory.hpp"
#include "laser/core/sha256.hpp"
#include "laser/core/tensor_span.hpp"
#include "laser/data/sharding.hpp"
#include "laser/power/schedule.hpp"
#include "laser/record/writer.hpp"
#include "laser/train/optimizer.hpp"
#include "laser/train/versions.hpp"

namespace laser {
namespace {

/// Sums over the rounds of an epoch.
struct EpochSums {
  double loss = 0;
  double symbols = 0;
  double budget_use = 0;
  std::vector<double> energy;
  std::int64_t rounds = 0;

  void add(std::span<const double> losses, const RoundReport& report, double budget) {
    for (const double value : losses) loss += value / static_cast<double>(losses.size());
    symbols += static_cast<double>(report.symbols);
    energy.resize(report.energy.size(), 0.0);
    for (std::size_t i = 0; i < energy.size(); ++i) {
      energy[i] += report.energy[i];
      if (std::isfinite(budget) && budget > 0) budget_use = std::max(budget_use, report.energy[i] / budget);
    }
    ++rounds;
  }

  void write(EpochRecord& record) const {
    const auto count = static_cast<double>(rounds);
    record.train_loss = loss / count;
    record.symbols = symbols / count;
    record.budget_use = budget_use;
    for (const double value : energy) record.energy.push_back(value / count);
  }
};

/// P_t of every round; infinite without noise.
std::vector<double> budgets(const Experiment& e, std::int64_t rounds, std::int64_t rounds_per_epoch) {
  if (!make_channel(e.algorithm.channel)->noisy()) {
    return std::vector<double>(static_cast<std::size_t>(rounds), std::numeric_limits<double>::infinity());
  }
  const bool by_epoch = e.power_period == "epoch";
  const auto periods = power_schedule(parse_power_policy(e.power_policy), by_epoch ? e.epochs : rounds,
                                      e.power, e.power_levels);
  std::vector<double> result;
  for (std::int64_t t = 0; t < rounds; ++t) {
    result.push_back(periods[static_cast<std::size_t>(by_epoch ? t / rounds_per_epoch : t)]);
  }
  return result;
}

std::string weights_hash(const at::Tensor& parameters) {
  std::string hash;
  with_span(parameters, [&](auto span) { hash = sha256_hex(std::as_bytes(span)); });
  return hash.substr(0, 16);
}

}  // namespace

RunSummary train(const Experiment& e, Task& task, const RunControl& control) {
  const auto start = std::chrono::steady_clock::now();
  const at::NoGradGuard no_grad;
  const auto seed = static_cast<std::uint64_t>(e.seed);
  const Sharding sharding(task.examples(), e.workers, e.batch_size, seed);
  const auto rounds = sharding.rounds_per_epoch() * e.epochs;
  const auto budget = budgets(e, rounds, sharding.rounds_per_epoch());
  Solo solo(e.workers);
  Aggregator aggregator(task.layout(), e.algorithm, seed, solo);
  Sgd optimizer(e.momentum, e.weight_decay);
  WeightAverage average(e.ema_decay);
  auto parameters = task.initial_parameters(seed);
  auto gradients = at::zeros({e.workers, task.layout().size}, parameters.options());
  auto estimate = at::zeros_like(parameters);
  const double scale = e.message_scale == "learning_rate" ? e.learning_rate : 1.0;
  std::vector<double> losses(static_cast<std::size_t>(e.workers));

  RunSummary summary;
  summary.status = "completed";
  summary.dense_symbols = static_cast<double>(task.layout().size);
  double symbols = 0;  // of all whole epochs
  std::int64_t t = 0;
  for (std::int64_t epoch = 0; epoch < e.epochs && summary.status == "completed"; ++epoch) {
    std::vector<std::vector<std::int32_t>> orders;
    for (std::int64_t i = 0; i < e.workers; ++i) orders.push_back(sharding.epoch_order(epoch, i));
    EpochRecord record;
    EpochSums sums;
    for (std::int64_t step = 0; step < sharding.rounds_per_epoch(); ++step, ++t) {
      std::vector<std::span<const std::int32_t>> batches;
      for (const auto& order : orders) batches.push_back(sharding.batch(order, step));
      task.gradients(parameters, batches, gradients, losses);
      const bool last = step + 1 == sharding.rounds_per_epoch();
      const double power = budget[static_cast<std::size_t>(t)];
      const auto report = aggregator.round(t, power, gradients, estimate, last, scale);
      sums.add(losses, report, power);
      LASER_CHECK(sums.budget_use <= 1 + 1e-6);  // no worker ever sends more than its budget
      optimizer.step(parameters, estimate, e.learning_rate);
      average.update(parameters);
      if (last) {
        record.power = std::isfinite(power) ? power : 0.0;
        record.memory_ratio = report.memory_ratio;
        record.lambda = report.lambda;
        record.delta = report.delta;
      }
      if (control.progress) control.progress({t + 1, rounds, summary.final_accuracy});
      if (control.stop && control.stop() && t + 1 < rounds) {
        summary.status = "interrupted";
        ++t;
        break;
      }
    }
    summary.rounds = t;
    if (summary.status == "interrupted") break;
    const auto raw = task.evaluate(parameters);
    if (!std::isfinite(raw.loss)) {
      fail(ExitCode::kNonFinite,
           "training diverged: the test loss is not finite after epoch {}. HINT: lower learning_rate or "
           "raise power",
           epoch + 1);
    }
    record.epoch = epoch + 1;
    record.round = t;
    record.learning_rate = e.learning_rate;
    record.test_loss = raw.loss;
    record.test_accuracy = raw.accuracy;
    record.ema_accuracy = task.evaluate(average.value()).accuracy;
    sums.write(record);
    summary.epochs = record.epoch;
    summary.final_accuracy = raw.accuracy;
    summary.final_loss = raw.loss;
    summary.best_ema_accuracy = std::max(summary.best_ema_accuracy, record.ema_accuracy);
    summary.budget_use = std::max(summary.budget_use, record.budget_use);
    symbols += record.symbols * static_cast<double>(sums.rounds);
    summary.symbols_per_round = symbols / static_cast<double>(t);
    if (control.record) control.record(record);
  }
  summary.weights_hash = weights_hash(parameters);
  summary.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return summary;
}

void check_fits(const Experiment& experiment, const Task& task) {
  make_compressor(experiment.algorithm.compressor)->check(task.layout());
}

RunSummary train_into(const std::string& folder, const Experiment& experiment, std::shared_ptr<TaskData> data,
                      const RunControl& control, const std::string& command) {
  const auto task = make_task(std::move(data));
  check_fits(experiment, *task);
  RunWriter writer(folder, to_toml(experiment), versions(experiment, command));
  RunControl recording = control;
  RunSummary progress;  // what is known should the run fail
  recording.record = [&](const EpochRecord& record) {
    writer.append(record);
    progress.epochs = record.epoch;
    progress.rounds = record.round;
    if (control.record) control.record(record);
  };
  const auto finish = [&](RunSummary summary) {
    summary.method = experiment.method;
    summary.task = experiment.task;
    if (make_channel(experiment.algorithm.channel)->noisy()) summary.power = experiment.power;
    summary.seed = static_cast<std::uint64_t>(experiment.seed);
    summary.configuration = to_map(experiment);
    writer.finish(summary);
    return summary;
  };
  try {
    return finish(train(experiment, *task, recording));
  } catch (const Error& error) {
    progress.status = "failed";
    progress.reason = error.what();
    finish(progress);
    throw;
  }
}

void use_threads(std::int64_t threads) {
  keep_freed_memory();
  // MKL, LibTorch's BLAS on x86, adds up in an order that depends on the number of threads unless told not
  // to. It reads this at its first call; a user's own choice is respected.
  setenv("MKL_CBWR", "AUTO,STRICT", 0);
  const auto cores = static_cast<std::int64_t>(std::max(1u, std::thread::hardware_concurrency()));
  at::set_num_threads(static_cast<int>(threads > 0 ? threads : cores));
}

}  // namespace laser
