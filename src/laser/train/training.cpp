#include "laser/train/training.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "laser/aggregate/delays.hpp"
#include "laser/channel/channel.hpp"
#include "laser/core/fail.hpp"
#include "laser/core/large_pages.hpp"
#include "laser/core/tensor_span.hpp"
#include "laser/hash/sha256.hpp"
#include "laser/power/schedule.hpp"
#include "laser/train/checkpoint.hpp"
#include "laser/train/learning_rate.hpp"
#include "laser/train/spectrum.hpp"

namespace laser {
namespace {

constexpr double kGradientDecay = 0.99;  // of the averaged gradient whose spectrum is recorded (spec 5, E7)
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();  // no accuracy

std::vector<double> budgets(const Experiment& e, std::int64_t rounds, std::int64_t rounds_per_epoch) {
  if (!channel_traits(e.algorithm.channel).noisy) {
    return std::vector<double>(static_cast<std::size_t>(rounds), std::numeric_limits<double>::infinity());
  }
  const bool by_epoch = e.power_period == "epoch";
  const auto periods = power_schedule(parse_power_policy(e.power_policy), by_epoch ? e.epochs : rounds,
                                      e.power, e.power_levels, e.power_exponent);
  std::vector<double> result;
  for (std::int64_t t = 0; t < rounds; ++t) {
    result.push_back(periods[static_cast<std::size_t>(by_epoch ? t / rounds_per_epoch : t)]);
  }
  return result;
}

/// Where weight decay acts, neighbours joined.
Ranges decayed(const Task& task, bool everywhere) {
  Ranges ranges;
  for (const auto& layer : task.layout().layers) {
    if (!everywhere && !task.decays(layer)) continue;
    if (!ranges.empty() && ranges.back().first + ranges.back().second == layer.offset) {
      ranges.back().second += layer.size;
    } else {
      ranges.emplace_back(layer.offset, layer.size);
    }
  }
  return ranges;
}

std::string weights_hash(const at::Tensor& parameters) {
  std::string hash;
  with_span(parameters, [&](auto span) { hash = sha256_hex(std::as_bytes(span)); });
  return hash.substr(0, 16);
}

}  // namespace

Training::Training(const Experiment& experiment, Task& task, Collective* processes, Parts parts)
    : experiment_(experiment),
      task_(task),
      work_(experiment.local, task),
      rounds_per_epoch_(work_.rounds_per_epoch()),
      rounds_(rounds_per_epoch_ * experiment.epochs),
      budgets_(budgets(experiment, rounds_, rounds_per_epoch_)),
      alone_(experiment.workers),
      collective_(processes != nullptr ? *processes : alone_),
      aggregator_(task.layout(), experiment.algorithm, std::move(parts),
                  static_cast<std::uint64_t>(experiment.seed), collective_),
      optimizer_(make_optimizer(experiment.optimizer, decayed(task, experiment.decay_norms), task.layout())),
      downlink_(experiment.downlink, static_cast<std::uint64_t>(experiment.seed), experiment.workers),
      average_(experiment.ema_decay),
      statistics_average_(experiment.ema_decay),
      gradient_average_(kGradientDecay),
      parameters_(task.initial_parameters()),
      gradients_(
          zeros_in_large_pages({collective_.local_workers(), task.layout().size}, parameters_.scalar_type())),
      estimate_(zeros_in_large_pages(parameters_.sizes(), parameters_.scalar_type())),
      losses_(static_cast<std::size_t>(collective_.local_workers())) {
  aggregator_.parts().channel->check(experiment.workers, rounds_);
  sums_.energy.resize(static_cast<std::size_t>(experiment.workers), 0.0);
  summary_.dense_symbols = static_cast<double>(task.layout().size);
  summary_.memory_lag = memory_lag(experiment.algorithm, task.layout());
  if (!task.averages()) summary_.final_accuracy = summary_.best_ema_accuracy = kNone;
}

double Training::learning_rate(std::int64_t round) const {
  const auto& e = experiment_;
  if (e.schedule == "one_cycle") {
    return one_cycle_learning_rate({e.learning_rate, e.warmup_fraction, e.start_divisor, e.end_divisor},
                                   rounds_, round);
  }
  std::vector<std::int64_t> milestones;
  if (e.schedule == "multistep") {
    for (const double epoch : e.milestones) milestones.push_back(static_cast<std::int64_t>(epoch));
  }
  return multistep_learning_rate(e.learning_rate, milestones, e.decay_factor, round / rounds_per_epoch_);
}

std::optional<EpochRecord> Training::advance() {
  LASER_CHECK(!finished());
  const at::NoGradGuard no_grad;
  auto models = downlink_.models(parameters_);
  if (models.dim() == 2) models = local_rows(collective_, models);  // they have drifted apart
  const auto awake = aggregator_.awake(round_);                     // only who takes part computes
  const auto here =
      std::span(awake).subspan(static_cast<std::size_t>(collective_.first_worker()), losses_.size());
  work_.messages(models, round_, gradients_, losses_, here);
  const bool last = (round_ + 1) % rounds_per_epoch_ == 0;
  const double budget = budgets_[static_cast<std::size_t>(round_)], rate = learning_rate(round_);
  const double scale = experiment_.message_scale == "learning_rate" ? rate : 1.0;
  const auto report = aggregator_.round(round_, budget, gradients_, estimate_, diagnosed(), scale);
  if (experiment_.local.asleep == "drop") aggregator_.forget_asleep(here);
  add(report, awake);
  if (!report.nobody_heard) {
    const auto before = downlink_.noisy() ? parameters_.clone() : at::Tensor();
    optimizer_->step(parameters_, estimate_, rate);
    downlink_.broadcast(round_, before, parameters_);
  }
  if (experiment_.spectrum_rank > 0) gradient_average_.update(estimate_);
  if (task_.averages()) average_.update(parameters_);
  if (const auto statistics = task_.statistics(); statistics.defined())
    statistics_average_.update(statistics);
  ++round_;
  summary_.rounds = round_;
  if (!last) return {};
  return end_epoch(budget);
}

bool Training::diagnosed() const {
  constexpr std::int64_t kPairs = 8,
                         kSpacing = 16;  // pairs an epoch at most, rounds from pair to pair at least
  const auto pairs = std::clamp<std::int64_t>(rounds_per_epoch_ / kSpacing, 1, kPairs);
  const auto left = rounds_per_epoch_ - 1 - round_ % rounds_per_epoch_;  // rounds after this one
  for (std::int64_t j = 0; j < pairs; ++j) {
    const auto end = j * rounds_per_epoch_ / pairs;  // rounds after the pair
    if (left == end || left == end + 1) return true;
  }
  return false;
}

void Training::check_growth(const EpochRecord& record) {
  constexpr double kGrowth = 1000;
  const double noise = record.noise_energy.value_or(0), waiting = record.waiting_rounds.value_or(0);
  // What is usual is known once the memory had time to fill.
  if (record.epoch == 1 || static_cast<double>(record.round) <= summary_.memory_lag.value_or(0)) {
    first_noise_ = std::max(first_noise_, noise);
    first_waiting_ = std::max(first_waiting_, waiting);
    first_loss_ = std::max(first_loss_, record.test_loss);
  }
  if (record.test_loss <= first_loss_) return;
  const auto check = [&](const char* what, double now, double first) {
    if (first <= 0 || now <= kGrowth * first) return;
    fail(ExitCode::kNonFinite,
         "training diverged: after epoch {} {} is {:.0f} times that of the first epochs, and the test loss "
         "has risen from {:.3g} to {:.3g}. HINT: lower learning_rate or raise power",
         record.epoch, what, now / first, first_loss_, record.test_loss);
  };
  check("the noise in the estimate", noise, first_noise_);
  check("the error memory", waiting, first_waiting_);
}

void Training::add(const RoundReport& report, const std::vector<char>& awake) {
  const auto losses = collective_.gather_rows(losses_, 1);  // [k]
  const auto heard =
      static_cast<double>(std::count_if(awake.begin(), awake.end(), [](char a) { return a != 0; }));
  for (std::size_t i = 0; i < losses.size(); ++i) {
    if (awake[i] != 0) sums_.loss += losses[i] / heard;
  }
  sums_.symbols += static_cast<double>(report.symbols);
  for (std::size_t i = 0; i < report.energy.size(); ++i) sums_.energy[i] += report.energy[i];
  sums_.budget_use = std::max(sums_.budget_use, report.budget_use);
  sums_.memory_ratio.add(report.memory_ratio);
  sums_.lambda.add(report.lambda);
  sums_.delta.add(report.delta);
  sums_.noise_energy.add(report.noise_energy);
  sums_.sent_ratio.add(report.sent_ratio);
  sums_.waiting_rounds.add(report.waiting_rounds);
  ++sums_.rounds;
  // No worker ever sends more than its budget, unless that holds on average.
  LASER_CHECK(experiment_.algorithm.precoding != "norms" || sums_.budget_use <= 1 + 1e-6);
}

EpochRecord Training::end_epoch(double budget) {
  EpochRecord record;
  record.epoch = round_ / rounds_per_epoch_;
  record.round = round_;
  record.learning_rate = learning_rate(round_ - 1);
  // One process evaluates, and all go on with its numbers: they come to the same decisions.
  Evaluation raw, averaged;
  if (collective_.leads()) {
    const bool statistics = task_.statistics().defined();
    raw = task_.evaluate(parameters_, task_.statistics());
    if (task_.averages())
      averaged = task_.evaluate(average_.value(), statistics ? statistics_average_.value() : at::Tensor());
  }
  const auto known = from_leader(collective_, {raw.accuracy, raw.loss, averaged.accuracy});
  raw = {known[0], known[1]};
  if (!std::isfinite(raw.loss)) {
    fail(ExitCode::kNonFinite,
         "training diverged: the test loss is not finite after epoch {}. HINT: lower learning_rate or "
         "raise power",
         record.epoch);
  }
  record.test_loss = raw.loss;
  record.test_accuracy = raw.accuracy;
  record.ema_accuracy = task_.averages() ? known[2] : kNone;
  if (!task_.averages()) record.perplexity = std::exp(raw.loss);
  record.power = std::isfinite(budget) ? budget : 0.0;
  record.memory_ratio = sums_.memory_ratio.value();
  record.lambda = sums_.lambda.value();
  record.delta = sums_.delta.value();
  record.noise_energy = sums_.noise_energy.value();
  record.sent_ratio = sums_.sent_ratio.value();
  record.waiting_rounds = sums_.waiting_rounds.value();
  const auto count = static_cast<double>(sums_.rounds);
  if (experiment_.spectrum_rank > 0)
    record.spectrum = energy_shares(task_.layout(), gradient_average_.value(), experiment_.spectrum_rank);
  record.train_loss = sums_.loss / count;
  record.symbols = sums_.symbols / count;
  record.budget_use = sums_.budget_use;
  for (const double value : sums_.energy) record.energy.push_back(value / count);
  summary_.epochs = record.epoch;
  summary_.final_accuracy = raw.accuracy;
  summary_.final_loss = raw.loss;
  summary_.best_ema_accuracy =
      task_.averages() ? std::max(summary_.best_ema_accuracy, record.ema_accuracy) : kNone;
  summary_.perplexity = record.perplexity;
  if (finished()) {
    if (const auto loss = task_.whole_loss(parameters_)) summary_.split_perplexity = std::exp(*loss);
  }
  summary_.budget_use = std::max(summary_.budget_use, record.budget_use);
  symbols_ += sums_.symbols;
  summary_.symbols_per_round = symbols_ / static_cast<double>(round_);
  check_growth(record);
  const auto workers = sums_.energy.size();
  sums_ = {};
  sums_.energy.resize(workers, 0.0);
  return record;
}

std::string Training::result() const {
  if (summary_.epochs == 0) return "";
  return summary_.perplexity ? fmt::format("perplexity {:.1f}", *summary_.perplexity)
                             : fmt::format("accuracy {:.2f} %", summary_.final_accuracy);
}

RunSummary Training::summary() const {
  auto summary = summary_;
  summary.status = finished() ? "completed" : "interrupted";
  summary.weights_hash = weights_hash(parameters_);
  return summary;
}

void Training::visit_numbers(const std::function<void(const std::string&, double&)>& visit) {
  const auto whole = [&](const std::string& name, std::int64_t& number) {
    auto value = static_cast<double>(number);  // exact below 2^53
    visit(name, value);
    if (!(value >= 0 && value < 9007199254740992.0))
      fail(ExitCode::kData, "the saved state's 'progress/{}' is {}, not a number of times", name, value);
    number = static_cast<std::int64_t>(value);
  };
  whole("round", round_);
  whole("epochs", summary_.epochs);
  whole("epoch/rounds", sums_.rounds);
  visit("epoch/loss", sums_.loss);
  visit("epoch/symbols", sums_.symbols);
  visit("epoch/budget_use", sums_.budget_use);
  const auto mean = [&](const std::string& name, Mean& value) {
    visit("epoch/" + name, value.sum);
    visit("epoch/" + name + "_count", value.count);
  };
  mean("memory_ratio", sums_.memory_ratio);
  mean("lambda", sums_.lambda);
  mean("delta", sums_.delta);
  mean("noise_energy", sums_.noise_energy);
  mean("sent_ratio", sums_.sent_ratio);
  mean("waiting_rounds", sums_.waiting_rounds);
  visit("first/noise", first_noise_);
  visit("first/waiting", first_waiting_);
  visit("first/loss", first_loss_);
  visit("final_accuracy", summary_.final_accuracy);
  visit("final_loss", summary_.final_loss);
  visit("best_ema_accuracy", summary_.best_ema_accuracy);
  visit("budget_use", summary_.budget_use);
  visit("symbols_per_round", summary_.symbols_per_round);
  visit("symbols", symbols_);
}

NamedTensors Training::state() {
  NamedTensors state{{"parameters", parameters_}};
  add_tensors(state, "optimizer", optimizer_->state());
  add_tensors(state, "downlink", downlink_.state());
  add_tensors(state, "average", average_.state());
  add_tensors(state, "statistics_average", statistics_average_.state());
  add_tensors(state, "gradient_average", gradient_average_.state());
  for (const auto& [name, tensor] : aggregator_.state()) {
    state["aggregator/" + name] = Aggregator::has_rows(name, tensor) ? gather(collective_, tensor) : tensor;
  }
  for (const auto& [name, tensor] : task_.state()) state["task/" + name] = gather(collective_, tensor);
  visit_numbers([&](const std::string& name, double& number) {
    state["progress/" + name] = at::scalar_tensor(number, at::kDouble);
  });
  if (summary_.split_perplexity)
    state["progress/split_perplexity"] = at::scalar_tensor(*summary_.split_perplexity, at::kDouble);
  state["progress/epoch/energy"] = at::tensor(at::ArrayRef<double>(sums_.energy), at::kDouble);
  return state;
}

void Training::load_state(const NamedTensors& state) {
  const auto find = [&](const std::string& name, at::IntArrayRef sizes, at::ScalarType type) {
    const auto found = state.find(name);
    if (found == state.end() || found->second.sizes() != sizes || found->second.scalar_type() != type) {
      fail(ExitCode::kData, "the saved state has no '{}' of the right shape and type", name);
    }
    return found->second;
  };
  parameters_.copy_(find("parameters", parameters_.sizes(), at::kFloat));
  visit_numbers([&](const std::string& name, double& number) {
    number = find("progress/" + name, {}, at::kDouble).item<double>();
  });
  if (round_ < 0 || round_ > rounds_) {
    fail(ExitCode::kData, "the saved state is at round {}, but the run has {} rounds", round_, rounds_);
  }
  summary_.rounds = round_;
  if (!task_.averages() && summary_.epochs > 0) summary_.perplexity = std::exp(summary_.final_loss);
  // Of the end only: a finished run that goes on has it to come.
  summary_.split_perplexity.reset();
  if (finished() && state.contains("progress/split_perplexity"))
    summary_.split_perplexity = find("progress/split_perplexity", {}, at::kDouble).item<double>();
  const auto workers = static_cast<std::int64_t>(sums_.energy.size());
  const auto energy = find("progress/epoch/energy", {workers}, at::kDouble);
  sums_.energy.assign(energy.data_ptr<double>(), energy.data_ptr<double>() + workers);
  // What exists from the first round on must be there from then on.
  const auto load = [&](const std::string& prefix, auto& part, const std::vector<std::string>& tensors,
                        at::IntArrayRef sizes) {
    const auto below = prefix + "/";
    for (const auto& tensor : tensors) {
      const auto name = below + tensor;
      if (round_ > 0 || state.contains(name)) (void)find(name, sizes, at::kFloat);
    }
    part.load_state(tensors_below(state, prefix));
  };
  load("optimizer", *optimizer_, optimizer_->vectors(), parameters_.sizes());
  downlink_.load_state(tensors_below(state, "downlink"), parameters_.size(0));
  using Names = std::vector<std::string>;
  load("average", average_, task_.averages() ? Names{"sum"} : Names{}, parameters_.sizes());
  load("gradient_average", gradient_average_, experiment_.spectrum_rank > 0 ? Names{"sum"} : Names{},
       parameters_.sizes());
  const auto statistics = task_.statistics();
  load("statistics_average", statistics_average_, statistics.defined() ? Names{"sum"} : Names{},
       statistics.defined() ? statistics.sizes() : at::IntArrayRef());
  const auto local = [&](const std::string& prefix, const auto& has_rows) {
    auto part = tensors_below(state, prefix);
    for (auto& [name, tensor] : part) {
      if (!has_rows(name, tensor)) continue;
      if (tensor.dim() == 0 || tensor.size(0) != workers) {
        fail(ExitCode::kData, "'{}/{}' in the saved state is not for {} workers", prefix, name, workers);
      }
      tensor = local_rows(collective_, tensor);
    }
    return part;
  };
  aggregator_.load_state(local("aggregator", Aggregator::has_rows));
  task_.load_state(local("task", [](const auto&, const auto&) { return true; }));
}

NamedTensors Training::weights() const {
  NamedTensors weights{{"parameters", parameters_}};
  if (task_.averages()) weights["ema"] = average_.value();
  const auto statistics = task_.statistics();
  if (statistics.defined()) {
    weights["statistics"] = statistics;
    weights["ema_statistics"] = statistics_average_.value();
  }
  return weights;
}

}  // namespace laser
