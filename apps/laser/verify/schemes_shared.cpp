// Subjects whose tensors share a budget or whose workers share the air.
#include <ATen/ATen.h>

#include <functional>

#include "laser/theory/influence.hpp"
#include "laser/verify/subject_list.hpp"

namespace laser::verify {
namespace {

constexpr std::int64_t kSchemeWorkers = 4;
constexpr double kSinglePower = 300;  // where one power is enough; SNR 0.3125 for the 24 x 40 matrix

}  // namespace

Layout matrix_layout(std::int64_t rows, std::int64_t columns) {
  Layout layout;
  layout.add("matrix", {rows, columns});
  return layout;
}

Algorithm scheme_algorithm(const std::string& compressor, const std::string& transport) {
  Algorithm result;
  result.compressor.name = compressor;
  result.compressor.rank = kSchemeRank;
  result.compressor.transport = transport;
  result.feedback = "none";
  return result;
}

std::function<at::Tensor(std::int64_t)> always(const at::Tensor& gradients) {
  return [gradients](std::int64_t) { return gradients; };
}

MeasuredScheme SubjectList::one_matrix(const std::string& name, const Algorithm& algorithm, std::int64_t rows,
                                       std::int64_t columns) {
  return workers(name, algorithm, matrix_layout(rows, columns),
                 decaying_matrix(rows, columns, kDecay, next_seed()).view({1, -1}));
}

MeasuredScheme SubjectList::workers(const std::string& name, const Algorithm& algorithm, const Layout& layout,
                                    const at::Tensor& gradients) {
  MeasuredScheme subject;
  subject.seed = next_seed();
  subject.scheme.name = name;
  subject.scheme.layout = layout;
  subject.scheme.algorithm = algorithm;
  subject.scheme.workers = gradients.size(0);
  subject.scheme.gradients = always(gradients);
  subject.powers = {kSinglePower};
  return subject;
}

void add_blocks(SubjectList& list) {
  Layout layout = matrix_layout(kSchemeRows, kSchemeColumns);
  layout.add("bias", {kSchemeColumns});
  layout.add("square", {8, 8});
  const std::vector<std::int64_t> symbols{kSchemeRows * kSchemeColumns, kSchemeColumns, 64};
  const std::vector<double> norms{1.0, 0.3, 0.6};
  const auto gradients =
      at::cat({decaying_matrix(kSchemeRows, kSchemeColumns, kDecay, list.next_seed()).view({-1}),
               decaying_matrix(1, kSchemeColumns, 1, list.next_seed()).view({-1}) * norms[1],
               decaying_matrix(8, 8, kDecay, list.next_seed()).view({-1}) * norms[2]})
          .view({1, -1});
  auto by_norm = list.workers("Z-SGD, 3 tensors, norm", scheme_algorithm("identity"), layout, gradients);
  by_norm.scheme.algorithm.allocation = "norm";
  by_norm.source = "spec 6";
  by_norm.influence = [=](double power) { return theory::influence_blocks_norm(symbols, norms, power); };
  list.add(by_norm);

  auto best = list.workers("Z-SGD, 3 tensors, norm_dim", scheme_algorithm("identity"), layout, gradients);
  best.scheme.algorithm.allocation = "norm_dim";
  best.source = "spec 3.2";
  best.influence = [=](double power) { return theory::influence_blocks_optimal(symbols, norms, power); };
  list.add(best);

  // The factor of the matrix and the bias share the budget.
  auto mixed = list.workers("LASER alternating, 3 tensors", scheme_algorithm("low_rank"), layout, gradients);
  const auto clean = noiseless_estimate(mixed.scheme, mixed.seed);
  const std::vector<double> sent{
      clean.narrow(0, 0, kSchemeRows * kSchemeColumns).norm().item<double>(), norms[1],
      clean.narrow(0, kSchemeRows * kSchemeColumns + kSchemeColumns, 64).norm().item<double>()};
  mixed.scheme.round_step = 2;
  mixed.source = "spec 6";
  mixed.influence = [=](double power) {
    const std::vector<std::int64_t> sizes{kSchemeColumns * kSchemeRank, kSchemeColumns, 8 * kSchemeRank};
    return theory::influence_blocks_norm(sizes, sent, power);
  };
  list.add(mixed);
}

void add_workers(SubjectList& list) {
  const auto layout = matrix_layout(kSchemeRows, kSchemeColumns);
  constexpr std::int64_t kSize = kSchemeRows * kSchemeColumns;
  const auto one = decaying_matrix(kSchemeRows, kSchemeColumns, kDecay, list.next_seed()).view({1, -1});
  auto equal = list.workers("Z-SGD, 4 workers, equal", scheme_algorithm("identity"), layout,
                            one.expand({kSchemeWorkers, -1}).contiguous());
  equal.source = "spec 6";
  equal.influence = [](double power) {
    return theory::influence_workers_equal(kSize, power, kSchemeWorkers);
  };
  list.add(equal);

  // Disjoint coordinates, equal norms.
  auto apart = at::zeros({kSchemeWorkers, kSize}, at::kDouble);
  constexpr std::int64_t kPart = kSize / kSchemeWorkers;
  for (std::int64_t i = 0; i < kSchemeWorkers; ++i)
    apart[i].narrow(0, i * kPart, kPart).copy_(decaying_matrix(1, kPart, 1, list.next_seed()).view({-1}));
  auto orthogonal = list.workers("Z-SGD, 4 workers, orthogonal", scheme_algorithm("identity"), layout, apart);
  orthogonal.source = "spec 6";
  orthogonal.influence = [](double power) {
    return theory::influence_workers_orthogonal(kSize, power, kSchemeWorkers);
  };
  list.add(orthogonal);

  std::vector<at::Tensor> rows;
  for (std::int64_t i = 0; i < kSchemeWorkers; ++i)
    rows.push_back(decaying_matrix(kSchemeRows, kSchemeColumns, kDecay, list.next_seed()) *
                   static_cast<double>(1 + i));
  const auto different = at::stack(rows).view({kSchemeWorkers, -1});
  auto alternating =
      list.workers("LASER alternating, 4 workers", scheme_algorithm("low_rank"), layout, different);
  alternating.scheme.round_step = 2;
  // ||Q_i|| = ||P P^T M_i||: what worker i alone would have decoded in this basis.
  std::vector<double> norms;
  for (std::int64_t i = 0; i < kSchemeWorkers; ++i) {
    Scheme alone = alternating.scheme;
    alone.workers = 1;
    alone.gradients = always(different.narrow(0, i, 1));
    norms.push_back(noiseless_estimate(alone, alternating.seed).norm().item<double>());
  }
  const double mean_norm = noiseless_estimate(alternating.scheme, alternating.seed).norm().item<double>();
  alternating.source = "spec 6";
  alternating.influence = [=](double power) {
    return theory::influence_workers(kSchemeColumns * kSchemeRank, power, norms, mean_norm);
  };
  list.add(alternating);
}

}  // namespace laser::verify
