#include <algorithm>
#include <cmath>
#include <vector>

#include "laser/kernels/softmax_regression.hpp"

namespace laser::reference {

double softmax_regression_gradient(const SparseRows& rows, std::span<const std::int32_t> ids,
                                   std::span<const std::uint8_t> labels, int classes, const float* weights,
                                   const float* bias, std::span<const float, 256> value_table,
                                   double* gradient, double* bias_gradient, double scale) {
  double loss = 0;
  for (const std::int32_t id : ids) {
    const auto i = static_cast<std::size_t>(id);
    std::vector<double> logits(bias, bias + classes);
    for (std::size_t p = rows.offsets[i]; p < rows.offsets[i + 1]; ++p) {
      const double x = static_cast<double>(value_table[rows.values[p]]);
      for (std::size_t c = 0; c < logits.size(); ++c) {
        logits[c] += x * static_cast<double>(weights[std::size_t{rows.columns[p]} * kClassLanes + c]);
      }
    }
    const double largest = *std::max_element(logits.begin(), logits.end());
    double sum = 0;
    for (const double logit : logits) sum += std::exp(logit - largest);
    const double log_sum = largest + std::log(sum);
    loss += log_sum - logits[labels[i]];
    for (std::size_t c = 0; c < logits.size(); ++c) {
      const double delta = (std::exp(logits[c] - log_sum) - (c == labels[i] ? 1 : 0)) * scale;
      bias_gradient[c] += delta;
      for (std::size_t p = rows.offsets[i]; p < rows.offsets[i + 1]; ++p) {
        gradient[std::size_t{rows.columns[p]} * kClassLanes + c] +=
            static_cast<double>(value_table[rows.values[p]]) * delta;
      }
    }
  }
  return loss;
}

}  // namespace laser::reference
