// The settings of a language model and its training, beside those that every task has.
#pragma once

#include <cstdint>
#include <functional>

#include "laser/core/options.hpp"

namespace laser {

/// Defaults are the paper's GPT-2 (spec 5, E1; 5.1). The width is a setting that other models have as well.
struct LanguageOptions {
  std::int64_t layers = 12;
  std::int64_t heads = 12;
  std::int64_t context = 512;
  std::int64_t vocabulary = 50304;
  bool biases = false;
  double dropout = 0.2;
  bool recompute = false;
  std::int64_t accumulation = 3;         // mini-batches a round, gradients added up
  std::int64_t epoch_rounds = 500;       // rounds that count as an epoch
  std::int64_t evaluation_batches = 24;  // random batches of an evaluation
  bool evaluate_split = true;            // and in the end over the whole validation text
};

/// Binds them to the list; they matter while `used` holds.
void describe(OptionList& list, LanguageOptions& options, const std::function<bool()>& used);

}  // namespace laser
