#include "laser/report/grouping.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <set>
#include <tuple>

#include "laser/report/methods.hpp"

namespace laser {
namespace {

using Axes = std::map<std::string, std::string>;

// They name the group already, or have no influence on the result.
const std::set<std::string>& keys_without_influence() {
  static const std::set<std::string> keys = {"method", "power",     "task",        "seed",    "noiseless",
                                             "out",    "name",      "jobs",        "threads", "data_dir",
                                             "json",   "log_every", "verify_data", "snr_db"};
  return keys;
}

double power_key(const std::optional<double>& power) {
  return power.value_or(std::numeric_limits<double>::infinity());
}

bool run_before(const Run* a, const Run* b) {
  const RunSummary& x = a->summary;
  const RunSummary& y = b->summary;
  return std::tuple(method_rank(x.method), x.method, power_key(x.power), x.seed) <
         std::tuple(method_rank(y.method), y.method, power_key(y.power), y.seed);
}

bool same_method_and_power(const RunSummary& a, const RunSummary& b) {
  return a.method == b.method && a.power == b.power;
}

// A grid also varies settings that a method doesn't have (the rank, for Z-SGD). Such runs end with the same
// weights and are one run. Not so two that took different air time: where bits arrive without an error, a
// digital link with more of it ends with the same weights too.
void drop_equal_results(std::vector<const Run*>& runs, std::vector<std::string>& notes) {
  std::set<std::tuple<std::string, double, std::uint64_t, double, std::string>> seen;
  std::size_t dropped = 0;
  std::erase_if(runs, [&](const Run* run) {
    const RunSummary& summary = run->summary;
    if (summary.weights_hash.empty()) return false;
    const bool repeats = !seen.insert({summary.method, power_key(summary.power), summary.seed,
                                       summary.symbols_per_round, summary.weights_hash})
                              .second;
    dropped += repeats ? 1 : 0;
    return repeats;
  });
  if (dropped > 0) {
    notes.push_back(
        fmt::format("{} {} another run of the same method, power and seed bit for bit and {} counted once.",
                    dropped, dropped == 1 ? "run repeats" : "runs repeat", dropped == 1 ? "is" : "are"));
  }
}

// The keys whose value differs within one power of a method: these were swept. A setting that only differs
// between powers was chosen for each power and tells no rows apart.
std::map<std::string, std::set<std::string>> swept_keys(const std::vector<const Run*>& runs) {
  std::map<std::string, std::set<std::string>> keys;
  for (std::size_t i = 1; i < runs.size(); ++i) {
    const RunSummary& a = runs[i - 1]->summary;
    const RunSummary& b = runs[i]->summary;
    if (!same_method_and_power(a, b)) continue;
    Axes all = a.configuration;
    all.insert(b.configuration.begin(), b.configuration.end());
    for (const auto& [key, ignored] : all) {
      const auto x = a.configuration.find(key);
      const auto y = b.configuration.find(key);
      const bool differs = x == a.configuration.end() || y == b.configuration.end() || x->second != y->second;
      if (differs && !keys_without_influence().contains(key)) keys[a.method].insert(key);
    }
  }
  return keys;
}

Axes axes_of(const RunSummary& summary, const std::set<std::string>& keys) {
  Axes axes;
  for (const std::string& key : keys) {
    const auto value = summary.configuration.find(key);
    axes[key] = value == summary.configuration.end() ? "unset" : value->second;
  }
  return axes;
}

// Numbers by size, texts by letters.
bool axes_before(const Axes& a, const Axes& b) {
  for (const auto& [key, x] : a) {
    const auto y = b.find(key);
    if (y == b.end() || x == y->second) continue;
    char* x_end = nullptr;
    char* y_end = nullptr;
    const double x_number = std::strtod(x.c_str(), &x_end);
    const double y_number = std::strtod(y->second.c_str(), &y_end);
    const bool numbers = *x_end == '\0' && *y_end == '\0' && x_number != y_number;
    return numbers ? x_number < y_number : x < y->second;
  }
  return false;
}

bool group_before(const Group& a, const Group& b) {
  if (a.method != b.method) return method_before(a.method, b.method);
  if (a.axes != b.axes) return axes_before(a.axes, b.axes);
  return power_key(a.power) < power_key(b.power);
}

}  // namespace

std::optional<double> given_ratio(const RunSummary& summary) {
  const auto found = summary.configuration.find("snr_db");
  if (!summary.power || found == summary.configuration.end() || found->second.empty()) return {};
  return std::strtod(found->second.c_str(), nullptr);
}

std::vector<Group> group_runs(std::span<const Run> runs, std::vector<std::string>& notes) {
  std::vector<const Run*> completed;
  for (const Run& run : runs) {
    if (run.summary.status == "completed") completed.push_back(&run);
  }
  std::stable_sort(completed.begin(), completed.end(), run_before);
  drop_equal_results(completed, notes);
  std::map<std::string, std::set<std::string>> keys = swept_keys(completed);

  std::vector<Group> groups;
  for (const Run* run : completed) {
    const RunSummary& summary = run->summary;
    const Axes axes = axes_of(summary, keys[summary.method]);
    auto group = std::find_if(groups.begin(), groups.end(), [&](const Group& other) {
      return other.method == summary.method && other.axes == axes && other.power == summary.power;
    });
    if (group == groups.end()) group = groups.insert(groups.end(), {summary.method, axes, summary.power, {}});
    if (!group->runs.empty() && group->runs.back()->summary.seed == summary.seed) {
      notes.push_back(
          fmt::format("{} has the settings and the seed of {}, but other final weights; it is left out.",
                      run->folder, group->runs.back()->folder));
      continue;
    }
    group->runs.push_back(run);
  }
  std::stable_sort(groups.begin(), groups.end(), group_before);
  return groups;
}

}  // namespace laser
