#include "theory_verify_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "laser/core/error.hpp"

namespace laser {
namespace {

using verify::Case;
using verify::Check;
using verify::Method;
using verify::StudyPoint;
using verify::Verification;

std::string short_number(double value) {
  constexpr double kLargestPlain = 1e6;
  if (value == std::floor(value) && std::abs(value) < kLargestPlain) return fmt::format("{:.0f}", value);
  return fmt::format("{:.4g}", value);
}

std::string with_error(const verify::Estimate& estimate) {
  return fmt::format("{:.4g} ± {:.1g}", estimate.value, estimate.standard_error);
}

/// The check of this quantity, or nothing.
const Check* find(const std::vector<const Check*>& checks, const std::string& quantity,
                  verify::Claim claim = verify::Claim::kEqual) {
  const auto found = std::ranges::find_if(
      checks, [&](const Check* c) { return c->quantity == quantity && c->claim == claim; });
  return found == checks.end() ? nullptr : *found;
}

std::string score_of(const Check* check) {
  return check == nullptr ? "" : fmt::format("{:+.1f}", check->score());
}

Table channel_table(const Verification& verification) {
  Table table;
  table.title = "Channel and compressors";
  table.caption = fmt::format(
      "Influence factor lambda = E ||y - X||^2 / ||X||^2 over {} rounds of the real code at one power. z: "
      "deviation from the formula in standard errors, of lambda and (gain, bias) of the mean error; worst: "
      "the "
      "largest |z| of lambda over all powers measured.",
      verification.channel_rounds);
  table.header = {"Scheme", "P", "lambda", "formula", "z", "gain", "bias", "worst"};
  std::vector<std::string> order;
  std::map<std::string, std::vector<const Check*>> by_subject;
  for (const auto& check : verification.checks) {
    if (check.group != "channel") continue;
    auto& list = by_subject[check.subject];
    if (list.empty()) order.push_back(check.subject);
    list.push_back(&check);
  }
  for (const auto& subject : order) {
    const auto& all = by_subject[subject];
    const auto* gain = find(all, "gain along the message");
    std::vector<const Check*> shown;
    double worst = 0;
    for (const auto* check : all) {
      if (check->plain_ratio) worst = std::max(worst, std::abs(check->score()));
      if (gain != nullptr && check->power == gain->power) shown.push_back(check);
    }
    const auto* influence = find(shown, "influence factor");
    if (influence == nullptr) continue;
    table.lines.push_back({subject,
                           {{fmt::format("{:g}", influence->power)},
                            {with_error(influence->measured)},
                            {short_number(influence->expected)},
                            {score_of(influence)},
                            {score_of(gain)},
                            {score_of(find(shown, "squared bias"))},
                            {fmt::format("{:.1f}", worst)}}});
  }
  return table;
}

std::string measured_text(const StudyPoint* point) {
  if (point == nullptr) return "";
  return point->diverged ? "diverged" : with_error(point->measured);
}

std::string bound_text(const StudyPoint* point) {
  if (point == nullptr) return "";
  return point->covered ? short_number(point->bound) : "outside";
}

Table curve_table(const Verification& verification, Case kind, bool over_rounds) {
  Table table;
  const char* part = kind == Case::kQuasiConvex ? "(i)" : kind == Case::kConvex ? "(ii)" : "(iii)";
  const char* quantity = kind == Case::kNonConvex ? "E ||grad f(out)||^2" : "E f(out) - f*";
  std::map<double, std::map<Method, const StudyPoint*>> rows;
  std::int64_t last_round = 0;
  for (const auto& point : verification.points) {
    if (point.kind != kind || point.over_rounds != over_rounds) continue;
    rows[over_rounds ? static_cast<double>(point.last_round) : point.snr][point.method] = &point;
    last_round = point.last_round;
  }
  table.title =
      fmt::format("Theorem 1 {}, {}, over {}", part, verify::case_name(kind), over_rounds ? "T" : "SNR");
  table.caption =
      fmt::format("{} under its bound, {}; 'outside': Assumption 5 fails, nothing is claimed.", quantity,
                  over_rounds ? fmt::format("SNR {:g}", verify::kStudySnr)
                              : fmt::format("T = {}, one step for all", last_round));
  table.header = {over_rounds ? "T" : "SNR", "LASER", "bound", "LASER, warm"};
  if (!over_rounds) table.header.emplace_back("no feedback");
  table.header.insert(table.header.end(), {"Z-SGD", "bound"});
  for (auto& [x, methods] : rows) {
    TableLine line{fmt::format("{:g}", x), {}, false, false};
    line.cells = {{measured_text(methods[Method::kFresh])},
                  {bound_text(methods[Method::kFresh])},
                  {measured_text(methods[Method::kWarm])}};
    if (!over_rounds) line.cells.push_back({measured_text(methods[Method::kNoFeedback])});
    line.cells.push_back({measured_text(methods[Method::kZsgd])});
    line.cells.push_back({bound_text(methods[Method::kZsgd])});
    table.lines.push_back(line);
  }
  return table;
}

Table slope_table(const Verification& verification) {
  Table table;
  table.title = "Log-log slopes over T";
  table.caption =
      "Where the noise limits the step and runs are settled: -1/2 in the convex and non-convex cases, near "
      "-1 "
      "(with a logarithm) in the quasi-convex case.";
  table.header = {"Case", "Method", "points", "measured", "of the bound"};
  for (const auto& slope : verification.slopes) {
    table.lines.push_back(
        {verify::case_name(slope.kind),
         {{verify::method_name(slope.method)},
          {fmt::format("{}", slope.points)},
          {fmt::format("{:.3f} ± {:.3f}", slope.measured.value, slope.measured.standard_error)},
          {fmt::format("{:.3f}", slope.of_bound)}}});
  }
  return table;
}

Table finding_table(const verify::Finding& finding) {
  Table table;
  table.title = finding.title;
  table.caption = fmt::format("{} ({})", finding.explanation, finding.source);
  table.header = finding.columns;
  for (const auto& row : finding.rows) {
    TableLine line{short_number(row.front()), {}, false, false};
    for (std::size_t i = 1; i < row.size(); ++i) line.cells.push_back({short_number(row[i])});
    table.lines.push_back(line);
  }
  return table;
}

constexpr std::string_view kStyle = R"(
body { margin: 0 auto; max-width: 66rem; padding: 2rem 1.2rem 4rem; color: #1c2733; background: #fff;
       font: 16px/1.5 system-ui, "Segoe UI", "Liberation Sans", Arial, sans-serif; }
h1 { font-size: 1.8rem; border-left: 0.35rem solid #c1272d; padding-left: 0.8rem; }
h2 { font-size: 1.15rem; margin: 2rem 0 0.4rem; }
.failed { color: #c1272d; font-weight: 650; }
section { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.92rem; }
caption { caption-side: bottom; text-align: left; color: #5c6b7a; font-size: 0.88rem; padding-top: 0.5rem; }
th, td { padding: 0.3rem 0.7rem; text-align: right; border-bottom: 1px solid #dde3e9; white-space: nowrap; }
th:first-child { text-align: left; font-weight: 500; }
thead th { border-bottom: 2px solid #1c2733; font-weight: 650; }
figure { margin: 1.2rem 0; } figure svg { width: 100%; height: auto; }
figcaption { color: #5c6b7a; font-size: 0.88rem; }
)";

}  // namespace

std::vector<Table> verification_tables(const Verification& verification) {
  std::vector<Table> tables{channel_table(verification)};
  for (const bool over_rounds : {true, false}) {
    for (const auto kind : {Case::kQuasiConvex, Case::kConvex, Case::kNonConvex})
      tables.push_back(curve_table(verification, kind, over_rounds));
  }
  if (!verification.slopes.empty()) tables.push_back(slope_table(verification));
  for (const auto& finding : verification.findings) tables.push_back(finding_table(finding));
  return tables;
}

Table check_table(const Verification& verification) {
  Table table;
  table.title = "All checks";
  table.header = {"What was run", "P",       "Quantity", "Source", "Measured",
                  "Claim",        "Formula", "Samples",  "z",      "Verdict"};
  for (const auto& check : verification.checks) {
    const bool random = check.measured.standard_error > 0;
    table.lines.push_back({check.subject,
                           {{check.power > 0 ? fmt::format("{:g}", check.power) : ""},
                            {check.quantity},
                            {check.source},
                            {random ? with_error(check.measured) : short_number(check.measured.value)},
                            {std::string(verify::claim_name(check.claim))},
                            {short_number(check.expected)},
                            {check.samples > 0 ? fmt::format("{}", check.samples) : ""},
                            {random ? score_of(&check) : ""},
                            {check.holds() ? "holds" : "FAILS", !check.holds()}}});
  }
  return table;
}

std::string verdict_text(const Verification& verification) {
  const auto failed = verify::failures(verification.checks);
  std::int64_t random = 0, remarkable = 0;
  for (const auto& check : verification.checks) {
    if (check.claim != verify::Claim::kEqual || check.measured.standard_error == 0) continue;
    ++random;
    if (!check.holds_closely()) ++remarkable;
  }
  std::string text = fmt::format(
      "{} checks: {} hold, {} fail. Of {} statistical comparisons {} lie beyond {:g} standard errors (a "
      "check "
      "fails beyond {:g}). Seed {}{}.",
      verification.checks.size(), verification.checks.size() - failed.size(), failed.size(), random,
      remarkable, verify::kRemarkable, verify::kFailing, verification.options.seed,
      verification.options.quick ? ", quick" : "");
  for (const auto& check : failed) {
    text += fmt::format("\nFAILED {}: {} measured {}, {} {} ({})", check.subject, check.quantity,
                        with_error(check.measured), verify::claim_name(check.claim),
                        short_number(check.expected), check.source);
  }
  return text;
}

void require_holds(const Verification& verification, const std::string& out) {
  const auto failed = verify::failures(verification.checks).size();
  if (failed == 0) return;
  fail(ExitCode::kData,
       "the verification failed: {} of {} checks do not hold. HINT: {}/verify.html lists them; if the same "
       "ones "
       "fail with another --seed, formula and code disagree",
       failed, verification.checks.size(), out);
}

std::vector<Figure> verification_figures() {
  return {
      {"influence_over_power",
       "Influence factor over the power: measured with the real code (markers, three standard errors) and "
       "formula (lines); right: measured over formula, all schemes."},
      {"bounds_over_rounds",
       "Algorithm 1 (solid) under the bound of Theorem 1 (dashed) over the number of rounds T, at the best "
       "step of the theorem for each T."},
      {"bounds_over_snr",
       "The same over the signal-to-noise ratio P/(m n), with one step size for all. Open markers: "
       "Assumption 5 fails, the theorem claims nothing there."}};
}

std::string verification_page(const Verification& verification, const std::vector<InlineFigure>& figures) {
  std::string html = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\">\n<title>laser: the theory verified</title>\n<style>{}"
      "</style>\n</head>\n<body>\n<h1>The theory, verified by simulation</h1>\n<p{}>{}</p>\n",
      kStyle, verification.holds() ? "" : " class=\"failed\"", escape_html(verdict_text(verification)));
  for (const auto& figure : figures) {
    html += fmt::format("<figure role=\"img\" aria-label=\"{0}\">{1}<figcaption>{0}</figcaption></figure>\n",
                        escape_html(figure.caption), inline_svg(figure.svg));
  }
  for (const auto& table : verification_tables(verification))
    html += "<section><h2>" + escape_html(table.title) + "</h2>\n" + to_html(table) + "</section>\n";
  const auto all = check_table(verification);
  html += fmt::format("<details><summary>All {} checks</summary><section>\n{}</section></details>\n",
                      verification.checks.size(), to_html(all));
  return html + "</body>\n</html>\n";
}

}  // namespace laser
