// What a run leaves behind. Training writes records, the report only reads them; measuring never formats.
//
// A run folder holds
//   config.toml     the resolved configuration: every option, enough to replay the run bit for bit
//   versions.json   versions of laser, torch and the compiler, SIMD level, threads, seed, command line, start
//                   time
//   metrics.jsonl   one EpochRecord a line, append-only (a resumed run cuts it back to its checkpoint); no
//                   wall-clock values, so equal runs have equal files
//   summary.json    one RunSummary, written when the run ends (also when it is interrupted)
// and may hold weights and a checkpoint (train/trainer.hpp).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace laser {

/// Largest file of a run folder that is read.
inline constexpr std::uintmax_t kMaxRecordBytes = std::uintmax_t{64} << 20;

/// One line of metrics.jsonl: the state after an epoch. Accuracies are percentages, energies are in units of
/// the noise variance, per worker and round.
struct EpochRecord {
  std::int64_t epoch = 0;  // 1-based
  std::int64_t round = 0;  // iterations done so far
  double learning_rate = 0;
  double train_loss = 0;             // mean over the epoch's mini-batches
  double test_loss = 0;              // of the raw weights
  double test_accuracy = 0;          // of the raw weights; NaN for language models
  double ema_accuracy = 0;           // of the exponential moving average of the weights (the paper's metric);
                                     // likewise
  std::optional<double> perplexity;  // of language models, the paper's metric: exp(test_loss)
  double power = 0;                  // budget P_t of the epoch's last round
  double budget_use = 0;       // max over workers and rounds of the epoch of energy sent / P_t (never over 1)
  std::vector<double> energy;  // [k] mean over the epoch's rounds of the energy that each worker sent
  double symbols = 0;          // mean channel uses per round
  // Means over rounds of the epoch: pairs of neighbours, evenly spread, the last two among them. Until
  // version 0.1 those of the last round alone.
  // Mean over workers of ||e_i|| / ||g_i||; absent without error feedback
  std::optional<double> memory_ratio;
  std::optional<double> lambda;          // ||estimate - noiseless estimate||^2 / ||noiseless estimate||^2
  std::optional<double> delta;           // 1 - ||M - C(M)||^2 / ||M||^2, the compression quality
  std::optional<double> noise_energy;    // ||estimate - noiseless estimate||^2
  std::optional<double> sent_ratio;      // energy of what was sent over that of the gradients that came in
  std::optional<double> waiting_rounds;  // ||e||^2 / ||g||^2: rounds of gradient that wait in the memories
  // By tensor: share of the gradient's energy in its largest singular values, where asked for
  std::map<std::string, double> spectrum;
};

/// summary.json.
struct RunSummary {
  std::string status;           // completed | interrupted | failed
  std::string reason;           // the error that ended it; empty otherwise
  std::string method;           // sgd zsgd signum randomk sketch adsgd laser, or a name of the user's
  std::string task;             // mnist ...
  std::optional<double> power;  // average budget; absent for a noiseless channel
  std::uint64_t seed = 0;
  std::int64_t epochs = 0;
  std::int64_t rounds = 0;
  double final_accuracy = 0;     // raw weights, last epoch; NaN for language models
  double best_ema_accuracy = 0;  // the paper's metric: best over epochs of the EMA of the weights; likewise
  std::optional<double> perplexity;        // of language models, the paper's metric: exp(final_loss)
  std::optional<double> split_perplexity;  // over the whole validation text, at the end of a completed run
  double final_loss = 0;
  double budget_use = 0;  // max over the whole run
  double symbols_per_round = 0;
  double dense_symbols = 0;                          // d
  std::optional<double> memory_lag;                  // rounds that the error memory lags, where there is one
  double seconds = 0;                                // wall-clock time of training and evaluation
  std::string weights_hash;                          // SHA-256 of the final raw weights, first 16 hex digits
  std::map<std::string, std::string> configuration;  // every option, as text
};

/// A run read back. The status "unfinished" (a run still going, or killed) comes from the reader only: it
/// stands for a missing summary.json, and the rest of the summary is then empty.
struct Run {
  std::string folder;
  RunSummary summary;
  std::vector<EpochRecord> epochs;
  std::map<std::string, std::string> versions;
  std::vector<std::string> warnings;  // what the reader had to leave out, one sentence each
};

}  // namespace laser
