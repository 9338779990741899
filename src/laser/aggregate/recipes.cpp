#include "laser/aggregate/algorithm.hpp"
#include "laser/core/error.hpp"

namespace laser {

const std::vector<Recipe>& recipes() {
  // Spec 4. The allocations are the paper's best: norm for Z-SGD, the norm of what is sent for all others.
  static const std::vector<Recipe> table{
      {"laser", "low-rank factors with error feedback", "low_rank", "local", "comp_norm"},
      {"zsgd", "raw gradients over the air", "identity", "none", "norm"},
      {"signum", "signs, noisy majority vote", "sign", "none", "sqrt_dim"},
      {"randomk", "random coordinates with error feedback", "random_k", "local", "comp_norm"},
      {"sketch", "count-mean sketch", "count_sketch", "none", "comp_norm"},
      {"adsgd", "Gaussian projection of the top-K entries", "top_k_projection", "local", "comp_norm"},
      {"sgd", "exact mean of the gradients", "identity", "none", "norm", "noiseless"},
      // Not of the paper: rules A, B and C of docs/beyond.md, C with a step that follows the noise, and C
      // with low-rank factors.
      {"laser_matched", "factors with a receiver weight 1/(1 + lambda), the memory keeps the rest",
       "low_rank", "weighted", "comp_norm", "awgn", "matched", 0, 0.1},
      {"zsgd_matched", "raw gradients, likewise", "identity", "weighted", "norm", "awgn", "matched", 0, 0.1},
      {"zsgd_momentum", "raw gradients averaged at the workers", "identity", "none", "norm", "awgn",
       "unbiased", 0.99, 0.1},
      {"zsgd_adaptive", "likewise, with a step that follows the noise: (1 + lambda)^-0.4", "identity", "none",
       "norm", "awgn", "matched", 0.99, 0.2, 0.4},
      {"laser_momentum", "factors of gradients averaged at the workers", "low_rank", "local", "comp_norm",
       "awgn", "unbiased", 0.99, 0.1},
  };
  return table;
}

const Recipe& find_recipe(const std::string& name) {
  std::string known;
  for (const auto& recipe : recipes()) {
    if (recipe.name == name) return recipe;
    known += (known.empty() ? "" : ", ") + recipe.name;
  }
  fail(ExitCode::kConfiguration, "method = '{}' is unknown; choose one of {}", name, known);
}

void apply(const Recipe& recipe, Algorithm& algorithm) {
  algorithm.compressor.name = recipe.compressor;
  algorithm.feedback = recipe.feedback;
  algorithm.allocation = recipe.allocation;
  algorithm.channel = recipe.channel;
  algorithm.receiver = recipe.receiver;
  algorithm.receiver_exponent = recipe.receiver_exponent;
  algorithm.worker_momentum = recipe.worker_momentum;
}

}  // namespace laser
