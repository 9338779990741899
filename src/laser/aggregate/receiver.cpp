#include "laser/aggregate/receiver.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace laser {

void apply_mmse(at::Tensor& values, const at::Tensor& reference, const std::vector<double>& noise_std,
                bool genie) {
  const auto length = static_cast<double>(values.size(1));
  const auto squares = reference.to(at::kDouble).pow(2).sum(1).contiguous();
  for (std::int64_t c = 0; c < values.size(0); ++c) {
    const double sigma = noise_std[static_cast<std::size_t>(c)];
    const double noise = length * sigma * sigma;
    if (noise == 0) continue;
    const double signal = squares.data_ptr<double>()[c];
    const double weight = genie        ? signal / (signal + noise)
                          : signal > 0 ? std::max(0.0, 1 - noise / signal)
                                       : 0.0;
    values[c].mul_(weight);
  }
}

double matched_weight(std::span<const Reception> blocks, std::span<const double> norms,
                      std::span<const char> active, double exponent) {
  double noise = 0, signal = 0, count = 0;
  for (const auto& block : blocks) {
    for (const double sigma : block.noise_std)
      noise += static_cast<double>(block.values.size(1)) * sigma * sigma;
  }
  const std::size_t groups = norms.size() / active.size();
  for (std::size_t i = 0; i < active.size(); ++i) {
    if (active[i] == 0) continue;
    count += 1;
    for (const double norm : norms.subspan(i * groups, groups)) signal += norm * norm;
  }
  return signal > 0 ? std::pow(1 + noise * count / signal, -exponent) : 1.0;
}

}  // namespace laser
