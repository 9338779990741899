// Draws figures by running a script of python/laser on a JSON file. Nothing else depends on Python: without
// it, or without matplotlib, it is told which figures are missing and how to get them.
#pragma once

#include <string>
#include <vector>

#include "laser/report/page.hpp"

namespace laser {

struct Report;

/// A figure that a script knows: NAME.svg and NAME.png.
struct Figure {
  std::string name;
  std::string caption;
};

/// The figures that figures.py may draw of a report, in the order of the page, with captions that say
/// what is in them.
std::vector<Figure> report_figures(const Report& report);

/// What was drawn.
struct DrawingResult {
  std::vector<InlineFigure> figures;  // in the order in which they were asked for
  std::string files;                  // " a.svg a.png b.svg b.png"
  std::string reason;                 // why nothing was, and how to get it; empty where something was
};

/// The Python that draws: $LASER_PYTHON, or python3 where it is not set.
std::string figures_python();

/// Runs `python script json folder` (no shell) and waits. Removes the figures of an earlier report first, so
/// that what is there belongs to this one. A figure that the script has no data for is left out.
DrawingResult draw_figures(const std::vector<Figure>& figures, const std::string& python,
                           const std::string& script, const std::string& json, const std::string& folder);

}  // namespace laser
