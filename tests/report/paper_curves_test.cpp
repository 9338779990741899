// The paper's curves against the file of numbers read from the authors' plots, and when
// they stand beside ours.
#include "laser/report/paper_curves.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "laser/report/paper_values.hpp"

namespace laser {
namespace {

using Json = nlohmann::json;
using Varied = std::map<std::string, std::vector<std::string>>;

const Json& golden() {
  static const Json json = Json::parse(std::ifstream(LASER_SOURCE_DIR "/tests/golden/paper-figures.json"));
  return json;
}

const PaperFigure& figure_of(const std::string& source) {
  for (const auto& figure : paper_figures()) {
    if (figure.source == source) return figure;
  }
  throw std::runtime_error(source);
}

void expect_curve(const PaperCurve& curve, const Json& x, const Json& y, double unit) {
  ASSERT_EQ(curve.x.size(), x.size());
  ASSERT_EQ(curve.y.size(), y.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    EXPECT_EQ(curve.x[i], x[i].get<double>());
    EXPECT_NEAR(curve.y[i], unit * y[i].get<double>(), 1e-9) << curve.method << " at " << curve.x[i];
  }
}

TEST(PaperCurves, AreThoseOfThePlots) {
  const struct {
    const char* source;
    const char* key;
    const char* quantity;
    double unit;
    std::size_t curves;
  } cases[] = {{"Figure 1", "fig1", "perplexity", 1, 5},
               {"Figure 2", "fig2_cifar10", "accuracy", 100, 4},
               {"Figure 3", "fig3_decreasing", "accuracy", 100, 6},
               {"Figure 4", "fig4_cifar100", "accuracy", 100, 4},
               {"Figure 7", "fig7_increasing", "accuracy", 100, 6}};
  for (const auto& c : cases) {
    const auto& figure = figure_of(c.source);
    const auto& json = golden().at(c.key);
    ASSERT_EQ(figure.curves.size(), c.curves) << c.source;
    ASSERT_EQ(json.at(c.quantity).size(), c.curves);
    for (const auto& curve : figure.curves) {
      auto name = curve.method;
      const auto policy = curve.axes.find("power_policy");
      if (policy != curve.axes.end())
        name += fmt::format("_{}", policy->second.substr(0, policy->second.find('_')));
      expect_curve(curve, json.at("power"), json.at(c.quantity).at(name), c.unit);
    }
  }
  for (const auto& curve : figure_of("Figure 5").curves) {
    const auto& json = golden().at("fig5_rank");
    expect_curve(curve, json.at("rank"), json.at("accuracy").at(fmt::format("P{}", curve.power.value())),
                 100);
  }
}

std::string shown(const std::string& task, const Varied& varied) {
  const auto* figure = find_paper_figure(task, varied);
  return figure == nullptr ? "" : figure->source;
}

TEST(PaperCurves, AreFoundByWhatIsVaried) {
  EXPECT_EQ(shown("cifar10", {}), "Figure 2");
  EXPECT_EQ(shown("cifar100", {}), "Figure 4");
  EXPECT_EQ(shown("cifar10", {{"rank", {"3", "4"}}}), "Figure 5");
  EXPECT_EQ(shown("cifar10", {{"power_policy", {"constant", "step_down"}}}), "Figure 3");
  EXPECT_EQ(shown("cifar10", {{"power_policy", {"linear_up", "constant"}}}), "Figure 7");
  EXPECT_EQ(shown("cifar10", {{"power_policy", {"linear_up", "linear_down"}}}), "");
  EXPECT_EQ(shown("cifar10", {{"momentum", {"0", "0.9"}}}), "");
  EXPECT_EQ(shown("cifar10", {{"rank", {"4", "8"}}, {"power_policy", {"constant", "step_up"}}}), "");
  EXPECT_EQ(shown("cifar100", {{"rank", {"3", "4"}}}), "");
  EXPECT_EQ(shown("mnist", {}), "");
}

TEST(PaperCurves, PowerOfAThinnerModelIsSmallerByTheSquareOfItsWidth) {
  EXPECT_EQ(power_factor("cifar10", {{"width", "16"}}), 16);
  EXPECT_EQ(power_factor("cifar100", {{"width", "64"}}), 1);
  EXPECT_EQ(power_factor("cifar10", {{"width", "32"}}), 4);
  EXPECT_EQ(power_factor("mnist", {{"width", "16"}}), 1);
  EXPECT_EQ(power_factor("cifar10", {}), 1);
}

RunSummary deep(const std::string& method, std::optional<double> power, const std::string& width,
                const std::string& policy) {
  RunSummary summary;
  summary.task = "cifar10";
  summary.method = method;
  summary.power = power;
  summary.configuration = {{"width", width},        {"workers", "16"},
                           {"batch_size", "128"},   {"epochs", "150"},
                           {"rank", "4"},           {"compression_factor", "0.2"},
                           {"momentum", "0.9"},     {"learning_rate", "0.05"},
                           {"power_policy", policy}};
  return summary;
}

TEST(PaperCurves, AreValuesBesideRowsOfThePapersModelOnly) {
  EXPECT_EQ(find_paper_value(deep("laser", 500, "64", "constant")).value().value, 89.76);
  EXPECT_EQ(find_paper_value(deep("zsgd", 128000, "64", "constant")).value().source, "Figure 2");
  EXPECT_EQ(find_paper_value(deep("sgd", std::nullopt, "64", "constant")).value().value, 93.0);
  EXPECT_FALSE(find_paper_value(deep("laser", 500, "16", "constant")).has_value());
  EXPECT_FALSE(find_paper_value(deep("laser", 500, "64", "step_up")).has_value());
  EXPECT_FALSE(find_paper_value(deep("laser", 501, "64", "constant")).has_value());
}

}  // namespace
}  // namespace laser
