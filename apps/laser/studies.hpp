// The published tables and figures that `laser reproduce` re-makes: a configuration and grids for each scale.
// Facts only; running them is reproduce.cpp, the figures' values are those of apps/laser/report.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "laser/train/sweep.hpp"

namespace laser {

/// Power that LASER and Z-SGD need for the same target, with step sizes chosen on held-out data for every
/// method and power, judged after several numbers of epochs.
struct GainPlan {
  std::string metric;                                         // of tuning_metrics()
  std::map<std::string, std::vector<std::string>> powers_of;  // by method
  std::vector<std::string> rates;                             // the grid of step sizes
  std::vector<std::string> paper_rates;  // the paper's own grid, part of `rates`; empty: not reported
  std::vector<std::int64_t> horizons;    // epochs after which runs are judged, rising
  std::vector<double> targets;
  /// A first look: fewer powers, one seed, one fixed step size a method.
  std::map<std::string, std::vector<std::string>> quick_powers_of;
  std::map<std::string, std::string> quick_rate_of;
};

/// A comparison of methods with settings of its own, step sizes chosen on held-out data.
struct StudyPart {
  std::string name;   // of its folder
  std::string group;  // parts of one group are in one report
  Settings settings;  // on top of the scale's
  std::vector<std::string> methods, powers;
  std::vector<std::string> rates;                                  // the grid of step sizes
  std::map<std::string, std::vector<std::string>> powers_of = {};  // of a method that has its own
};

/// A study at one scale.
struct StudyScale {
  std::string name;                      // "paper" or "small"
  std::string config;                    // file in configs/
  std::vector<std::vector<Axis>> grids;  // what is run, the first grid first; seeds come on top
  bool tuned = false;                    // one grid of methods and powers, compared as `laser tune` does
  std::optional<GainPlan> gain = {};     // instead of grids
  std::vector<StudyPart> parts = {};     // likewise
};

struct Study {
  std::string name;
  std::string sentence;
  std::vector<StudyScale> scales;      // the first is the default
  void (*print)(bool json) = nullptr;  // of a study that is computed and not run: it has no scales
};

/// Prints Table 5 (volume_study.cpp).
void print_volume_study(bool json);

/// All studies, in the order of the help text. To add one: a row in studies.cpp.
const std::vector<Study>& studies();

/// The study of that name. Throws Error (usage) with the nearest known name if there is none.
const Study& find_study(const std::string& name);

/// The scale of that name, the default for an empty one. Throws Error (usage) where the study has none such.
const StudyScale& find_scale(const Study& study, const std::string& name);

/// The runs of a study with the seeds 1 .. `seeds`: all of the first seed first, so that a study which is cut
/// short has whole curves.
std::vector<std::vector<Axis>> with_seeds(const std::vector<std::vector<Axis>>& grids, std::int64_t seeds);

}  // namespace laser
