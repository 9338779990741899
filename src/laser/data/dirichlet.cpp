#include "laser/data/dirichlet.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace laser {
namespace {

constexpr std::uint64_t kTries = 64;
constexpr std::uint64_t kWordsATry = 3;

/// Logarithm of a Gamma(alpha, 1) number, from words first .. first + 3 kTries of the stream
/// [Marsaglia and Tsang, ACM TOMS 2000]; for alpha < 1 that of Gamma(alpha + 1) plus log(u) / alpha,
/// which does not underflow.
double log_gamma_number(double alpha, const StreamKey& key, std::uint64_t first) {
  const double boost = alpha < 1 ? std::log(random_uniform(key, first)) / alpha : 0.0;
  const double d = (alpha < 1 ? alpha + 1 : alpha) - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  for (std::uint64_t attempt = 0; attempt < kTries; ++attempt) {
    const std::uint64_t at = first + 1 + attempt * kWordsATry;
    const double radius = std::sqrt(-2 * std::log(random_uniform(key, at)));
    const double x = radius * std::cos(2 * std::numbers::pi * random_uniform(key, at + 1));
    const double v = std::pow(1 + c * x, 3);
    if (v <= 0) continue;
    if (std::log(random_uniform(key, at + 2)) < 0.5 * x * x + d - d * v + d * std::log(v)) {
      return std::log(d * v) + boost;
    }
  }
  return std::log(d) + boost;
}

}  // namespace

std::vector<double> dirichlet(double alpha, std::size_t count, const StreamKey& key) {
  std::vector<double> shares(count);
  for (std::size_t i = 0; i < count; ++i) {
    shares[i] = log_gamma_number(alpha, key, i * (1 + kTries * kWordsATry));
  }
  const double largest = *std::max_element(shares.begin(), shares.end());
  double sum = 0;
  for (double& share : shares) sum += share = std::exp(share - largest);
  for (double& share : shares) share /= sum;
  return shares;
}

}  // namespace laser
