// An algorithm is data: compressor, feedback, receiver, channel, allocation. The methods of the paper and
// of others are rows of one table (recipes.cpp); a new mix is a configuration, not a class.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "laser/channel/link_options.hpp"
#include "laser/compress/compressor_options.hpp"
#include "laser/core/layout.hpp"
#include "laser/core/part.hpp"

namespace laser {

/// What workers make of their gradients besides averaging them (docs/swept.md).
struct FilterOptions {
  std::string lead = "0";               // nu: a number, or auto
  std::string preconditioner = "none";  // none | second_moment
  double preconditioner_power = 0.25;   // p
  double preconditioner_floor = 0.01;   // delta
  std::int64_t preconditioner_refresh = 10;
  bool equal_norms = false;  // symbols are scaled to the workers' mean norm
};

/// Everything that says how k gradients become one estimate. docs/reference.md and `laser explain NAME` say
/// what each may be; check_options() refuses all else.
struct Algorithm {
  CompressorOptions compressor;
  double worker_momentum = 0;  // beta: a worker sends u <- beta u + (1 - beta) g instead of g
  FilterOptions filter;
  std::string feedback = "local";        // a name of feedback/
  std::string prediction = "0";          // rho of feedback hold: a number, or matched
  double feedback_strength = 0.9;        // c of the feedback `fitted`
  std::string memory = "float32";        // of the error memory: float32 | bfloat16 (rounded stochastically)
  std::string allocation = "comp_norm";  // spec 3.2
  bool fill_budget = false;  // spec 3.2: one common factor gives back what averaged shares leave unused
  std::string precoding = "norms";    // norms | expected: what symbols are scaled by (spec 1.2)
  std::string receiver = "unbiased";  // unbiased | mmse | mmse_genie (spec 1.4) | matched (docs/beyond.md)
  double receiver_exponent = 1;       // a: the matched weight is w^a, w = 1/(1 + lambda)
  std::string channel = "awgn";       // a name of channel/
  std::string channel_mode = "fast";  // fast | physical (spec 1.2)
  LinkOptions link;
  std::string fading_draw = "round";  // round | tensor: how long a draw of the gains holds
  std::vector<double> power_shares;   // relative budgets of the workers, repeated over them; empty: all equal
  double participation = 1;           // share of the workers that take part in a round
  double loss_rate = 0;               // probability that what a worker sends in a round is lost
  std::string exchange = "fast";      // fast | exact: what processes send each other (gather_symbols)
  std::int64_t air_rank = 0;          // digital links: their symbols are LASER's at this rank; 0: Z-SGD's
  double scale_bits = 32;             // digital links: what the scale of a group of symbols takes
};

/// Symbols that all workers together have for a tensor in a round over a digital link: as many as LASER
/// sends at rank `air_rank` (transport `alternating`, the mean of even and odd rounds), or as Z-SGD where
/// that is 0 (spec 1.5).
[[nodiscard]] double air_symbols(const Layer& layer, std::int64_t air_rank);

/// Throws Error (configuration) for a value that the options do not allow, with the text of the command.
void check_options(const Algorithm& algorithm);

/// As check_options(), and where parts that are fine alone don't go together.
void validate(const Algorithm& algorithm);

/// A method: what it says of the settings of a round, as text. Where it says nothing of feedback, allocation,
/// channel, receiver, transport and averages they are none, comp_norm, awgn, unbiased, alternating and off.
struct Recipe : PartRow {
  std::string label;  // in tables and figures
  std::vector<std::pair<std::string, std::string>> settings;
  double plain_rate = 0;  // above 0: no momentum at the server, and this step size
};

/// The paper's methods, in the order of its tables, then this project's own (docs/beyond.md), and then those
/// of others (docs/arena.md).
const std::vector<Recipe>& recipes();

/// The recipe of that name. Throws Error (configuration) with the known names.
const Recipe& find_recipe(const std::string& name);

/// Sets what a recipe says, and what it means where it says nothing.
void apply(const Recipe& recipe, Algorithm& algorithm);

/// The method of that name with all other settings at their defaults. Throws Error (configuration)
/// with the known names.
[[nodiscard]] Algorithm method(const std::string& name);

}  // namespace laser
