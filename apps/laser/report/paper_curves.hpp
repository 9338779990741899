// The curves of the paper's figures [LASER, Figs 1 to 7; spec 5.2], to be drawn beside ours.
// Numbers only, read from the authors' vector plots (exact to 1e-4 of the axis); single values
// beside our rows are paper_values.hpp.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace laser {

struct PaperCurve {
  std::string method;
  std::map<std::string, std::string> axes;  // settings that tell it from other curves of the method
  std::optional<double> power;              // of the whole curve where x is another setting
  std::vector<double> x;
  std::vector<double> y;  // percent for accuracies
};

struct PaperFigure {
  std::string source;  // "Figure 2"
  std::string task;
  std::string x;  // setting along the axis: "power" or "rank"
  std::vector<PaperCurve> curves;
  std::vector<double> targets;  // of the paper's table of the power needed; empty where it has none
};

/// The paper's figures, in its order.
const std::vector<PaperFigure>& paper_figures();

/// The figure that shows what our rows show: same task, and the same settings varied beside method and power
/// (`axes`: setting -> its values). None where the paper has no such figure.
const PaperFigure* find_paper_figure(const std::string& task,
                                     const std::map<std::string, std::vector<std::string>>& axes);

/// By how much the paper's power is larger than that of a run of a smaller model with equal power per
/// parameter: (the paper's width / the run's)^2. 1 for the paper's own model, and for models without a width.
double power_factor(const std::string& task, const std::map<std::string, std::string>& configuration);

}  // namespace laser
