#include "laser/report/summary_json.hpp"

#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "laser/report/methods.hpp"

namespace laser {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kSchema = 1;

Json number_or_null(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

// The rank has a key of its own because studies over the rank are usual; it is a number there.
void add_axes(Json& json, const std::map<std::string, std::string>& axes) {
  if (axes.empty()) return;
  json["axes"] = axes;
  const auto rank = axes.find("rank");
  if (rank != axes.end()) json["rank"] = std::atoll(rank->second.c_str());
}

Json row_json(const Report& report, const Row& row) {
  Json json = {
      {"method", row.method}, {"power", number_or_null(row.power)}, {"snr_db", number_or_null(row.snr_db())}};
  add_axes(json, row.axes);
  json["label"] = method_label(row.method, row.axes, row.power);
  json["metric"] = report.metric.name;
  json["mean"] = row.mean;
  json["std"] = number_or_null(row.std);
  json["interval"] = number_or_null(row.interval);
  json["seeds"] = row.seeds;
  json["paper"] = row.paper ? Json(row.paper->value) : Json(nullptr);
  if (row.paper) json["paper_source"] = row.paper->source;
  if (row.learning_rate) json["learning_rate"] = std::atof(row.learning_rate->c_str());
  json["best"] = row.best;
  json["leading"] = row.leading;
  json["best_at_power"] = row.best_at_power;
  json["final_mean"] = row.final_mean;
  json["final_std"] = number_or_null(row.final_std);
  json["symbols_per_round"] = row.symbols;
  json["dense_symbols"] = row.dense_symbols;
  json["seconds"] = row.seconds;
  return json;
}

// An end that is not known is null.
Json range_json(double low, double high) {
  return {low == 0 ? Json(nullptr) : Json(low), std::isinf(high) ? Json(nullptr) : Json(high)};
}

template <class Need>
Json need_json(const Need& need) {
  return {{"grid", range_json(need.grid.low, need.grid.high)},
          {"between", range_json(need.between.low, need.between.high)},
          {"interval", need.interval ? range_json(need.interval->low, need.interval->high) : Json(nullptr)}};
}

Json target_json(const TargetNeed& need) {
  Json json = {{"target", need.target}, {"methods", Json(Json::object())}};
  for (const auto& method : need.methods) json["methods"][method.label] = need_json(method);
  if (need.gain) json["laser_over_zsgd"] = need_json(*need.gain);
  return json;
}

Json figure_json(const PaperFigure& figure) {
  Json json = {{"source", figure.source}, {"x", figure.x}, {"curves", Json::array()}};
  for (const auto& curve : figure.curves) {
    json["curves"].push_back({{"method", curve.method},
                              {"label", method_label(curve.method, curve.axes, 0.0)},
                              {"power", number_or_null(curve.power)},
                              {"x", curve.x},
                              {"y", curve.y}});
  }
  return json;
}

Json curve_json(const Curve& curve) {
  Json json = {{"method", curve.method}, {"power", number_or_null(curve.power)}};
  add_axes(json, curve.axes);
  json["label"] = method_label(curve.method, curve.axes, curve.power);
  json["epochs"] = curve.epochs;
  json["mean"] = curve.mean;
  json["std"] = Json::array();
  for (const std::optional<double>& std : curve.std) json["std"].push_back(number_or_null(std));
  json["interval"] = Json::array();
  for (const auto& half : curve.interval) json["interval"].push_back(number_or_null(half));
  return json;
}

Json diagnosis_json(const Diagnosis& diagnosis) {
  Json json = {{"method", diagnosis.method},
               {"label", diagnosis.label},
               {"power", number_or_null(diagnosis.power)},
               {"epochs", diagnosis.epochs}};
  for (const auto& [key, title] : diagnosed()) {
    const auto found = diagnosis.series.find(key);
    if (found != diagnosis.series.end()) json[key] = found->second;
  }
  return json;
}

Json front_json(const AxisFront& front) {
  return {
      {"axis", front.axis}, {"method", front.method}, {"label", front.label}, {"x", front.x}, {"y", front.y}};
}

Json spectrum_json(const Spectrum& spectrum) {
  Json json = {{"label", spectrum.label},   {"tensor", spectrum.tensor}, {"rank", spectrum.rank},
               {"epochs", spectrum.epochs}, {"mean", spectrum.mean},     {"std", Json::array()}};
  for (const auto& std : spectrum.std) json["std"].push_back(number_or_null(std));
  json["interval"] = Json::array();
  for (const auto& half : spectrum.interval) json["interval"].push_back(number_or_null(half));
  if (!spectrum.paper.empty()) json["paper"] = {{"epochs", spectrum.paper_epochs}, {"share", spectrum.paper}};
  return json;
}

Json run_json(const RunEntry& run) {
  const RunSummary& summary = run.summary;
  Json json = {{"folder", run.folder},
               {"method", summary.method},
               {"power", number_or_null(summary.power)},
               {"seed", summary.seed},
               {"status", summary.status},
               {"reason", summary.reason},
               {"best_ema_accuracy", summary.best_ema_accuracy},
               {"final_accuracy", summary.final_accuracy},
               {"seconds", summary.seconds},
               {"weights_hash", summary.weights_hash}};
  if (summary.perplexity) json["perplexity"] = *summary.perplexity;
  if (summary.split_perplexity) json["split_perplexity"] = *summary.split_perplexity;
  return json;
}

}  // namespace

std::string to_json(const Report& report) {
  Json json = {
      {"schema", kSchema},
      {"task", report.task},
      {"metric", report.metric.name},
      {"unit", report.metric.unit},
      {"quantity", report.metric.quantity},
      {"label", report.metric.label},
      {"curve_label", report.metric.curve_label},
      {"higher_is_better", report.metric.higher_is_better},
      {"rows", Json::array()},
      {"curves", Json::array()},
      {"power_needed", Json::array()},
      {"power_factor", report.power_factor},
      {"paper_figure", report.paper_figure == nullptr ? Json(nullptr) : figure_json(*report.paper_figure)},
      {"notes", report.notes},
      {"settings", Json(Json::object())},
      {"versions", Json(Json::object())},
      {"runs", Json::array()}};
  for (const Row& row : report.rows) json["rows"].push_back(row_json(report, row));
  for (const Curve& curve : report.curves) json["curves"].push_back(curve_json(curve));
  if (!report.spectra.empty()) {
    json["spectra"] = Json::array();
    for (const Spectrum& spectrum : report.spectra) json["spectra"].push_back(spectrum_json(spectrum));
  }
  if (!report.fronts.empty()) {
    json["axes"] = Json::array();
    for (const AxisFront& front : report.fronts) json["axes"].push_back(front_json(front));
  }
  if (!report.diagnoses.empty()) {
    json["diagnosed"] = Json::array();
    for (const auto& [key, title] : diagnosed())
      json["diagnosed"].push_back({{"key", key}, {"title", title}});
    json["diagnostics"] = Json::array();
    for (const auto& one : middle_power(report.diagnoses)) json["diagnostics"].push_back(diagnosis_json(one));
  }
  for (const TargetNeed& need : report.needs) json["power_needed"].push_back(target_json(need));
  for (const auto& [key, value] : report.settings) json["settings"][key] = value;
  for (const auto& [key, value] : report.versions) json["versions"][key] = value;
  for (const RunEntry& run : report.runs) json["runs"].push_back(run_json(run));
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace laser
