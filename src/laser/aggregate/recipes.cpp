#include "laser/aggregate/algorithm.hpp"
#include "laser/core/error.hpp"

namespace laser {

void validate(const Algorithm& algorithm) {
  if (algorithm.memory == "float32") return;
  if (algorithm.feedback != "local" || !make_compressor(algorithm.compressor)->traits().factored) {
    fail(ExitCode::kConfiguration,
         "memory = '{}' goes with compressor=low_rank and feedback=local only. HINT: memory=float32",
         algorithm.memory);
  }
}

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
}

}  // namespace laser
