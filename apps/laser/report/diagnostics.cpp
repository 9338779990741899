#include "laser/report/diagnostics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "laser/report/methods.hpp"

namespace laser {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

double value_of(const EpochRecord& record, std::string_view key) {
  if (key == "loss") return record.train_loss;
  if (key == "lambda") return record.lambda.value_or(kNone);
  if (key == "delta") return record.delta.value_or(kNone);
  if (key == "memory") return record.memory_ratio.value_or(kNone);
  const auto& energy = record.energy;
  if (energy.empty() || record.power <= 0) return kNone;
  return std::accumulate(energy.begin(), energy.end(), 0.0) / static_cast<double>(energy.size()) /
         record.power;
}

}  // namespace

const std::vector<Diagnosed>& diagnosed() {
  static const std::vector<Diagnosed> list = {{"loss", "Training loss"},
                                              {"lambda", "Noise over signal, λ"},
                                              {"delta", "Compression quality, δ"},
                                              {"memory", "Error memory over gradient"},
                                              {"energy", "Energy sent over budget"}};
  return list;
}

std::vector<Diagnosis> diagnoses_of(const std::vector<Group>& groups) {
  std::vector<Diagnosis> diagnoses;
  for (const auto& group : groups) {
    Diagnosis diagnosis{
        group.method, method_label(group.method, group.axes, group.power), group.power, {}, {}};
    std::map<std::int64_t, std::vector<const EpochRecord*>> by_epoch;
    for (const Run* run : group.runs) {
      for (const auto& record : run->epochs) by_epoch[record.epoch].push_back(&record);
    }
    std::erase_if(by_epoch, [&](const auto& entry) { return entry.second.size() != group.runs.size(); });
    for (const auto& [epoch, records] : by_epoch) diagnosis.epochs.push_back(epoch);
    for (const auto& [key, title] : diagnosed()) {
      auto& values = diagnosis.series[key];
      for (const auto& [epoch, records] : by_epoch) {
        double sum = 0;
        for (const auto* record : records) sum += value_of(*record, key);
        values.push_back(sum / static_cast<double>(records.size()));
      }
      if (std::ranges::none_of(values, [](double value) { return std::isfinite(value); }))
        diagnosis.series.erase(key);
    }
    if (!diagnosis.series.empty()) diagnoses.push_back(std::move(diagnosis));
  }
  return diagnoses;
}

Table diagnostics_table(const std::vector<Diagnosis>& diagnoses) {
  Table table;
  table.title = "Training diagnostics after the last epoch";
  table.caption =
      "Means over the seeds and, but for the loss, over rounds of the last epoch. λ: energy of the "
      "estimate's error from noise over that of "
      "the estimate without noise. δ: the part of a message's energy that compression keeps. Memory: norm of "
      "what a worker keeps for "
      "later over that of its gradient. Energy: mean over the workers of what was sent, over the budget.";
  table.header = {"Method", "P"};
  for (const auto& [key, title] : diagnosed()) table.header.emplace_back(title);
  for (const auto& diagnosis : diagnoses) {
    TableLine line{diagnosis.label, {{diagnosis.power ? fmt::format("{}", *diagnosis.power) : ""}}};
    for (const auto& [key, title] : diagnosed()) {
      const auto found = diagnosis.series.find(key);
      const double last = found == diagnosis.series.end() ? kNone : found->second.back();
      line.cells.push_back({std::isfinite(last) ? fmt::format("{:.3g}", last) : ""});
    }
    table.lines.push_back(std::move(line));
  }
  return table;
}

std::vector<Diagnosis> middle_power(const std::vector<Diagnosis>& diagnoses) {
  std::map<double, int> methods;  // at each power
  int most = 0;
  for (const auto& diagnosis : diagnoses) {
    if (diagnosis.power) most = std::max(most, ++methods[*diagnosis.power]);
  }
  if (methods.empty()) return diagnoses;
  std::erase_if(methods, [&](const auto& power) { return power.second < most; });
  const double middle = std::next(methods.begin(), static_cast<std::ptrdiff_t>(methods.size() / 2))->first;
  std::vector<Diagnosis> shown;
  for (const auto& diagnosis : diagnoses) {
    if (!diagnosis.power || *diagnosis.power == middle) shown.push_back(diagnosis);
  }
  return shown;
}

}  // namespace laser
