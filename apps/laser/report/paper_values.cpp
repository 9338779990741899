#include "laser/report/paper_values.hpp"

#include <charconv>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "laser/core/fail.hpp"
#include "laser/report/paper_curves.hpp"

namespace laser {
namespace {

// A setting that a run must have. `methods` is empty when it holds for all of them.
struct Requirement {
  std::string key;
  std::string value;  // numbers in any form of writing
  std::vector<std::string> methods;
  bool optional = false;  // configurations without the key pass
};

struct Point {
  std::string method;
  double power = 0;  // NaN: noiseless
  double value = 0;
};

struct Study {
  std::string task;
  std::vector<Requirement> requirements;
  std::string source;
  double tolerance = 0;
  std::vector<Point> points;
};

constexpr double kNoiseless = std::numeric_limits<double>::quiet_NaN();

// E4 of the specification.
const std::vector<Requirement>& mnist_setting() {
  static const std::vector<Requirement> setting = {
      {"workers", "16", {}},
      {"batch_size", "128", {}},
      {"epochs", "50", {}},
      {"rank", "2", {"laser"}},
      {"compression_factor", "0.1", {"randomk", "sketch", "adsgd"}},
      {"learning_rate", "0.01", {}, true},
      {"momentum", "0.9", {}, true},
  };
  return setting;
}

// E2 and E3; the learning rate is the best of a grid.
std::vector<Requirement> cifar_setting(const std::string& epochs) {
  return {
      {"width", "64", {}},
      {"workers", "16", {}},
      {"batch_size", "128", {}},
      {"epochs", epochs, {}},
      {"rank", "4", {"laser"}},
      {"compression_factor", "0.2", {"randomk", "sketch"}},
      {"momentum", "0.9", {}, true},
      {"power_policy", "constant", {"laser", "zsgd", "randomk", "sketch"}, true},
  };
}

// E1.
const std::vector<Requirement>& gpt2_setting() {
  static const std::vector<Requirement> setting = {{"layers", "12", {}},
                                                   {"width", "768", {}},
                                                   {"context", "512", {}},
                                                   {"workers", "4", {}},
                                                   {"batch_size", "15", {}},
                                                   {"accumulation", "3", {}},
                                                   {"epochs", "40", {}},
                                                   {"epoch_rounds", "500", {}},
                                                   {"vocabulary", "50304", {}},
                                                   {"rank", "4", {"laser"}},
                                                   {"compression_factor", "0.2", {"randomk", "sketch"}}};
  return setting;
}

// The curves of a figure over the power as single values.
Study figure_study(const std::string& source, const std::vector<Requirement>& requirements) {
  for (const PaperFigure& figure : paper_figures()) {
    if (figure.source != source) continue;
    Study study{figure.task, requirements, source, 0.01, {}};
    for (const PaperCurve& curve : figure.curves) {
      for (std::size_t i = 0; i < curve.x.size(); ++i)
        study.points.push_back({curve.method, curve.x[i], curve.y[i]});
    }
    return study;
  }
  LASER_CHECK(false);
}

// A study of the same task that comes first wins: tables are exact, plots are read to some resolution.
const std::vector<Study>& studies() {
  static const std::vector<Study> all = {
      {"mnist",
       mnist_setting(),
       "Table 4",
       0.05,
       {{"zsgd", 0.1, 81.3},
        {"zsgd", 1, 87.9},
        {"zsgd", 10, 91.9},
        {"signum", 0.1, 76.7},
        {"signum", 1, 83.2},
        {"signum", 10, 85.4},
        {"randomk", 0.1, 86.1},
        {"randomk", 1, 89.3},
        {"randomk", 10, 91.5},
        {"sketch", 0.1, 81.9},
        {"sketch", 1, 88.2},
        {"sketch", 10, 91.7},
        {"adsgd", 0.1, 81.6},
        {"adsgd", 1, 86.9},
        {"adsgd", 10, 87.3},
        {"laser", 0.1, 84.3},
        {"laser", 1, 89.9},
        {"laser", 10, 92.3},
        {"sgd", kNoiseless, 92.3}}},
      {"mnist",
       mnist_setting(),
       "plot for MNIST, read to 0.3",
       0.3,
       {{"laser", 0.01, 71.2},
        {"laser", 100, 92.3},
        {"zsgd", 0.01, 68.5},
        {"zsgd", 100, 92.4},
        {"sketch", 0.01, 71.3},
        {"sketch", 100, 92.3},
        {"randomk", 0.01, 78.2},
        {"randomk", 100, 91.8},
        {"adsgd", 0.01, 55.1},
        {"adsgd", 100, 87.5}}},
      figure_study("Figure 1", gpt2_setting()),
      {"wikitext103", gpt2_setting(), "Table 2", 0.05, {{"sgd", kNoiseless, 19.2}}},
      figure_study("Figure 2", cifar_setting("150")),
      {"cifar10", cifar_setting("150"), "Table 2", 0.05, {{"sgd", kNoiseless, 93.0}}},
      figure_study("Figure 4", cifar_setting("200")),
      {"cifar100", cifar_setting("200"), "Table 2", 0.05, {{"sgd", kNoiseless, 73.1}}},
  };
  return all;
}

// The text of a configuration value as a number; NaN (equal to nothing) when it is none.
double number(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value
                                                                  : std::numeric_limits<double>::quiet_NaN();
}

bool applies_to(const Requirement& requirement, const std::string& method) {
  for (const std::string& name : requirement.methods) {
    if (name == method) return true;
  }
  return requirement.methods.empty();
}

bool close_to(double a, double b) { return std::abs(a - b) <= 1e-9 * std::abs(b); }

bool same_value(const std::string& a, const std::string& b) {
  return a == b || close_to(number(a), number(b));
}

bool fits(const Study& study, const RunSummary& summary) {
  if (study.task != summary.task) return false;
  for (const Requirement& requirement : study.requirements) {
    if (!applies_to(requirement, summary.method)) continue;
    const auto option = summary.configuration.find(requirement.key);
    if (option == summary.configuration.end() && requirement.optional) continue;
    if (option == summary.configuration.end() || !same_value(option->second, requirement.value)) return false;
  }
  return true;
}

}  // namespace

std::optional<PaperValue> find_paper_value(const RunSummary& summary) {
  for (const Study& study : studies()) {
    if (!fits(study, summary)) continue;
    for (const Point& point : study.points) {
      const bool same_power = summary.power ? close_to(*summary.power, point.power) : std::isnan(point.power);
      if (point.method == summary.method && same_power)
        return PaperValue{point.value, study.tolerance, study.source};
    }
  }
  return std::nullopt;
}

bool has_paper_study(const std::string& task) {
  for (const Study& study : studies()) {
    if (study.task == task) return true;
  }
  return false;
}

bool has_paper_setting(const RunSummary& summary) {
  for (const Study& study : studies()) {
    if (fits(study, summary)) return true;
  }
  return false;
}

std::string paper_remark(const std::string& task, const std::string& method) {
  if (task != "mnist") return "";
  if (method == "signum") {
    return "Signum: no version of the authors' code gives the paper's values at P = 1 and 10; the version "
           "with the "
           "rule used here gives 77.1 / 85.3 / 88.5 at P = 0.1 / 1 / 10. At P = 0.1 this code's mean over 20 "
           "seeds is "
           "77.9 (standard error 0.15).";
  }
  if (method == "zsgd") {
    return "Z-SGD: at P = 0.1 this code's mean over 20 seeds is 81.9 (standard error 0.1); the authors' code "
           "gives 81.4 "
           "over 3 seeds, which scatter by 0.3.";
  }
  return "";
}

}  // namespace laser
