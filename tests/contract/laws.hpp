// What the contract tests share: every algorithm that the registries can make, and the world of the laws.
#pragma once

#include <ATen/ATen.h>

#include <ostream>
#include <string>
#include <vector>

#include "laser/aggregate/aggregator.hpp"
#include "laser/compress/describe.hpp"
#include "laser/core/fail.hpp"
#include "laser/core/options.hpp"
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

/// The compressor as it is, and with each other choice of each option that it reads.
inline void add_choices(std::vector<Variant>& variants, const std::string& name, CompressorOptions options) {
  variants.push_back({name, options});
  OptionList list;
  describe(list, options);
  for (const auto& option : list.all()) {
    const bool which = option.name == "compressor" || option.name == "transport";
    if (which || option.range.find(" | ") == std::string::npos || !uses_setting(options, option.name))
      continue;
    const auto usual = option.get();
    std::string values = option.range + " | ";
    for (std::size_t at = 0; (at = values.find(" | ")) != std::string::npos; values = values.substr(at + 3)) {
      const auto value = values.substr(0, at);
      if (value == usual) continue;
      option.set(value);
      variants.push_back({name + "_" + option.name + "_" + value, options});
    }
    option.set(usual);
  }
}

/// Every compressor with every transport, and with each of its other choices.
inline std::vector<Variant> variants() {
  std::vector<Variant> result;
  for (const auto& entry : compressors()) {
    CompressorOptions options;
    options.name = entry.name;
    options.rank = 2;
    options.compression_factor = 0.4;
    if (!uses_setting(options, "transport")) {
      add_choices(result, entry.name, options);
      continue;
    }
    for (const auto& transport : transports()) {
      options.transport = transport.name;
      add_choices(result, entry.name + "_" + transport.name, options);
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
