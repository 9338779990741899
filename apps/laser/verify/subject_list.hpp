// The list that the subjects of the channel part are collected in, and what they have in common: one small
// matrix, its rank and the gradients. Only schemes.cpp and schemes_shared.cpp include it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "laser/verify/schemes.hpp"

namespace laser::verify {

inline constexpr std::int64_t kSchemeRows = 24, kSchemeColumns = 40, kSchemeRank = 3;
inline constexpr double kDecay = 0.8;  // of the singular values of the test matrices

/// One rows x columns tensor.
[[nodiscard]] Layout matrix_layout(std::int64_t rows, std::int64_t columns);

/// Without feedback, rank kSchemeRank.
[[nodiscard]] Algorithm scheme_algorithm(const std::string& compressor,
                                         const std::string& transport = "alternating");

/// The same gradients [k, d] in every round.
[[nodiscard]] std::function<at::Tensor(std::int64_t)> always(const at::Tensor& gradients);

/// Collects subjects and gives each a seed of its own.
class SubjectList {
 public:
  explicit SubjectList(std::uint64_t seed) : seed_(seed) {}
  /// A subject with one worker and one matrix.
  [[nodiscard]] MeasuredScheme one_matrix(const std::string& name, const Algorithm& algorithm,
                                          std::int64_t rows = kSchemeRows,
                                          std::int64_t columns = kSchemeColumns);
  /// A subject with one worker for each row of `gradients` [k, d].
  [[nodiscard]] MeasuredScheme workers(const std::string& name, const Algorithm& algorithm,
                                       const Layout& layout, const at::Tensor& gradients);
  [[nodiscard]] std::uint64_t next_seed() { return derived_seed(seed_, ++count_); }
  void add(MeasuredScheme subject) { subjects_.push_back(std::move(subject)); }
  [[nodiscard]] std::vector<MeasuredScheme> take() { return std::move(subjects_); }

 private:
  std::uint64_t seed_;
  std::uint32_t count_ = 0;
  std::vector<MeasuredScheme> subjects_;
};

/// Several tensors that share one budget.
void add_blocks(SubjectList& list);

/// Several workers on one channel.
void add_workers(SubjectList& list);

}  // namespace laser::verify
