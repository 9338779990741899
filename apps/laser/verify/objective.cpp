#include "laser/verify/objective.hpp"

#include <cmath>

#include "laser/core/fail.hpp"
#include "laser/core/random.hpp"

namespace laser::verify {
namespace {

struct Point {
  double value = 0, slope = 0;
};

Point evaluate_one(Case kind, double u) {
  const double square = u * u;
  switch (kind) {
    case Case::kQuasiConvex:
      return {square / 2, u};
    case Case::kConvex:
      return {(square - std::log1p(square)) / 2, u * square / (1 + square)};
    case Case::kNonConvex:
      return {square / (1 + square), 2 * u / ((1 + square) * (1 + square))};
  }
  LASER_CHECK(false);
  return {};
}

}  // namespace

std::string case_name(Case kind) {
  return kind == Case::kQuasiConvex ? "quasi-convex" : kind == Case::kConvex ? "convex" : "non-convex";
}

Objective::Objective(Case kind, std::int64_t rows, std::int64_t columns, double scale)
    : kind_(kind), rows_(rows), columns_(columns), scale_(scale) {
  const auto size = static_cast<std::size_t>(rows * columns);
  constexpr StreamKey kStart{7, Purpose::kTest, 0, 3, 0};
  for (std::size_t j = 0; j < size; ++j) {
    const double place = static_cast<double>(j % 16) / 15;
    curvature_.push_back(kind == Case::kQuasiConvex ? 1 - (1 - kLeastCurvature) * place : 1.0);
    const double size_of = 0.5 + random_uniform(kStart, 2 * j);
    start_.push_back(random_uniform(kStart, 2 * j + 1) < 0.5 ? -size_of : size_of);
  }
}

Evaluation Objective::evaluate(std::span<const double> x, std::span<double> gradient) const {
  LASER_CHECK(x.size() == curvature_.size() && gradient.size() == x.size());
  Evaluation result;
  for (std::size_t j = 0; j < x.size(); ++j) {
    const auto [value, slope] = evaluate_one(kind_, x[j]);
    const double weight = scale_ * curvature_[j];
    result.value += weight * value;
    gradient[j] = weight * slope;
    result.squared_gradient += gradient[j] * gradient[j];
  }
  return result;
}

std::vector<double> Objective::curvature() const {
  auto values = curvature_;
  for (double& value : values) value *= scale_;
  return values;
}

double Objective::smoothness() const {
  // The largest |h''|: 1; 9/8 at u^2 = 3; 2 at u = 0.
  const double curvature = kind_ == Case::kQuasiConvex ? 1.0 : kind_ == Case::kConvex ? 1.125 : 2.0;
  return scale_ * curvature;
}

double Objective::quasi_convexity() const {
  // f - f* + (mu/2) ||x||^2 <= <grad f, x> = 2 (f - f*) for every mu up to the least curvature.
  return kind_ == Case::kQuasiConvex ? scale_ * kLeastCurvature : 0.0;
}

double Objective::squared_distance() const {
  double sum = 0;
  for (const double x : start_) sum += x * x;
  return sum;
}

double Objective::gap() const {
  std::vector<double> gradient(start_.size());
  return evaluate(start_, gradient).value;
}

}  // namespace laser::verify
