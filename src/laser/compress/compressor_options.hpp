// What compressors can be told: plain data, without LibTorch.
#pragma once

#include <cstdint>
#include <string>

namespace laser {

/// Options of all compressors; each uses some. `laser help` says what they may be.
struct CompressorOptions {
  std::string name = "low_rank";
  std::int64_t rank = 4;
  std::string transport = "alternating";  // alternating | two_phase | one_shot | parallel
  std::string column_mode = "common";     // common | sqrt_kappa
  bool warm_start = true;
  bool canonical = false;                      // one_shot: send thin SVD factors
  std::string rank_allocation = "sqrt_kappa";  // one_shot: sqrt_kappa (Lemma 8) | opt (spec 3.4)
  double phase_share = 0.5;                    // two_phase: share of the budget for the first phase
  std::string compress = "saves";              // saves | always
  double compression_factor = 0.2;
  std::string decoder = "pinv";  // A-DSGD: pinv | lmmse | amp
  double factor_step = 0.5;      // parallel: gamma from the old factors to the refined ones
  double magnitude_share = 0.5;  // AgeTop-k: coordinates that are chosen by magnitude
};

}  // namespace laser
