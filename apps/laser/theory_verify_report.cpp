#include "theory_verify_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "laser/core/fail.hpp"

namespace laser {
namespace {

using verify::Check;
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
      "the largest |z| of lambda over all powers measured.",
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

/// The checks of a group, by subject, in their order.
std::vector<std::pair<std::string, std::vector<const Check*>>> by_subject(const Verification& verification,
                                                                          std::string_view group) {
  std::vector<std::pair<std::string, std::vector<const Check*>>> list;
  for (const auto& check : verification.checks) {
    if (check.group != group) continue;
    if (list.empty() || list.back().first != check.subject) list.push_back({check.subject, {}});
    list.back().second.push_back(&check);
  }
  return list;
}

std::string measured_of(const Check* check) { return check == nullptr ? "" : with_error(check->measured); }

std::string expected_of(const Check* check) { return check == nullptr ? "" : short_number(check->expected); }

Table link_table(const Verification& verification) {
  Table table;
  table.title = "Channels";
  table.caption =
      "One block of 4 workers with unlike norms: E ||error||^2 over what the formula says for the gains of "
      "the draw, and the deviation of the mean error along the message from 0 in standard errors.";
  table.header = {"Channel", "error / formula", "z", "bias"};
  for (const auto& [subject, checks] : by_subject(verification, "channels")) {
    const auto* error = find(checks, "error energy over the formula");
    if (error == nullptr) continue;
    table.lines.push_back({subject,
                           {{with_error(error->measured)},
                            {score_of(error)},
                            {score_of(find(checks, "mean error along the message"))}}});
  }
  return table;
}

Table recursion_table(const Verification& verification) {
  Table table;
  table.title = "Algorithm 1 against the exact recursion of its second moments";
  table.caption = fmt::format(
      "Means over {} rounds of the real code, noise relative to the gradient (M = 2) and independent of it. "
      "1 + lambda is what the recursion needs to give the measured E ||x - e||^2; the other columns: "
      "deviation from the recursion in standard errors.",
      verification.recursion_rounds);
  table.header = {"Method", "1 + lambda", "claimed", "z", "gap", "memory", "mean memory"};
  for (const auto& [subject, checks] : by_subject(verification, "recursion")) {
    const auto* influence = find(checks, "1 + lambda");
    if (influence == nullptr) continue;
    table.lines.push_back({subject,
                           {{with_error(influence->measured)},
                            {short_number(influence->expected)},
                            {score_of(influence)},
                            {score_of(find(checks, "E f(x) - f*"))},
                            {score_of(find(checks, "E ||e||^2, one worker"))},
                            {score_of(find(checks, "E ||e||^2, mean of the workers"))}}});
  }
  return table;
}

Table control_table(const Verification& verification) {
  Table table;
  table.title = "Controls: something is wrong, and the comparison must fail";
  table.caption = "The check that is furthest off, with its deviation in standard errors.";
  table.header = {"What is wrong", "Where",    "verdict", "checks failed",
                  "quantity",      "measured", "claimed", "z"};
  for (const auto& control : verification.controls) {
    table.lines.push_back({control.name,
                           {{control.subject},
                            {control.caught() ? "caught" : "MISSED", !control.caught()},
                            {fmt::format("{} of {}", control.failed, control.checks)},
                            {control.worst.quantity},
                            {with_error(control.worst.measured)},
                            {short_number(control.worst.expected)},
                            {fmt::format("{:+.0f}", control.worst.score())}}});
  }
  return table;
}

Table step_table(const Verification& verification) {
  Table table;
  table.title = "What Lemmas 11 to 13 rest on";
  table.caption =
      "One round repeated from one state: variance of the virtual iterate x~ = x - e after it, which holds "
      "1 + "
      "lambda, and energy of the memory, which holds 1 - delta.";
  table.header = {"Round", "Quantity", "measured", "exact", "z"};
  for (const auto& [subject, checks] : by_subject(verification, "lemmas")) {
    for (const auto* check : checks) {
      if (check->claim != verify::Claim::kEqual) continue;
      table.lines.push_back(
          {subject, {{check->quantity}, {measured_of(check)}, {expected_of(check)}, {score_of(check)}}});
    }
  }
  return table;
}

Table lemma_table(const Verification& verification) {
  Table table;
  table.title = "Both sides of the lemmas";
  table.caption =
      "Single rounds that are repeated, then means over whole runs, at the round where left over right is "
      "largest. An inequality with room to spare proves little; the table above tests what it is made of.";
  table.header = {"Lemma", "Function", "Where", "left", "right", "left/right"};
  for (const auto& row : verification.lemmas) {
    table.lines.push_back({row.lemma,
                           {{row.subject},
                            {row.place},
                            {short_number(row.left.value)},
                            {short_number(row.right)},
                            {fmt::format("{:.4f}", row.left.value / row.right)}}});
  }
  return table;
}

Table theorem_table(const Verification& verification) {
  Table table;
  table.title = "Both sides of Theorem 1 (i)";
  table.caption =
      "E f(out) - f* on the quadratic by the recursion, exactly, and the bound at the step at which it is "
      "least.";
  table.header = {"T", "Method", "lambda", "left", "right", "left/right"};
  for (const auto& row : verification.theorem) {
    table.lines.push_back({fmt::format("{}", row.last_round),
                           {{row.method},
                            {short_number(row.influence)},
                            {short_number(row.left)},
                            {short_number(row.right)},
                            {fmt::format("{:.4f}", row.left / row.right)}}});
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

}  // namespace

std::vector<Table> verification_tables(const Verification& verification) {
  std::vector<Table> tables{channel_table(verification),   link_table(verification),
                            recursion_table(verification), control_table(verification),
                            step_table(verification),      lemma_table(verification),
                            theorem_table(verification)};
  for (const auto& finding : verification.findings) tables.push_back(finding_table(finding));
  return tables;
}

Table check_table(const Verification& verification) {
  Table table;
  table.title = fmt::format("All {} checks", verification.checks.size());
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
  const auto missed = verify::missed(verification.controls);
  std::int64_t random = 0, remarkable = 0, equalities = 0;
  for (const auto& check : verification.checks) {
    if (check.claim != verify::Claim::kEqual) continue;
    ++equalities;
    if (check.measured.standard_error == 0) continue;
    ++random;
    if (!check.holds_closely()) ++remarkable;
  }
  std::string text = fmt::format(
      "{} checks, {} of them equalities: {} hold, {} fail. {} controls with something wrong: {} caught, {} "
      "missed. Of {} statistical comparisons {} lie beyond {:g} standard errors (a check fails beyond {:g}). "
      "Seed {}{}.",
      verification.checks.size(), equalities, verification.checks.size() - failed.size(), failed.size(),
      verification.controls.size(), verification.controls.size() - missed.size(), missed.size(), random,
      remarkable, verify::kRemarkable, verify::kFailing, verification.options.seed,
      verification.options.quick ? ", quick" : "");
  for (const auto& check : failed) {
    text += fmt::format("\nFAILED {}: {} measured {}, {} {} ({})", check.subject, check.quantity,
                        with_error(check.measured), verify::claim_name(check.claim),
                        short_number(check.expected), check.source);
  }
  for (const auto& control : missed) {
    text += fmt::format("\nMISSED {}, {}: {} measured {} and {} claimed passes", control.name,
                        control.subject, control.worst.quantity, with_error(control.worst.measured),
                        short_number(control.worst.expected));
  }
  return text;
}

void require_holds(const Verification& verification, const std::string& out) {
  const auto failed = verify::failures(verification.checks).size();
  if (failed > 0) {
    fail(ExitCode::kData,
         "the verification failed: {} of {} checks do not hold. HINT: {}/verify.html lists them; if the same "
         "ones fail with another --seed, formula and code disagree",
         failed, verification.checks.size(), out);
  }
  const auto missed = verify::missed(verification.controls).size();
  if (missed > 0) {
    fail(ExitCode::kData,
         "the verification is blind: {} of {} controls with something wrong were not noticed. HINT: "
         "{}/verify.html lists them; without --quick the samples are larger",
         missed, verification.controls.size(), out);
  }
}

std::vector<Figure> verification_figures() {
  return {
      {"influence_over_power",
       "Influence factor over the power: measured with the real code (markers, three standard errors) and "
       "formula (lines); right: measured over formula, all schemes."},
      {"moments_over_rounds",
       "Left: E ||x - e||^2 over the rounds, measured (markers, three standard errors) on the exact "
       "recursion (lines) "
       "for 1 to 16 workers. Right: 1 + lambda measured over claimed, every method, and the controls in "
       "which it is "
       "5 % too large."}};
}

std::string verification_page(const Verification& verification, const std::vector<InlineFigure>& figures,
                              const Origin& origin) {
  Page page("The theory, verified by simulation", "laser theory verify", origin);
  const auto verdict = verdict_text(verification);
  const auto first = verdict.find('\n');  // what failed or was missed stands on lines of its own
  page.conclude({verification.holds()
                     ? "Every formula holds, and every control with something wrong was caught."
                     : "Formulas and code disagree, or a control was missed.",
                 verdict.substr(0, first)});
  for (auto at = first; at != std::string::npos;) {
    const auto next = verdict.find('\n', at + 1);
    page.warn(verdict.substr(at + 1, next == std::string::npos ? next : next - at - 1));
    at = next;
  }
  for (const auto& figure : figures) page.add(figure);
  for (const auto& table : verification_tables(verification)) page.add(table);
  page.fold(check_table(verification));
  return page.text();
}

}  // namespace laser
