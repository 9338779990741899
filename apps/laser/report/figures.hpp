// Draws the figures by running python/laser/figures.py on a report's summary.json. Nothing else depends on
// Python: without it, or without matplotlib, the report says which figures are missing and how to get them.
#pragma once

#include <string>
#include <vector>

namespace laser {

/// A figure that figures.py knows: NAME.svg and NAME.png.
struct Figure {
  std::string name;
  std::string caption;
};

/// The figures of a report on `quantity` ("accuracy"), in the order of the page.
std::vector<Figure> known_figures(const std::string& quantity);

struct DrawingResult {
  bool drawn = false;
  std::string reason;  // why not, and how to get the figures; empty when drawn
};

/// The Python that draws: $LASER_PYTHON, or python3 where it is not set.
std::string figures_python();

/// Runs `python script summary_json folder` (no shell) and waits. Removes the figures of an earlier report
/// first, so that what is there belongs to this one.
DrawingResult draw_figures(const std::vector<Figure>& figures, const std::string& python,
                           const std::string& script, const std::string& summary_json,
                           const std::string& folder);

}  // namespace laser
