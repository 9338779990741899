// An algorithm is data: compressor, feedback, allocation, transport, receiver. The paper's methods are rows
// of one table (recipes.cpp); a new mix is a configuration, not a class.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "laser/compress/compressor.hpp"

namespace laser {

/// Everything that says how k gradients become one estimate.
struct Algorithm {
  CompressorOptions compressor;
  std::string feedback = "local";        // none | local | decoded (spec 2.3)
  std::string memory = "float32";        // of the error memory: float32 | bfloat16 (rounded stochastically)
  std::string allocation = "comp_norm";  // spec 3.2
  std::string receiver = "unbiased";     // unbiased | mmse | mmse_genie (spec 1.4)
  std::string channel = "awgn";          // a name of channel/
  std::string channel_mode = "fast";     // fast | physical (spec 1.2)
};

/// Throws Error (configuration) where parts that are fine alone don't go together.
void validate(const Algorithm& algorithm);

/// A method of the paper: the values that differ from those of `laser`.
struct Recipe {
  std::string name;  // as in spec 4
  std::string sentence;
  std::string compressor;
  std::string feedback;
  std::string allocation;
  std::string channel = "awgn";
};

/// The paper's methods, in the order of its tables.
const std::vector<Recipe>& recipes();

/// The recipe of that name. Throws Error (configuration) with the known names.
const Recipe& find_recipe(const std::string& name);

/// Sets the fields that a recipe determines.
void apply(const Recipe& recipe, Algorithm& algorithm);

}  // namespace laser
