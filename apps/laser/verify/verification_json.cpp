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

Json to_json(const ControlResult& control) {
  return {{"wrong", control.name},
          {"subject", control.subject},
          {"checks", control.checks},
          {"failed", control.failed},
          {"caught", control.caught()},
          {"quantity", control.worst.quantity},
          {"measured", number(control.worst.measured.value)},
          {"standard_error", number(control.worst.measured.standard_error)},
          {"claimed", number(control.worst.expected)},
          {"score", number(control.worst.score())}};
}

Json to_json(const MomentCurve& curve) {
  Json measured = Json::array(), errors = Json::array(), expected = Json::array();
  for (const auto& estimate : curve.measured) {
    measured.push_back(number(estimate.value));
    errors.push_back(number(estimate.standard_error));
  }
  for (const double value : curve.expected) expected.push_back(number(value));
  return {{"subject", curve.subject},         {"workers", curve.workers}, {"lambda", curve.influence},
          {"M", curve.gradient_noise_factor}, {"t", curve.rounds},        {"measured", measured},
          {"standard_error", errors},         {"expected", expected}};
}

Json to_json(const LemmaRow& row) {
  return {{"lemma", row.lemma},
          {"subject", row.subject},
          {"place", row.place},
          {"left", number(row.left.value)},
          {"standard_error", number(row.left.standard_error)},
          {"right", number(row.right)},
          {"ratio", number(row.left.value / row.right)}};
}

Json to_json(const TheoremRow& row) {
  return {{"method", row.method}, {"T", row.last_round}, {"lambda", row.influence},      {"step", row.step},
          {"left", row.left},     {"right", row.right},  {"ratio", row.left / row.right}};
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
                  {"recursion_rounds", verification.recursion_rounds},
                  {"checks", list(verification.checks)},
                  {"controls", list(verification.controls)},
                  {"curves", list(verification.curves)},
                  {"lemmas", list(verification.lemmas)},
                  {"theorem", list(verification.theorem)},
                  {"findings", list(verification.findings)}};
  return json.dump(1) + "\n";
}

}  // namespace laser::verify
