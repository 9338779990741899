#include "laser/report/best_rate.hpp"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include "laser/report/comparison.hpp"
#include "laser/report/report.hpp"

namespace laser {
namespace {

const std::string kRate = "learning_rate";

/// What a rate is chosen for.
struct Place {
  std::string method;
  std::map<std::string, std::string> axes;
  std::optional<double> power;
  bool operator==(const Place&) const = default;
};

template <class RowOrCurve>
Place place_of(const RowOrCurve& line) {
  Place place{line.method, line.axes, line.power};
  place.axes.erase(kRate);
  return place;
}

double rate_number(const std::string& rate) { return std::strtod(rate.c_str(), nullptr); }

/// The rate of a place's best mean, marked where it is the end of the grid of several.
std::string rate_text(const std::string& best, const std::set<double>& tried) {
  const bool end = rate_number(best) == *tried.begin() || rate_number(best) == *tried.rbegin();
  return tried.size() > 1 && end ? best + " (end)" : best;
}

}  // namespace

std::optional<Table> keep_best_rates(Report& report) {
  const bool swept = std::any_of(report.rows.begin(), report.rows.end(),
                                 [](const Row& row) { return row.axes.contains(kRate); });
  if (!swept) return {};
  std::vector<Row> best;
  std::vector<std::set<double>> tried;
  for (const auto& row : report.rows) {
    const auto same = [&](const Row& other) { return place_of(other) == place_of(row); };
    auto chosen = std::find_if(best.begin(), best.end(), same);
    if (chosen == best.end()) {
      best.push_back(row);
      tried.emplace_back();
      chosen = best.end() - 1;
    } else if (report.metric.higher_is_better ? row.mean > chosen->mean : row.mean < chosen->mean) {
      *chosen = row;
    }
    const auto rate = row.axes.find(kRate);
    if (rate != row.axes.end())
      tried[static_cast<std::size_t>(chosen - best.begin())].insert(rate_number(rate->second));
  }
  std::erase_if(report.curves, [&](const Curve& curve) {
    return std::none_of(best.begin(), best.end(), [&](const Row& row) {
      return row.method == curve.method && row.axes == curve.axes && row.power == curve.power;
    });
  });
  for (auto& curve : report.curves) curve.axes.erase(kRate);
  std::map<const Row*, std::string> texts;
  for (std::size_t i = 0; i < best.size(); ++i) {
    const auto rate = best[i].axes.find(kRate);
    if (rate == best[i].axes.end()) continue;
    best[i].learning_rate = rate->second;
    best[i].axes.erase(kRate);
    texts[&best[i]] = rate_text(*best[i].learning_rate, tried[i]);
  }
  report.rows = std::move(best);
  const bool chosen = std::ranges::any_of(tried, [](const auto& rates) { return rates.size() > 1; });
  auto table = by_power(report.rows, [&](const Row& row) {
    const auto text = texts.find(&row);
    return Cell{text == texts.end() ? "" : text->second};
  });
  table.title = chosen ? "Best learning rate" : "Learning rate";
  table.caption =
      chosen
          ? "The rate of the grid with the best mean, which all other tables and the figures show; (end): "
            "the best of all may lie "
            "beyond the grid. Chosen here, by the test data, as in the paper, and so a little optimistic."
          : "Each line has one rate at each power: it was chosen before these runs, not by their test data. "
            "Studies that choose "
            "step sizes, such as 'laser tune' and 'laser reproduce links', do so on held-out training data.";
  return table;
}

}  // namespace laser
