// One training run as a state that goes on round by round, and that can be saved and restored between any
// two: local gradients -> one round over the air -> optimizer step; an evaluation at the end of each epoch.
//
// It writes no files and knows no terminal; trainer.hpp does that.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "laser/aggregate/aggregator.hpp"
#include "laser/collective/collective.hpp"
#include "laser/record/schema.hpp"
#include "laser/train/downlink.hpp"
#include "laser/train/experiment.hpp"
#include "laser/train/local_work.hpp"
#include "laser/train/optimizer.hpp"
#include "laser/train/task.hpp"

namespace laser {

class Training {
 public:
  /// Before the first round. `task` outlives it, and so does `processes`: where the workers are, and `task`
  /// is made for those that are here; null: all are. Throws Error (configuration) where the experiment does
  /// not fit the model. `parts` play their roles in the place of those that the experiment names.
  Training(const Experiment& experiment, Task& task, Collective* processes = nullptr, Parts parts = {});

  [[nodiscard]] std::int64_t rounds() const { return rounds_; }
  [[nodiscard]] std::int64_t rounds_done() const { return round_; }
  [[nodiscard]] bool finished() const { return round_ == rounds_; }

  /// One round; after the last one of an epoch, the evaluation and what is recorded of the epoch. Throws
  /// Error (non-finite) when training diverges.
  std::optional<EpochRecord> advance();

  /// The last evaluation in words, "accuracy 84.20 %" or "perplexity 312.5"; empty before the first.
  [[nodiscard]] std::string result() const;
  /// What is known so far, as "completed" or (with rounds left) "interrupted", with the hash of the weights;
  /// without what only the caller knows.
  [[nodiscard]] RunSummary summary() const;

  /// Everything that the rounds to come depend on, of all workers: weights, optimizer, averages,
  /// error memories, factors, statistics, the sums of the epoch under way, and the position.
  /// Called in every process.
  [[nodiscard]] NamedTensors state();
  /// Restores what `state` returned: all that follows is bit for bit what would have followed. Throws Error
  /// (data) if it does not fit.
  void load_state(const NamedTensors& state);

  /// "parameters" [d], their average "ema" [d] where it is kept, and the models' statistics
  /// where there are any.
  [[nodiscard]] NamedTensors weights() const;

 private:
  /// The mean of what some rounds tell.
  struct Mean {
    double sum = 0, count = 0;
    void add(const std::optional<double>& value) {
      if (!value) return;
      sum += *value;
      count += 1;
    }
    [[nodiscard]] std::optional<double> value() const {
      return count > 0 ? std::optional(sum / count) : std::nullopt;
    }
  };
  /// Sums over the rounds of an epoch.
  struct Sums {
    double loss = 0, symbols = 0, budget_use = 0;
    std::vector<double> energy;  // [k]
    std::int64_t rounds = 0;
    Mean memory_ratio, lambda, delta, noise_energy, sent_ratio, waiting_rounds;
  };

  /// Step size of a round.
  [[nodiscard]] double learning_rate(std::int64_t round) const;
  /// Whether the present round is looked at more closely: up to 8 pairs of neighbours an epoch, so that a
  /// transport which alternates is seen from both sides.
  [[nodiscard]] bool diagnosed() const;
  /// Throws Error (non-finite) where noise or memory has grown a thousandfold since the first epochs and the
  /// loss has grown with it: such a run diverges, and its best epoch would hide that.
  void check_growth(const EpochRecord& record);
  void add(const RoundReport& report, const std::vector<char>& awake);
  EpochRecord end_epoch(double budget);
  /// Calls visit(name, number) for all numbers that last: one list for saving and restoring.
  void visit_numbers(const std::function<void(const std::string&, double&)>& visit);

  Experiment experiment_;
  Task& task_;
  LocalWork work_;
  std::int64_t rounds_per_epoch_;
  std::int64_t rounds_;
  std::vector<double> budgets_;  // P_t of every round; infinite without noise
  Solo alone_;
  Collective& collective_;
  Aggregator aggregator_;
  std::unique_ptr<Optimizer> optimizer_;
  Downlink downlink_;
  WeightAverage average_;
  WeightAverage statistics_average_;
  WeightAverage gradient_average_;  // of the estimates, where spectra are recorded
  at::Tensor parameters_;           // [d]
  at::Tensor gradients_;            // [K, d]
  at::Tensor estimate_;             // [d]
  std::vector<double> losses_;      // [K]
  std::int64_t round_ = 0;          // done
  Sums sums_;                       // of the epoch under way
  RunSummary summary_;
  double symbols_ = 0;                                           // of all whole epochs
  double first_noise_ = 0, first_waiting_ = 0, first_loss_ = 0;  // most of the first epochs
};

}  // namespace laser
