// What the contract tests share: every algorithm that the registries can make, and the world of the laws.
#pragma once

#include <ATen/ATen.h>

#include <ostream>
#include <string>
#include <vector>

#include "laser/aggregate/aggregator.hpp"
#include "laser/core/error.hpp"
#include "laser/kernels/normal.hpp"
#include "laser/laws/laws.hpp"
#include "laser/laws/world.hpp"

namespace laser::contract {

using namespace laws;

/// One entry of the registries with one choice of its own options.
struct Variant {
  std::string name;
  CompressorOptions options;
};

inline std::ostream& operator<<(std::ostream& out, const Variant& variant) { return out << variant.name; }

inline std::vector<Variant> variants() {
  std::vector<Variant> result;
  for (const auto& entry : compressors()) {
    CompressorOptions options;
    options.name = entry.name;
    options.rank = 2;
    options.compression_factor = 0.4;
    if (entry.name == "low_rank") {
      for (const char* transport : {"alternating", "two_phase", "one_shot"}) {
        for (const char* mode : {"common", "sqrt_kappa"}) {
          options.transport = transport;
          options.column_mode = mode;
          result.push_back({entry.name + "_" + transport + "_" + mode, options});
        }
      }
      options.transport = "parallel";
      options.column_mode = "common";
      result.push_back({entry.name + "_parallel", options});
      options.transport = "one_shot";
      options.canonical = true;
      result.push_back({entry.name + "_one_shot_canonical", options});
    } else if (entry.name == "top_k_projection") {
      for (const char* decoder : {"pinv", "lmmse", "amp"}) {
        options.decoder = decoder;
        result.push_back({entry.name + "_" + decoder, options});
      }
    } else {
      result.push_back({entry.name, options});
    }
  }
  return result;
}

inline Algorithm algorithm_of(const CompressorOptions& options, const std::string& channel = "awgn") {
  Algorithm algorithm;
  algorithm.compressor = options;
  algorithm.channel = channel;
  algorithm.allocation = "comp_norm";
  algorithm.feedback = "local";
  return algorithm;
}

}  // namespace laser::contract
