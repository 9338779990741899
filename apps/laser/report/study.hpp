// What a study with chosen step sizes leaves behind: its result in words, tables, figures and a page. `laser
// tune` and the studies of the gain share it; what they found is in tuned.hpp and gain.hpp.
#pragma once

#include <string>
#include <vector>

#include "laser/report/figures.hpp"
#include "laser/report/gain.hpp"
#include "laser/report/origin.hpp"
#include "laser/report/table.hpp"
#include "laser/report/tuned.hpp"

namespace laser {

struct StudyReport {
  std::string title;
  std::string name;  // of its files: NAME.json, NAME.md
  std::string json;
  std::vector<std::string> conclusion;
  std::vector<Table> tables;
  std::vector<Figure> figures;  // that its script draws of the JSON file
  std::vector<std::string> notes;
  Origin origin;
};

StudyReport study_of(const TunedReport& report);
StudyReport study_of(const GainReport& report);

/// Writes NAME.json, NAME.md, report.html and the figures into `folder` (created where missing); `script`
/// draws them with `python`. Returns the terminal's text. Throws Error (I/O).
std::string write_study(const StudyReport& study, const std::string& folder, const std::string& python,
                        const std::string& script);

}  // namespace laser
