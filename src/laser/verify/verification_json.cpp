#include <cmath>
#include <nlohmann/json.hpp>

#include "laser/verify/verification.hpp"

namespace laser::verify {
namespace {

using Json = nlohmann::ordered_json;

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json to_json(const Check& check) {
  return {{"group", check.group},
          {"subject", check.subject},
          {"power", check.power > 0 ? Json(check.power) : Json(nullptr)},
          {"quantity", check.quantity},
          {"source", check.source},
          {"claim", claim_name(check.claim)},
          {"measured", number(check.measured.value)},
          {"standard_error", number(check.measured.standard_error)},
          {"expected", number(check.expected)},
          {"tolerance", check.tolerance},
          {"score", number(check.score())},
          {"samples", check.samples},
          {"plain_ratio", check.plain_ratio},
          {"holds", check.holds()}};
}

Json to_json(const StudyPoint& point) {
  return {{"case", case_name(point.kind)},
          {"method", method_name(point.method)},
          {"over", point.over_rounds ? "T" : "SNR"},
          {"T", point.last_round},
          {"snr", point.snr},
          {"lambda", point.influence},
          {"covered", point.covered},
          {"step", point.step},
          {"noise_limited", point.noise_limited},
          {"settled", point.settled},
          {"bound", point.covered ? number(point.bound) : Json(nullptr)},
          {"measured", number(point.measured.value)},
          {"standard_error", number(point.measured.standard_error)},
          {"runs", point.values.size()},
          {"diverged", point.diverged},
          {"lambda_measured", number(point.measured_influence)},
          {"delta_smallest", number(point.least_quality)},
          {"delta_mean", number(point.mean_quality)}};
}

Json to_json(const Slope& slope) {
  return {{"case", case_name(slope.kind)},
          {"method", method_name(slope.method)},
          {"points", slope.points},
          {"measured", number(slope.measured.value)},
          {"standard_error", number(slope.measured.standard_error)},
          {"of_bound", number(slope.of_bound)}};
}

Json to_json(const Finding& finding) {
  Json rows = Json::array();
  for (const auto& row : finding.rows) {
    Json line = Json::array();
    for (const double value : row) line.push_back(number(value));
    rows.push_back(line);
  }
  return {{"title", finding.title},
          {"source", finding.source},
          {"explanation", finding.explanation},
          {"columns", finding.columns},
          {"rows", rows}};
}

template <class Items>
Json list(const Items& items) {
  Json result = Json::array();
  for (const auto& item : items) result.push_back(to_json(item));
  return result;
}

}  // namespace

std::string to_json(const Verification& verification) {
  const Json json{{"schema", 1},
                  {"kind", "theory_verification"},
                  {"seed", verification.options.seed},
                  {"quick", verification.options.quick},
                  {"holds", verification.holds()},
                  {"failing_score", kFailing},
                  {"channel_rounds", verification.channel_rounds},
                  {"problem",
                   {{"m", kStudyRows},
                    {"n", kStudyColumns},
                    {"rank", kStudyRank},
                    {"snr", kStudySnr},
                    {"noise_per_entry", kEntryDeviation}}},
                  {"checks", list(verification.checks)},
                  {"curves", list(verification.points)},
                  {"slopes", list(verification.slopes)},
                  {"findings", list(verification.findings)}};
  return json.dump(1) + "\n";
}

}  // namespace laser::verify
