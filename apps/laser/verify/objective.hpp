// Test functions whose constants L, mu, f*, x* are known exactly, for confronting Theorem 1 with runs.
//
// f(x) = scale sum_ij c_ij h(x_ij) over one m x n matrix of parameters, with minimum 0 at x = 0. Nothing is
// trained here: these are the three cases of the theorem in their simplest form.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace laser::verify {

/// The three cases of Theorem 1.
enum class Case {
  kQuasiConvex,  // h(u) = u^2/2: (i), mu > 0
  kConvex,       // h(u) = (u^2 - log(1 + u^2))/2, flat as u^4/4 at its minimum: (ii), mu = 0
  kNonConvex,    // h(u) = u^2/(1 + u^2), saturates: (iii)
};

/// "quasi-convex", "convex" or "non-convex".
[[nodiscard]] std::string case_name(Case kind);

/// Value and squared gradient norm at a point.
struct Evaluation {
  double value = 0;
  double squared_gradient = 0;
};

class Objective {
 public:
  /// `scale` multiplies f; c_ij = 1 but in the quasi-convex case, where they fall from 1 to kLeastCurvature.
  Objective(Case kind, std::int64_t rows, std::int64_t columns, double scale = 1);

  /// Writes grad f(x) [m n] and returns f(x) and ||grad f(x)||^2.
  Evaluation evaluate(std::span<const double> x, std::span<double> gradient) const;
  /// x_0 [m n]: fixed numbers of either sign and size 1 or so.
  [[nodiscard]] const std::vector<double>& start() const { return start_; }
  /// c_ij times the scale, [m n]: in the quasi-convex case f is a quadratic with these curvatures.
  [[nodiscard]] std::vector<double> curvature() const;
  [[nodiscard]] Case kind() const { return kind_; }
  [[nodiscard]] std::int64_t rows() const { return rows_; }
  [[nodiscard]] std::int64_t columns() const { return columns_; }
  [[nodiscard]] double smoothness() const;        // L (A2)
  [[nodiscard]] double quasi_convexity() const;   // mu (A1)
  [[nodiscard]] double squared_distance() const;  // R0 = ||x_0 - x*||^2
  [[nodiscard]] double gap() const;               // F0 = f(x_0) - f*

  static constexpr double kLeastCurvature = 0.5;

 private:
  Case kind_;
  std::int64_t rows_, columns_;
  double scale_;
  std::vector<double> curvature_, start_;
};

}  // namespace laser::verify
