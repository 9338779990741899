// What `laser theory verify` shows of a verification: tables for the terminal and the page, the page itself.
#pragma once

#include <string>
#include <vector>

#include "laser/report/figures.hpp"
#include "laser/report/page.hpp"
#include "laser/report/table.hpp"
#include "laser/verify/verification.hpp"

namespace laser {

/// The summary tables: channel and compressors, channels, recursion, controls, lemmas, Theorem 1, misprints.
std::vector<Table> verification_tables(const verify::Verification& verification);

/// Every single check, for the page.
Table check_table(const verify::Verification& verification);

/// How many checks hold and controls were caught, and which not.
std::string verdict_text(const verify::Verification& verification);

/// Throws Error (data), as a failed known answer does, unless every check holds and every control was caught;
/// `out` is the report's folder.
void require_holds(const verify::Verification& verification, const std::string& out);

/// The figures that python/laser/theory_figures.py draws from verify.json.
std::vector<Figure> verification_figures();

/// One page that needs no network and no other file.
std::string verification_page(const verify::Verification& verification,
                              const std::vector<InlineFigure>& figures, const Origin& origin);

}  // namespace laser
