#include "laser/report/paper_curves.hpp"

#include <algorithm>
#include <cstdlib>
#include <set>

namespace laser {
namespace {

using Values = std::vector<double>;

// Ten powers, each twice the one before.
Values doubled(double first) {
  Values powers{first};
  while (powers.size() < 10) powers.push_back(2 * powers.back());
  return powers;
}

PaperFigure figure1() {
  const Values x = {10000, 40000, 160000, 640000, 2560000, 10240000};
  return {"Figure 1",
          "wikitext103",
          "power",
          {
              {"laser", {}, {}, x, {76.13, 46.29, 34.68, 32.29, 33.12, 32.54}},
              {"zsgd", {}, {}, x, {212.31, 130.75, 70.57, 44.23, 31.18, 24.27}},
              {"sketch", {}, {}, x, {210.43, 134.49, 77.19, 49.35, 35.19, 28.98}},
              {"randomk", {}, {}, x, {282.27, 185.91, 113.39, 67.59, 47.9, 41.93}},
              {"signum", {}, {}, x, {448.82, 325.15, 237.95, 173.25, 125.32, 101.91}},
          },
          {80, 50, 40, 35}};
}

PaperFigure figure2() {
  const auto x = doubled(250);
  return {"Figure 2",
          "cifar10",
          "power",
          {
              {"laser", {}, {}, x, {88.51, 89.76, 90.88, 91.18, 91.5, 91.69, 91.52, 91.59, 91.5, 91.83}},
              {"zsgd", {}, {}, x, {78.99, 82.51, 84.96, 86.98, 88.8, 89.53, 90.69, 91.27, 92.08, 92.18}},
              {"sketch", {}, {}, x, {78.32, 82.39, 84.65, 86.73, 87.62, 88.52, 89.09, 89.38, 89.97, 89.97}},
              {"randomk", {}, {}, x, {83.63, 85.71, 86.58, 87.98, 88.39, 88.63, 88.74, 88.84, 89.12, 89.23}},
          },
          {88, 89, 90, 91}};
}

PaperFigure figure3() {
  const auto x = doubled(250);
  const std::string key = "power_policy";
  return {"Figure 3",
          "cifar10",
          "power",
          {
              {"laser",
               {{key, "constant"}},
               {},
               x,
               {88.43, 89.76, 90.41, 90.9, 91.32, 91.39, 91.36, 91.48, 91.33, 91.57}},
              {"laser",
               {{key, "linear_down"}},
               {},
               x,
               {88.32, 89.69, 90.36, 90.94, 91.26, 91.26, 91.43, 91.72, 91.46, 91.59}},
              {"laser",
               {{key, "step_down"}},
               {},
               x,
               {87.6, 89.6, 90.34, 90.81, 91.16, 91.54, 91.42, 91.71, 91.75, 91.66}},
              {"zsgd",
               {{key, "constant"}},
               {},
               x,
               {78.43, 81.84, 85.13, 87.02, 88.41, 89.21, 89.75, 89.93, 90.26, 90.63}},
              {"zsgd",
               {{key, "linear_down"}},
               {},
               x,
               {77.55, 81.74, 84.63, 86.6, 88.29, 89.08, 89.7, 90.29, 90.17, 90.81}},
              {"zsgd",
               {{key, "step_down"}},
               {},
               x,
               {77.36, 81.54, 84.49, 86.74, 88.04, 88.92, 89.45, 90.37, 90.41, 90.79}},
          },
          {}};
}

PaperFigure figure4() {
  const auto x = doubled(500);
  return {"Figure 4",
          "cifar100",
          "power",
          {
              {"laser", {}, {}, x, {66.09, 68.27, 70.01, 70.83, 71.05, 71.54, 71.19, 71.49, 71.77, 71.9}},
              {"zsgd", {}, {}, x, {49.44, 55.32, 59.71, 63.49, 65.66, 67.79, 69.29, 69.99, 70.75, 71.23}},
              {"sketch", {}, {}, x, {48.48, 54.08, 58.61, 61.59, 63.74, 65.74, 66.37, 67.19, 67.91, 67.77}},
              {"randomk", {}, {}, x, {59.64, 63.28, 65.31, 67.04, 67.61, 68.62, 69.32, 69.41, 69.4, 69.16}},
          },
          {65, 68, 70, 71}};
}

PaperFigure figure5() {
  const Values x = {1, 2, 4, 8, 16, 32};
  return {"Figure 5",
          "cifar10",
          "rank",
          {
              {"laser", {}, 250, x, {74.57, 87.05, 88.29, 88.27, 87.85, 86.24}},
              {"laser", {}, 4000, x, {75.85, 89.57, 91.38, 91.47, 91.5, 90.7}},
              {"laser", {}, 128000, x, {76.11, 90.05, 91.52, 91.83, 91.34, 91.41}},
          },
          {}};
}

PaperFigure figure7() {
  const auto x = doubled(250);
  const std::string key = "power_policy";
  return {"Figure 7",
          "cifar10",
          "power",
          {
              {"laser",
               {{key, "constant"}},
               {},
               x,
               {88.43, 89.76, 90.41, 90.9, 91.32, 91.39, 91.36, 91.48, 91.33, 91.57}},
              {"laser",
               {{key, "linear_up"}},
               {},
               x,
               {88.38, 89.08, 90.4, 90.87, 91.25, 91.29, 91.48, 91.45, 91.66, 91.5}},
              {"laser",
               {{key, "step_up"}},
               {},
               x,
               {87.6, 88.84, 90.09, 90.92, 91.16, 91.24, 91.45, 91.39, 91.27, 91.47}},
              {"zsgd",
               {{key, "constant"}},
               {},
               x,
               {78.43, 81.84, 85.13, 87.02, 88.41, 89.21, 89.75, 89.93, 90.26, 90.63}},
              {"zsgd",
               {{key, "linear_up"}},
               {},
               x,
               {74.49, 79.91, 84.24, 85.86, 87.92, 88.89, 89.48, 89.96, 90.53, 90.55}},
              {"zsgd",
               {{key, "step_up"}},
               {},
               x,
               {72.75, 80.04, 84.13, 85.96, 87.69, 88.72, 89.51, 90.32, 90.51, 90.38}},
          },
          {}};
}

// The width that the paper's model of a task has, under the setting's name.
struct ModelWidth {
  const char* task;
  const char* setting;
  double paper;
};
constexpr ModelWidth kWidths[] = {{"cifar10", "width", 64},
                                  {"cifar100", "width", 64},
                                  {"wikitext2", "width", 768},
                                  {"wikitext103", "width", 768}};

// The task of the paper's that another one stands for.
std::string paper_task(const std::string& task) { return task == "wikitext2" ? "wikitext103" : task; }

// Whether every value that we varied is one of the figure's: a subset is the same study.
bool shows(const PaperFigure& figure, const std::map<std::string, std::vector<std::string>>& axes) {
  std::map<std::string, std::set<std::string>> varied;
  for (const auto& curve : figure.curves) {
    for (const auto& [key, value] : curve.axes) varied[key].insert(value);
  }
  if (figure.x != "power") varied[figure.x];  // any value fits
  if (varied.size() != axes.size()) return false;
  for (const auto& [key, values] : axes) {
    const auto known = varied.find(key);
    if (known == varied.end()) return false;
    const auto has = [&](const std::string& value) { return known->second.contains(value); };
    if (!known->second.empty() && !std::all_of(values.begin(), values.end(), has)) return false;
  }
  return true;
}

}  // namespace

const std::vector<PaperFigure>& paper_figures() {
  static const std::vector<PaperFigure> figures = {figure1(), figure2(), figure3(),
                                                   figure4(), figure5(), figure7()};
  return figures;
}

const PaperFigure* find_paper_figure(const std::string& task,
                                     const std::map<std::string, std::vector<std::string>>& axes) {
  for (const auto& figure : paper_figures()) {
    if (figure.task == paper_task(task) && shows(figure, axes)) return &figure;
  }
  return nullptr;
}

double power_factor(const std::string& task, const std::map<std::string, std::string>& configuration) {
  for (const auto& width : kWidths) {
    const auto setting = configuration.find(width.setting);
    if (task != width.task || setting == configuration.end()) continue;
    const double ours = std::strtod(setting->second.c_str(), nullptr);
    return ours > 0 ? (width.paper / ours) * (width.paper / ours) : 1.0;
  }
  return 1.0;
}

}  // namespace laser
