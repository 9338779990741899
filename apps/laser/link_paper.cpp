// laser link --paper: what "16 times less power" is in transmit power and in air time.
#include <algorithm>
#include <cmath>

#include "laser/core/fail.hpp"
#include "laser/link/units.hpp"
#include "laser/model/shapes.hpp"
#include "laser/report/metric.hpp"
#include "laser/report/paper_curves.hpp"
#include "laser/report/power_table.hpp"
#include "laser/theory/volume.hpp"
#include "link.hpp"

namespace laser {
namespace {

/// A study of the paper with its model and the rounds of a run (spec 5, E1 and E2).
struct Subject {
  const char* figure;
  const char* name;
  const char* model;
  double rounds;
  bool perplexity;
};
constexpr Subject kSubjects[] = {{"Figure 1", "gpt2", "gpt2", 20000, true},
                                 {"Figure 2", "resnet18", "resnet18_cifar10", 3750, false}};

const PaperFigure& figure_of(const Subject& subject) {
  const auto& figures = paper_figures();
  const auto found = std::ranges::find(figures, subject.figure, &PaperFigure::source);
  LASER_CHECK(found != figures.end());
  return *found;
}

/// Symbols a round of Z-SGD, and of LASER (the mean of even and odd rounds).
std::pair<double, double> symbols_of(const Subject& subject, std::int64_t rank) {
  const auto layout = model_layout(subject.model);
  const auto symbols = [&](theory::VolumeScheme scheme) {
    return static_cast<double>(theory::data_volume(layout, scheme, {.rank = rank}).symbols);
  };
  return {symbols(theory::VolumeScheme::zsgd),
          (symbols(theory::VolumeScheme::laser_alt_even) + symbols(theory::VolumeScheme::laser_alt_odd)) / 2};
}

/// "20.5 h", "4.2 min" or "36 s".
std::string duration_text(double seconds) {
  if (seconds >= 5400) return fmt::format("{:.1f} h", seconds / 3600);
  if (seconds >= 90) return fmt::format("{:.1f} min", seconds / 60);
  return fmt::format("{:.2g} s", seconds);
}

/// The smallest and the largest ratio, dB, that the powers of a figure mean for so many symbols.
std::pair<double, double> regime(const PaperFigure& figure, double symbols) {
  const auto [least, most] = std::ranges::minmax(figure.curves.front().x);
  const auto ratio = [&](double power) {
    return link::to_decibels(link::signal_to_noise_of(power, symbols));
  };
  return {ratio(least), ratio(most)};
}

ValueCell cell_of(const Bounds& bounds) { return bounds.known() ? ValueCell(bounds.low) : ValueCell(); }

}  // namespace

ValueTable paper_table(const link::Radio& radio, std::int64_t rank) {
  ValueTable table{
      fmt::format("LASER at rank {} beside Z-SGD where both reach the same, from the paper's curves", rank),
      {"model", "reaches", "zsgd_power", "laser_power", "less_energy", "fewer_symbols", "more_transmit_power",
       "decibels", "zsgd_snr_db", "laser_snr_db"},
      {},
      {}};
  double low[2] = {HUGE_VAL, HUGE_VAL}, high[2] = {-HUGE_VAL, -HUGE_VAL};
  std::vector<std::string> times;
  for (const auto& subject : kSubjects) {
    const auto& figure = figure_of(subject);
    const auto [dense, sent] = symbols_of(subject, rank);
    RunSummary summary;
    if (subject.perplexity) summary.perplexity = 0;  // whose kind decides the metric
    const auto metric = metric_of(summary);
    const double counts[2] = {dense, sent};
    for (int m = 0; m < 2; ++m) {
      const auto [least, most] = regime(figure, counts[m]);
      low[m] = std::min(low[m], least);
      high[m] = std::max(high[m], most);
    }
    for (const auto& need : power_needs(figure, metric)) {
      LASER_CHECK(need.gain && need.methods.size() >= 2);
      const auto &laser = need.methods[0].grid, &zsgd = need.methods[1].grid;  // the figure's order
      const auto& gain = need.gain->grid;
      const auto ratio = [&](const Bounds& power, double symbols) {
        return power.known() ? ValueCell(link::to_decibels(link::signal_to_noise_of(power.low, symbols)))
                             : ValueCell();
      };
      const double fewer = dense / sent, more = fewer / gain.low;
      table.rows.push_back(
          {subject.name, fmt::format("{:g}{}", need.target, metric.unit.empty() ? "" : " " + metric.unit),
           cell_of(zsgd), cell_of(laser), cell_of(gain), fewer, gain.known() ? ValueCell(more) : ValueCell(),
           gain.known() ? ValueCell(link::to_decibels(more)) : ValueCell(), ratio(zsgd, dense),
           ratio(laser, sent)});
    }
    const auto seconds = [&](double symbols) {
      return subject.rounds * link::air_seconds(symbols, radio.bandwidth, radio.utilisation);
    };
    const double zsgd = seconds(dense), laser = seconds(sent);
    times.push_back(fmt::format("{:g} rounds of {} on {:g} MHz take {} of air for Z-SGD and {} for LASER.",
                                subject.rounds, subject.name, radio.bandwidth / 1e6, duration_text(zsgd),
                                duration_text(laser)));
    table.summary.emplace_back(fmt::format("{}_zsgd_air_seconds", subject.name), zsgd);
    table.summary.emplace_back(fmt::format("{}_laser_air_seconds", subject.name), laser);
  }
  table.notes.emplace_back(
      "less_energy: the smallest powers of the figure's grid that reach it, Z-SGD's over LASER's ('-': "
      "LASER's smallest does already). more_transmit_power: fewer_symbols/less_energy, while it sends.");
  table.notes.push_back(
      fmt::format("All powers of the two figures lie between {:.1f} and {:.1f} dB a real symbol for Z-SGD "
                  "and between {:.1f} "
                  "and {:.1f} dB for LASER.",
                  low[0], high[0], low[1], high[1]));
  table.notes.insert(table.notes.end(), times.begin(), times.end());
  table.notes.push_back(fmt::format(
      "A complex symbol carries two real ones; {:g} complex symbols a second and hertz.", radio.utilisation));
  for (int m = 0; m < 2; ++m) {
    const std::string name = m == 0 ? "zsgd" : "laser";
    table.summary.emplace_back(name + "_least_snr_db", low[m]);
    table.summary.emplace_back(name + "_largest_snr_db", high[m]);
  }
  return table;
}

}  // namespace laser
