#include "laser/report/study.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "laser/core/atomic_file.hpp"
#include "laser/report/conclusion.hpp"
#include "laser/report/methods.hpp"
#include "laser/report/page.hpp"

namespace laser {
namespace {

/// LASER against every other method with step sizes chosen alike.
std::vector<std::string> conclusion_of(const TunedReport& report) {
  const auto& ours = report.curves[report.reference];
  std::vector<std::string> sentences;
  for (std::size_t c = 0; c < report.curves.size(); ++c) {
    if (c == report.reference || report.curves[c].tuned != ours.tuned) continue;
    std::vector<ToldGain> gains;
    for (const auto& need : report.needs) {
      if (need.curve != c) continue;
      // The report holds how much less the other method needs.
      ToldGain told{need.target, ratio({1, 1}, need.gain), {}};
      if (need.gain_interval) {
        const auto turned = ratio({1, 1}, {need.gain_interval->low, need.gain_interval->high});
        told.interval = {turned.low, turned.high};
      }
      gains.push_back(told);
    }
    const auto told = gain_sentences(label(ours), label(report.curves[c]), gains,
                                     report.quantity.unit.empty() ? "perplexity" : "accuracy",
                                     report.quantity.unit, report.quantity.higher_is_better);
    if (!told.empty()) sentences.push_back(told[0]);
  }
  if (!sentences.empty()) sentences.emplace_back(kWhatEnergyIs);
  return sentences;
}

/// After the last round, with step sizes chosen where they were.
std::vector<std::string> conclusion_of(const GainReport& report) {
  const bool tuned = std::ranges::any_of(report.rows, &GainRow::tuned);
  std::vector<ToldGain> gains;
  for (const auto& row : report.rows) {
    if (row.round == report.rounds && row.tuned == tuned)
      gains.push_back({row.target, row.gain, row.interval});
  }
  auto sentences = gain_sentences("LASER", "Z-SGD", gains, report.unit.empty() ? "perplexity" : "accuracy",
                                  report.unit, report.higher_is_better);
  if (!sentences.empty()) sentences.emplace_back(kWhatEnergyIs);
  return sentences;
}

/// What the band around a curve is.
template <class Curves>
std::string band_text(const Curves& curves) {
  const bool spread = std::ranges::any_of(curves, [](const auto& curve) {
    return std::ranges::any_of(curve.points, [](const PowerPoint& point) { return point.std.has_value(); });
  });
  return spread ? "Means over the seeds; the bands are their 95 % intervals."
                : "Single seeds, which have no interval.";
}

}  // namespace

StudyReport study_of(const TunedReport& report) {
  const bool noiseless = std::ranges::any_of(report.curves, &TunedCurve::noiseless);
  return {
      .title = task_name(report.task) + ": methods at tuned step sizes",
      .name = "tuned",
      .json = to_json(report),
      .conclusion = conclusion_of(report),
      .tables = tuned_tables(report),
      .figures =
          {{"tuned_accuracy",
            "Left: the methods at their own step sizes; right: at those chosen on held-out examples. " +
                band_text(report.curves) +
                (noiseless ? " The grey dashed line is training without noise." : "")},
           {"tuned_pareto",
            "Power that a method needs for a target and its channel uses: to the lower left is better. Bars "
            "are 95 % "
            "intervals of the power; filled markers have chosen step sizes, open ones the methods' own."}},
      .notes = report.notes,
      .origin = report.origin};
}

StudyReport study_of(const GainReport& report) {
  std::string limits;
  if (report.symbols > 0) limits += " The dotted grey line is d/D, the ratio of the symbols that both send.";
  if (report.lag > 0) limits += " The vertical one is the lag of the error memory.";
  return {
      .title = task_name(report.task) + ": power that Z-SGD needs, over LASER's",
      .name = "gain",
      .json = to_json(report),
      .conclusion = conclusion_of(report),
      .tables = gain_tables(report),
      .figures =
          {{"gain",
            "Left: over the target, after the last round; right: over the rounds, a line a target. Bars are "
            "95 % "
            "intervals over the seeds; an arrow is a bound: one of the methods does not reach the target, or "
            "reaches it at its least power." +
                limits},
           {"gain_values",
            "What the methods reach over their powers after the last round. " + band_text(report.curves)}},
      .notes = report.notes,
      .origin = report.origin};
}

std::string write_study(const StudyReport& study, const std::string& folder, const std::string& python,
                        const std::string& script) {
  create_folders(folder);
  const auto json = fmt::format("{}/{}.json", folder, study.name);
  write_file_atomically(json, study.json);
  const auto drawing = draw_figures(study.figures, python, script, json, folder);
  Page page(study.title, "laser study", study.origin);
  page.conclude(study.conclusion);
  for (const auto& figure : drawing.figures) page.add(figure);
  std::string text, markdown;
  for (const auto& sentence : study.conclusion) {
    text += wrap(sentence, "") + "\n";
    markdown += escape_markdown(sentence) + "\n\n";
  }
  for (const auto& table : study.tables) {
    text += (text.empty() ? "" : "\n") + to_text(table);
    markdown += (markdown.empty() || markdown.ends_with("\n\n") ? "" : "\n") + to_markdown(table);
    page.add(table);
  }
  for (const auto& note : study.notes) {
    text += "\n" + wrap("note: " + note, "  ") + "\n";
    markdown += fmt::format("\n- {}\n", escape_markdown(note));
  }
  page.add_list("Notes", study.notes);
  write_file_atomically(fmt::format("{}/{}.md", folder, study.name), markdown);
  write_file_atomically(folder + "/report.html", page.text());
  if (!drawing.reason.empty()) text += "\n" + drawing.reason + "\n";
  const auto written = fmt::format("{0}.md {0}.json report.html{1}", study.name, drawing.files);
  return text + fmt::format("\nWritten to {}:\n  {}\n", folder, wrap(written, "  "));
}

}  // namespace laser
