#include <string_view>
#include <utility>

#include "laser/aggregate/algorithm.hpp"
#include "laser/core/part.hpp"

namespace laser {

namespace {

Recipe recipe_of(PartRow row, const char* compressor, const char* feedback, const char* allocation) {
  Recipe recipe{std::move(row)};
  recipe.compressor = compressor;
  recipe.feedback = feedback;
  recipe.allocation = allocation;
  return recipe;
}

/// With a receiver's matched weight to the power `exponent`, the memory keeping what it leaves out.
Recipe matched(Recipe recipe, double exponent = 1) {
  recipe.receiver = "matched";
  recipe.receiver_exponent = exponent;
  return recipe;
}

/// Averages at the workers in the place of momentum at the server, and the step size for it.
Recipe averaged(Recipe recipe, double momentum, double rate) {
  recipe.worker_momentum = momentum;
  recipe.plain_rate = rate;
  return recipe;
}

std::vector<Recipe> all_recipes() {
  // Spec 4. The allocations are the paper's best: norm for Z-SGD, the norm of what is sent for all others.
  std::vector<Recipe> table{
      recipe_of({"laser", "low-rank factors with error feedback", "LASER, arXiv 2310.13033, Algorithm 1"},
                "low_rank", "local", "comp_norm"),
      recipe_of({"zsgd", "raw gradients over the air", "LASER, section 4"}, "identity", "none", "norm"),
      recipe_of({"signum", "signs, noisy majority vote", "signSGD, arXiv 1802.04434"}, "sign", "none",
                "sqrt_dim"),
      recipe_of({"randomk", "random coordinates with error feedback", "arXiv 1809.07599"}, "random_k",
                "local", "comp_norm"),
      recipe_of({"sketch", "count-mean sketch", "arXiv 1903.04488"}, "count_sketch", "none", "comp_norm"),
      recipe_of({"adsgd", "Gaussian projection of the top-K entries", "Amiri and Gunduz, arXiv 1901.00844"},
                "top_k_projection", "local", "comp_norm"),
      recipe_of({"sgd", "exact mean of the gradients", "LASER, Table 2"}, "identity", "none", "norm"),
  };
  table.back().channel = "noiseless";
  // Not of the paper: rules A, B and C of docs/beyond.md, C with a step that follows the noise, and C with
  // low-rank factors.
  const auto own = [&](const char* name, const char* sentence, const char* compressor, const char* feedback) {
    return recipe_of({name, sentence, "docs/beyond.md"}, compressor, feedback,
                     std::string_view(compressor) == "identity" ? "norm" : "comp_norm");
  };
  table.push_back(averaged(
      matched(own("laser_matched", "factors with a receiver weight 1/(1 + lambda), the memory keeps the rest",
                  "low_rank", "weighted")),
      0, 0.1));
  table.push_back(
      averaged(matched(own("zsgd_matched",
                           "raw gradients with a receiver weight 1/(1 + lambda), the memory keeps the rest",
                           "identity", "weighted")),
               0, 0.1));
  table.push_back(
      averaged(own("zsgd_momentum", "raw gradients averaged at the workers", "identity", "none"), 0.99, 0.1));
  table.push_back(averaged(
      matched(
          own("zsgd_adaptive",
              "raw gradients averaged at the workers, with a step that follows the noise: (1 + lambda)^-0.4",
              "identity", "none"),
          0.4),
      0.99, 0.2));
  table.push_back(averaged(
      own("laser_momentum", "factors of gradients averaged at the workers", "low_rank", "local"), 0.99, 0.1));
  auto swept = averaged(
      matched(own("swept",
                  "averages of preconditioned gradients, sent some rows a round with a lead and held at the "
                  "receiver, with a step that follows the noise",
                  "sweep", "hold"),
              0.6),
      0.99, 0.2);
  swept.allocation = "norm_dim";
  swept.lead = "auto";
  swept.preconditioner = "second_moment";
  table.push_back(swept);
  // What an engineer would do instead: bits over a digital link (spec 1.5).
  const auto over = [&](const char* channel, Recipe recipe) {
    recipe.channel = channel;
    table.push_back(std::move(recipe));
  };
  over("digital", recipe_of({"digital_qsgd", "gradients quantised to the bits that the link affords",
                             "QSGD, arXiv 1610.02132; spec 1.5"},
                            "identity", "none", "norm"));
  over("digital", recipe_of({"digital_powersgd", "low-rank factors with error feedback, quantised likewise",
                             "PowerSGD, arXiv 1905.13727; spec 1.5"},
                            "low_rank", "local", "comp_norm"));
  over("digital", recipe_of({"ddsgd", "places of the top entries and their mean, with error feedback",
                             "Amiri and Gunduz, arXiv 1901.00844; spec 4.2"},
                            "top_k_mean", "local", "comp_norm"));
  // Of others, since LASER: docs/arena.md.
  auto otalc = recipe_of({"otalc", "both low-rank factors refined at once from the last ones, without QR",
                          "Ota-LC, arXiv 2401.07496"},
                         "low_rank", "local", "comp_norm");
  otalc.transport = "parallel";
  table.push_back(otalc);
  over("csit_trunc", recipe_of({"obda", "signs over truncated channel inversion", "OBDA, arXiv 2303.11319"},
                               "sign", "none", "sqrt_dim"));
  over("csit_trunc",
       recipe_of({"efobda", "the same with error feedback of the strength c", "EFOBDA, arXiv 2303.11319"},
                 "sign", "fitted", "sqrt_dim"));
  over("blind_mimo", recipe_of({"agetopk", "the largest coordinates and those that waited longest",
                                "AgeTop-k, arXiv 2602.02469"},
                               "age_top_k", "local", "comp_norm"));
  over("reed", recipe_of({"reed", "raw gradients as differences of energies, without phases",
                          "REED, arXiv 2605.07263"},
                         "identity", "none", "norm"));
  over("saturating", recipe_of({"adsgd_pilot", "A-DSGD's own format: a pilot beside the projections, AMP",
                                "Amiri and Gunduz, arXiv 1901.00844; spec 4.1"},
                               "top_k_pilot", "local", "comp_norm"));
  table.push_back(averaged(recipe_of({"signum_momentum", "signs of gradients averaged at the workers",
                                      "signSGD, arXiv 1802.04434; spec 4"},
                                     "sign", "none", "sqrt_dim"),
                           0.9, 0.01));
  return table;
}

}  // namespace

const std::vector<Recipe>& recipes() {
  static const std::vector<Recipe> table = all_recipes();
  return table;
}

const Recipe& find_recipe(const std::string& name) { return find_row(recipes(), "method", name); }

void apply(const Recipe& recipe, Algorithm& algorithm) {
  algorithm.compressor.name = recipe.compressor;
  algorithm.compressor.transport = recipe.transport;
  algorithm.feedback = recipe.feedback;
  algorithm.allocation = recipe.allocation;
  algorithm.channel = recipe.channel;
  algorithm.receiver = recipe.receiver;
  algorithm.receiver_exponent = recipe.receiver_exponent;
  algorithm.worker_momentum = recipe.worker_momentum;
  algorithm.filter.lead = recipe.lead;
  algorithm.filter.preconditioner = recipe.preconditioner;
}

Algorithm method(const std::string& name) {
  Algorithm algorithm;
  apply(find_recipe(name), algorithm);
  return algorithm;
}

}  // namespace laser
