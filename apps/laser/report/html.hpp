// A report as a page: what it found first, then tables and figures, then what is looked
// up: settings, versions, runs.
#pragma once

#include <string>
#include <vector>

#include "laser/report/page.hpp"

namespace laser {

struct Report;

std::string to_html(const Report& report, const std::vector<InlineFigure>& figures);

}  // namespace laser
