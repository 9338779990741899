#include "laser/report/figures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "laser/report/python_process.hpp"
#include "laser/report/report.hpp"

namespace laser {

std::vector<Figure> report_figures(const Report& report) {
  const auto& quantity = report.metric.quantity;
  const auto has = [&](auto predicate) { return std::ranges::any_of(report.rows, predicate); };
  const bool spread = has([](const Row& row) { return row.interval.has_value(); });
  const bool single = has([](const Row& row) { return row.seeds == 1; });
  const std::string mean = spread ? "Mean over the seeds" : "The value of a single seed";
  const std::string band = !spread ? "; single seeds have no interval"
                           : single
                               ? "; the band is the 95 % interval of the mean, which single seeds do not have"
                               : "; the band is the 95 % interval of the mean";
  const std::string noiseless = has([](const Row& row) { return !row.power; })
                                    ? "; the grey dashed line is training without noise"
                                    : "";
  const std::string paper = has([](const Row& row) { return row.power && row.paper; })
                                ? "; open markers are the paper's values"
                                : "";
  const bool panels = PowerColumns(report.rows).values.size() > 1;
  const bool noisy = has([](const Row& row) { return row.power.has_value(); });
  std::string beside = "Ours and the paper's own figure.";
  if (report.power_factor != 1)
    beside += fmt::format(
        " Its model is larger: its power is divided by {:g}, so that equal power per parameter stands at "
        "equal places.",
        report.power_factor);
  const auto shown = middle_power(report.diagnoses);
  const auto at = std::ranges::find_if(shown, [](const Diagnosis& one) { return one.power.has_value(); });
  const auto where = at == shown.end() ? std::string("without noise") : fmt::format("at P = {}", *at->power);
  return {
      {quantity + "_over_power", fmt::format("{} at each power budget{}{}{}.", mean, band, paper, noiseless)},
      {quantity + "_beside_paper", beside},
      {quantity + "_over_epochs",
       fmt::format("{} after each epoch{}{}{}.", mean, panels ? ", one panel for each power budget" : "",
                   band, noisy ? noiseless : "")},
      {quantity + "_on_three_axes",
       "What each method reaches with at most so much energy, transmit power or air time, at whatever power "
       "budget and after "
       "whatever epoch; transmit power is that of whole runs."},
      {"training_diagnostics",
       fmt::format("Inside of training, {}, means over the seeds after each epoch. λ is the energy of the "
                   "noise in the estimate over "
                   "that of the estimate, δ the part of a message's energy that compression keeps (below 0, "
                   "where it adds energy, is not drawn).",
                   where)},
      {"gradient_spectra",
       "Share of the squared norm of each tensor's average gradient in its largest singular values after "
       "each epoch" +
           std::string(
               std::ranges::any_of(report.spectra, [](const Spectrum& one) { return !one.paper.empty(); })
                   ? "; open markers are the paper's values of three tensors of its larger model."
                   : ".")}};
}

std::string figures_python() {
  const char* chosen = std::getenv("LASER_PYTHON");
  return chosen != nullptr && *chosen != '\0' ? chosen : "python3";
}

DrawingResult draw_figures(const std::vector<Figure>& figures, const std::string& python,
                           const std::string& script, const std::string& json, const std::string& folder) {
  std::string names;
  for (const Figure& figure : figures) {
    for (const char* ending : {".svg", ".png"}) {
      std::error_code ignored;
      std::filesystem::remove(folder + "/" + figure.name + ending, ignored);
    }
    names += (names.empty() ? "" : ", ") + figure.name;
  }
  const auto not_drawn = [&](const std::string& reason, const std::string& hint) {
    return DrawingResult{{}, "", fmt::format("Figures not drawn ({}): {}. HINT: {}", names, reason, hint)};
  };
  const std::string choose = "set LASER_PYTHON to a Python that has matplotlib";
  if (python.empty()) return not_drawn("no Python interpreter was given", choose);
  // Drawn from beside the script: matplotlib reads settings from the folder that it is started in.
  namespace fs = std::filesystem;
  const auto whole = [](const std::string& path) { return fs::absolute(path).lexically_normal().string(); };
  const std::vector<std::string> arguments{whole(script), whole(json), whole(folder)};
  std::error_code ignored;
  const bool by_path = python.find('/') != std::string::npos;
  const auto beside = fs::path(arguments[0]).parent_path().string();
  const auto outcome = run_python(by_path ? whole(python) : python, arguments,
                                  fs::is_directory(beside, ignored) ? beside : "");
  if (outcome.succeeded()) {
    DrawingResult result;
    for (const auto& figure : figures) {
      std::ifstream stream(folder + "/" + figure.name + ".svg", std::ios::binary);
      if (!stream) continue;
      result.figures.push_back(
          {figure.caption, {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()}});
      result.files += fmt::format(" {0}.svg {0}.png", figure.name);
    }
    return result;
  }
  const auto reason = outcome.failure(python);
  if (outcome.error_number != 0) return not_drawn(reason, choose);
  const auto again = fmt::format("{} {} {} {}", python, arguments[0], arguments[1], arguments[2]);
  if (const auto missing = outcome.missing_module(); !missing.empty())
    return not_drawn(reason, fmt::format("{} -m pip install {}, then {}", python, missing, again));
  return not_drawn(reason, again + "   shows all that it says");
}

}  // namespace laser
