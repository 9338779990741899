// How much power a method needs for a target: by the paper's rule on the grid of powers, and between its
// points with an interval over the seeds (spec 5.2). Pure computation on means and spreads; it knows no runs.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace laser {

/// A method at one power.
struct PowerPoint {
  double power = 0;
  double mean = 0;
  std::optional<double> std;  // over the seeds
  std::int64_t seeds = 1;
};

/// What is known of a positive number: it lies between `low` and `high`, which are equal where it is known.
struct Bounds {
  double low = 0;
  double high = 0;
  [[nodiscard]] bool known() const { return low == high; }
};

/// The smallest power of the grid whose mean reaches the target, as the paper takes it: means are rounded to
/// `rounding` first. Low is 0 where the smallest power reaches it already (less might do), high is infinite
/// where none does. `points` by power.
Bounds power_on_grid(std::span<const PowerPoint> points, double target, bool higher_is_better,
                     double rounding);

/// Where the line through the means, straight over the logarithm of the power, first reaches the target.
Bounds power_between(std::span<const PowerPoint> points, double target, bool higher_is_better);

/// `over` / `under`, each known as far as it is.
Bounds ratio(const Bounds& over, const Bounds& under);

/// A 95 % interval of something that is computed from means.
struct Interval {
  double low = 0;   // 0: no lower end is known
  double high = 0;  // infinite: no upper end is known
};

/// Powers between the points, with intervals: every mean is drawn anew from Student's distribution with the
/// spread of its method pooled over the powers (seeds are few, powers many). No interval where no power has
/// two seeds. Same input, same interval.
class PowerEstimate {
 public:
  PowerEstimate(std::vector<PowerPoint> points, bool higher_is_better, std::uint64_t stream);
  [[nodiscard]] Bounds needed(double target) const;
  [[nodiscard]] std::optional<Interval> interval(double target) const;
  /// Of how many times more power `other` needs than this method.
  [[nodiscard]] std::optional<Interval> gain_interval(const PowerEstimate& other, double target) const;
  [[nodiscard]] const std::vector<PowerPoint>& points() const { return points_; }

 private:
  [[nodiscard]] std::vector<Bounds> redrawn(double target) const;

  std::vector<PowerPoint> points_;
  bool higher_is_better_;
  std::vector<std::vector<PowerPoint>> draws_;  // empty: no interval
};

/// Up to about `count` round numbers that both methods reach within their grids and do not reach at their
/// smallest power, where there are such; else those that both reach.
std::vector<double> common_targets(std::span<const PowerPoint> a, std::span<const PowerPoint> b,
                                   bool higher_is_better, int count);

}  // namespace laser
