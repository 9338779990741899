#include "laser/theory/condition.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "laser/core/arguments.hpp"

namespace laser::theory {

double power_for_rank(std::int64_t rank, std::int64_t tensors) {
  require_at_least("the rank r", rank, 1);
  require_at_least("the number of tensors L", tensors, 1);
  return 4 * static_cast<double>(rank) * static_cast<double>(rank) * static_cast<double>(tensors);
}

bool rank_fits_power(std::int64_t rank, double power, std::int64_t tensors) {
  require_positive("the power P", power);
  return power > power_for_rank(rank, tensors);
}

double power_for_rank_exact(std::int64_t m, std::int64_t n, std::int64_t rank, std::int64_t tensors) {
  require_rank(rank, m, n);
  const double room = 1 - 4 * static_cast<double>(rank) / static_cast<double>(std::min(m, n));
  const double simple = power_for_rank(rank, tensors);
  return room > 0 ? simple / room : std::numeric_limits<double>::infinity();
}

bool rank_fits_power_exact(std::int64_t m, std::int64_t n, std::int64_t rank, double power,
                           std::int64_t tensors) {
  require_positive("the power P", power);
  return power > power_for_rank_exact(m, n, rank, tensors);
}

std::int64_t largest_rank_for_power(double power, std::int64_t tensors) {
  require_positive("the power P", power);
  require_at_least("the number of tensors L", tensors, 1);
  const double root = std::sqrt(power / (4 * static_cast<double>(tensors)));
  if (root > 1e9) fail(ExitCode::kConfiguration, "power {} admits every rank below 1e9", power);
  auto rank = static_cast<std::int64_t>(root) + 1;
  while (rank > 0 && !(power > power_for_rank(rank, tensors))) --rank;
  return rank;
}

double guaranteed_quality(std::int64_t m, std::int64_t n, std::int64_t rank) {
  require_rank(rank, m, n);
  return static_cast<double>(rank) / static_cast<double>(std::min(m, n));
}

double compression_quality(std::span<const double> singular_values, std::int64_t rank) {
  require_all_nonnegative("the singular values", singular_values);
  const auto count = static_cast<std::int64_t>(singular_values.size());
  if (rank < 1 || rank > count) {
    fail(ExitCode::kConfiguration, "rank {} does not fit {} singular values: it must lie in 1..{}", rank,
         count, count);
  }
  std::vector<double> values(singular_values.begin(), singular_values.end());
  std::ranges::sort(values, std::greater<>());
  require_positive("the largest singular value", values.front());
  double kept = 0;
  double total = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double share = values[i] / values.front();
    total += share * share;
    if (static_cast<std::int64_t>(i) < rank) kept += share * share;
  }
  return kept / total;
}

double largest_influence(double delta, double gradient_noise_factor) {
  require_fraction("the compression quality delta", delta);
  require_nonnegative("the gradient noise factor M", gradient_noise_factor);
  return 1 / (10 * (2 / delta + gradient_noise_factor));
}

double least_power(std::int64_t m, std::int64_t n, std::int64_t rank, double delta,
                   double gradient_noise_factor, std::int64_t tensors) {
  require_rank(rank, m, n);
  require_at_least("the number of tensors L", tensors, 1);
  const double limit = largest_influence(delta, gradient_noise_factor);
  // limit p^2 - 4 r max p - 4 r^2 m n = 0 for the power p of one tensor.
  const double longer = static_cast<double>(std::max(m, n));
  const double size = static_cast<double>(m) * static_cast<double>(n);
  const double root = std::sqrt(longer * longer + limit * size);
  return static_cast<double>(tensors) * 2 * static_cast<double>(rank) * (longer + root) / limit;
}

}  // namespace laser::theory
