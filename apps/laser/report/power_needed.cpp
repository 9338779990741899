#include "laser/report/power_needed.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <random>
#include <utility>

#include "laser/core/fail.hpp"

namespace laser {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int kDraws = 2000;

bool reaches(double value, double target, bool higher_is_better) {
  return higher_is_better ? value >= target : value <= target;
}

/// Normal numbers that are the same with every standard library.
class Normals {
 public:
  explicit Normals(std::uint64_t stream) : words_(stream) {}
  double next() {
    const double radius = std::sqrt(-2 * std::log(uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }

 private:
  double uniform() { return (static_cast<double>(words_() >> 11U) + 0.5) * 0x1p-53; }
  std::mt19937_64 words_;
};

/// The interval that holds 95 % of the draws: of the lower ends below, of the upper ends above.
Interval quantiles(const std::vector<Bounds>& draws) {
  std::vector<double> low, high;
  for (const auto& draw : draws) {
    low.push_back(draw.low);
    high.push_back(draw.high);
  }
  const auto at = [](std::vector<double>& values, double share) {
    std::sort(values.begin(), values.end());
    return values[static_cast<std::size_t>(std::lround(share * static_cast<double>(values.size() - 1)))];
  };
  return {at(low, 0.025), at(high, 0.975)};
}

std::vector<std::vector<PowerPoint>> redraw(const std::vector<PowerPoint>& points, std::uint64_t stream) {
  double squares = 0;
  std::int64_t freedom = 0;
  for (const auto& point : points) {
    if (!point.std) continue;
    squares += static_cast<double>(point.seeds - 1) * *point.std * *point.std;
    freedom += point.seeds - 1;
  }
  if (freedom == 0) return {};
  const double spread = std::sqrt(squares / static_cast<double>(freedom));
  Normals normals(stream);
  std::vector<std::vector<PowerPoint>> draws(kDraws, points);
  for (auto& draw : draws) {
    double chi_squared = 0;
    for (std::int64_t i = 0; i < freedom; ++i) {
      const double z = normals.next();
      chi_squared += z * z;
    }
    const double scale = spread * std::sqrt(static_cast<double>(freedom) / chi_squared);
    for (auto& point : draw) {
      point.mean += scale / std::sqrt(static_cast<double>(point.seeds)) * normals.next();
    }
  }
  return draws;
}

}  // namespace

Bounds power_on_grid(std::span<const PowerPoint> points, double target, bool higher_is_better,
                     double rounding) {
  LASER_CHECK(!points.empty() && rounding > 0);
  for (std::size_t i = 0; i < points.size(); ++i) {
    const double rounded = std::round(points[i].mean / rounding) * rounding;
    // The target is a round number too; a hair absorbs what binary fractions leave.
    const double hair = (higher_is_better ? 1e-6 : -1e-6) * rounding;
    if (reaches(rounded + hair, target, higher_is_better))
      return {i == 0 ? 0.0 : points[i].power, points[i].power};
  }
  return {points.back().power, kInfinity};
}

Bounds power_between(std::span<const PowerPoint> points, double target, bool higher_is_better) {
  LASER_CHECK(!points.empty());
  if (reaches(points[0].mean, target, higher_is_better)) return {0, points[0].power};
  for (std::size_t i = 1; i < points.size(); ++i) {
    if (!reaches(points[i].mean, target, higher_is_better)) continue;
    const double before = points[i - 1].mean;
    const double share = (target - before) / (points[i].mean - before);
    const double power =
        points[i - 1].power * std::pow(points[i].power / points[i - 1].power, std::min(share, 1.0));
    return {power, power};
  }
  return {points.back().power, kInfinity};
}

Bounds ratio(const Bounds& over, const Bounds& under) {
  return {std::isinf(under.high) ? 0 : over.low / under.high,
          under.low == 0 ? kInfinity : over.high / under.low};
}

PowerEstimate::PowerEstimate(std::vector<PowerPoint> points, bool higher_is_better, std::uint64_t stream)
    : points_(std::move(points)), higher_is_better_(higher_is_better), draws_(redraw(points_, stream)) {}

Bounds PowerEstimate::needed(double target) const {
  return power_between(points_, target, higher_is_better_);
}

std::vector<Bounds> PowerEstimate::redrawn(double target) const {
  std::vector<Bounds> result;
  for (const auto& draw : draws_) result.push_back(power_between(draw, target, higher_is_better_));
  return result;
}

std::optional<Interval> PowerEstimate::interval(double target) const {
  if (draws_.empty()) return {};
  return quantiles(redrawn(target));
}

std::optional<Interval> PowerEstimate::gain_interval(const PowerEstimate& other, double target) const {
  if (draws_.empty() || other.draws_.empty()) return {};
  const auto ours = redrawn(target), theirs = other.redrawn(target);
  std::vector<Bounds> gains;
  for (std::size_t i = 0; i < ours.size(); ++i) gains.push_back(ratio(theirs[i], ours[i]));
  return quantiles(gains);
}

std::vector<double> common_targets(std::span<const PowerPoint> a, std::span<const PowerPoint> b,
                                   bool higher_is_better, int count) {
  if (a.empty() || b.empty()) return {};
  const double sign = higher_is_better ? 1 : -1;
  const auto worst = [&](std::span<const PowerPoint> points) { return sign * points.front().mean; };
  const auto best = [&](std::span<const PowerPoint> points) {
    double value = worst(points);
    for (const auto& point : points) value = std::max(value, sign * point.mean);
    return value;
  };
  const double high = std::min(best(a), best(b));
  double low = std::max(worst(a), worst(b));
  if (high <= low) low = std::min(worst(a), worst(b));
  if (high <= low) return {};
  // 1, 2 or 5 times a power of ten, so that about `count` steps fit.
  const double rough = (high - low) / count;
  const double decade = std::pow(10, std::floor(std::log10(rough)));
  const double step = decade * (rough / decade <= 2 ? 2 : rough / decade <= 5 ? 5 : 10);
  std::vector<double> targets;
  for (double k = std::ceil(low / step + 1e-9); k * step <= high + 1e-9; ++k)
    targets.push_back(sign * k * step);
  return targets;
}

}  // namespace laser
