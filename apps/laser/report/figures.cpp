#include "laser/report/figures.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

#include "laser/report/python_process.hpp"

namespace laser {

std::vector<Figure> known_figures(const std::string& quantity) {
  return {
      {quantity + "_over_power",
       "Mean over the seeds at each power budget; the band is one sample standard deviation to each "
       "side, open "
       "markers are the paper's values, the dashed line is training without noise."},
      {quantity + "_beside_paper",
       "Ours and the paper's own figure. Where its model is larger, its power is divided by the square of "
       "the ratio of the widths, so that equal power per parameter stands at equal places."},
      {quantity + "_over_epochs",
       "Mean over the seeds after each epoch, one panel for each power budget; the band is one sample "
       "standard "
       "deviation to each side, the dashed line is training without noise."},
      {quantity + "_on_three_axes",
       "What each method reaches with at most so much energy, transmit power or air time, at whatever power "
       "budget and after whatever epoch; transmit power is that of whole runs."},
      {"gradient_spectra",
       "Share of the squared norm of each tensor's average gradient in its largest singular values after "
       "each epoch; open markers are the paper's values of three tensors of its larger model."}};
}

std::string figures_python() {
  const char* chosen = std::getenv("LASER_PYTHON");
  return chosen != nullptr && *chosen != '\0' ? chosen : "python3";
}

DrawingResult draw_figures(const std::vector<Figure>& figures, const std::string& python,
                           const std::string& script, const std::string& summary_json,
                           const std::string& folder) {
  std::string names;
  for (const Figure& figure : figures) {
    for (const char* ending : {".svg", ".png"}) {
      std::error_code ignored;
      std::filesystem::remove(folder + "/" + figure.name + ending, ignored);
    }
    names += (names.empty() ? "" : ", ") + figure.name;
  }
  const auto not_drawn = [&](const std::string& reason, const std::string& hint) {
    return DrawingResult{false, fmt::format("Figures not drawn ({}): {}. HINT: {}", names, reason, hint)};
  };
  const std::string choose = "set LASER_PYTHON to a Python that has matplotlib";
  if (python.empty()) return not_drawn("no Python interpreter was given", choose);
  // Drawn from beside the script: matplotlib reads settings from the folder that it is started in.
  namespace fs = std::filesystem;
  const auto whole = [](const std::string& path) { return fs::absolute(path).lexically_normal().string(); };
  const std::vector<std::string> arguments{whole(script), whole(summary_json), whole(folder)};
  std::error_code ignored;
  const bool by_path = python.find('/') != std::string::npos;
  const auto beside = fs::path(arguments[0]).parent_path().string();
  const auto outcome = run_python(by_path ? whole(python) : python, arguments,
                                  fs::is_directory(beside, ignored) ? beside : "");
  if (outcome.succeeded()) return {.drawn = true, .reason = ""};
  const auto reason = outcome.failure(python);
  if (outcome.error_number != 0) return not_drawn(reason, choose);
  const auto again = fmt::format("{} {} {} {}", python, arguments[0], arguments[1], arguments[2]);
  if (const auto missing = outcome.missing_module(); !missing.empty())
    return not_drawn(reason, fmt::format("{} -m pip install {}, then {}", python, missing, again));
  return not_drawn(reason, again + "   shows all that it says");
}

}  // namespace laser
