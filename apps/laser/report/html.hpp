// The report as one page that needs no network and no other file: tables, figures, settings, versions, runs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "laser/report/report.hpp"

namespace laser {

/// A figure of the page.
struct InlineFigure {
  std::string caption;
  std::string svg;  // as a file holds it; prolog, metadata and name spaces are removed here
};

/// The page. All texts of the report are escaped.
std::string to_html(const Report& report, const std::vector<InlineFigure>& figures);

/// An SVG document as an element of an HTML page: without what only a file of its own needs.
std::string inline_svg(std::string_view document);

}  // namespace laser
