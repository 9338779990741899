// Runs a check once for each SIMD level that was compiled and that this machine has. Not a
// fixture: no state stays.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>

#include "laser/kernels/normal.hpp"
#include "laser/kernels/simd_targets.hpp"

// After the list of targets, which it reads.
#include <hwy/targets.h>

namespace laser {

/// Calls check() with the dynamic dispatch fixed to each target in turn, then puts the normal dispatch back.
template <class Check>
void for_every_target(const Check& check) {
  int targets = 0;
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(target);
    SCOPED_TRACE(hwy::TargetName(target));
    EXPECT_STREQ(simd_level(), hwy::TargetName(target));
    check();
    ++targets;
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  EXPECT_GE(targets, 1);
}

}  // namespace laser
