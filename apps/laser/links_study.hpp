// The study that holds sending over the air against digital links, at equal energy, equal transmit power and
// equal air time: step sizes chosen on held-out data for every point, then the runs that are reported, then a
// report for each number of workers. Every sweep goes on by itself where it was cut off.
#pragma once

#include "laser/train/tuning.hpp"
#include "studies.hpp"

namespace laser {

struct LinksStudyOptions {
  SweepOptions sweep;  // its folder gets <part>/choosing, <part>/final and report-<workers>
  std::int64_t seeds = 3;
  bool quiet = false;
};

/// Runs what is missing and prints the reports. Returns the exit code. Throws what sweeps throw.
int run_links_study(const Settings& base, const LinksPlan& links, LinksStudyOptions options);

/// The names of the runs that choose.
std::string links_runs(const Settings& base, const LinksPlan& links);

}  // namespace laser
