// The studies that tell how much less power LASER needs: step sizes chosen on held-out data, then the
// runs that are reported, then the gain over targets and rounds. Every sweep goes on by itself where
// it was cut off.
#pragma once

#include "laser/train/tuning.hpp"
#include "studies.hpp"

namespace laser {

struct GainStudyOptions {
  SweepOptions sweep;  // its folder gets choosing/, final/ and report/
  bool look = false;   // fewer powers, one seed, fixed step sizes; its runs go into look/
  bool json = false;
  bool quiet = false;
};

/// Runs what is missing and prints the report. Returns the exit code. Throws what sweeps throw.
int run_gain_study(const TuningPlan& plan, const GainPlan& gain, const GainStudyOptions& options);

}  // namespace laser
