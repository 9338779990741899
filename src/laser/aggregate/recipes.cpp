#include <vector>

#include "laser/aggregate/algorithm.hpp"
#include "laser/core/part.hpp"

namespace laser {

const std::vector<Recipe>& recipes() {
  static const std::vector<Recipe> table{
      // Of the paper (spec 4). The allocations are its best: norm for Z-SGD, the norm of what is
      // sent for all others.
      {.name = "laser",
       .sentence = "low-rank factors with error feedback",
       .source = "LASER, arXiv 2310.13033, Algorithm 1",
       .compressor = "low_rank",
       .feedback = "local"},
      {.name = "zsgd",
       .sentence = "raw gradients over the air",
       .source = "LASER, section 4",
       .compressor = "identity",
       .allocation = "norm"},
      {.name = "signum",
       .sentence = "signs, noisy majority vote",
       .source = "signSGD, arXiv 1802.04434",
       .compressor = "sign",
       .allocation = "sqrt_dim"},
      {.name = "randomk",
       .sentence = "random coordinates with error feedback",
       .source = "arXiv 1809.07599",
       .compressor = "random_k",
       .feedback = "local"},
      {.name = "sketch",
       .sentence = "count-mean sketch",
       .source = "arXiv 1903.04488",
       .compressor = "count_sketch"},
      {.name = "adsgd",
       .sentence = "Gaussian projection of the top-K entries",
       .source = "Amiri and Gunduz, arXiv 1901.00844",
       .compressor = "top_k_projection",
       .feedback = "local"},
      {.name = "sgd",
       .sentence = "exact mean of the gradients",
       .source = "LASER, Table 2",
       .compressor = "identity",
       .allocation = "norm",
       .channel = "noiseless"},
      // Of this project: the rules A, B and C of docs/beyond.md, C with a step that follows the noise, C with
      // low-rank
      // factors, and averages in time division.
      {.name = "laser_matched",
       .sentence = "factors with a receiver weight 1/(1 + lambda), the memory keeps the rest",
       .source = "docs/beyond.md",
       .compressor = "low_rank",
       .feedback = "weighted",
       .receiver = "matched",
       .plain_rate = 0.1},
      {.name = "zsgd_matched",
       .sentence = "raw gradients with a receiver weight 1/(1 + lambda), the memory keeps the rest",
       .source = "docs/beyond.md",
       .compressor = "identity",
       .feedback = "weighted",
       .allocation = "norm",
       .receiver = "matched",
       .plain_rate = 0.1},
      {.name = "zsgd_momentum",
       .sentence = "raw gradients averaged at the workers",
       .source = "docs/beyond.md",
       .compressor = "identity",
       .allocation = "norm",
       .worker_momentum = 0.99,
       .plain_rate = 0.1},
      {.name = "zsgd_adaptive",
       .sentence =
           "raw gradients averaged at the workers, with a step that follows the noise: (1 + lambda)^-0.4",
       .source = "docs/beyond.md",
       .compressor = "identity",
       .allocation = "norm",
       .receiver = "matched",
       .worker_momentum = 0.99,
       .plain_rate = 0.2,
       .receiver_exponent = 0.4},
      {.name = "laser_momentum",
       .sentence = "factors of gradients averaged at the workers",
       .source = "docs/beyond.md",
       .compressor = "low_rank",
       .feedback = "local",
       .worker_momentum = 0.99,
       .plain_rate = 0.1},
      {.name = "swept",
       .sentence = "averages of preconditioned gradients, sent some rows a round with a lead and held at the "
                   "receiver, with a "
                   "step that follows the noise",
       .source = "docs/beyond.md",
       .compressor = "sweep",
       .feedback = "hold",
       .allocation = "norm_dim",
       .receiver = "matched",
       .worker_momentum = 0.99,
       .lead = "auto",
       .preconditioner = "second_moment",
       .plain_rate = 0.2,
       .receiver_exponent = 0.6},
      // What an engineer would do instead: bits over a digital link (spec 1.5).
      {.name = "digital_qsgd",
       .sentence = "gradients quantised to the bits that the link affords",
       .source = "QSGD, arXiv 1610.02132; spec 1.5",
       .compressor = "identity",
       .allocation = "norm",
       .channel = "digital"},
      {.name = "digital_powersgd",
       .sentence = "low-rank factors with error feedback, quantised to the bits that the link affords",
       .source = "PowerSGD, arXiv 1905.13727; spec 1.5",
       .compressor = "low_rank",
       .feedback = "local",
       .channel = "digital"},
      {.name = "ddsgd",
       .sentence = "places of the top entries and their mean, with error feedback",
       .source = "Amiri and Gunduz, arXiv 1901.00844; spec 4.2",
       .compressor = "top_k_mean",
       .feedback = "local",
       .channel = "digital"},
      // Of others, since LASER: docs/arena.md.
      {.name = "otalc",
       .sentence = "both low-rank factors refined at once from the last ones, without QR",
       .source = "Ota-LC, arXiv 2401.07496",
       .compressor = "low_rank",
       .feedback = "local",
       .transport = "parallel"},
      {.name = "obda",
       .sentence = "signs over truncated channel inversion",
       .source = "OBDA, arXiv 2303.11319",
       .compressor = "sign",
       .allocation = "sqrt_dim",
       .channel = "csit_trunc"},
      {.name = "efobda",
       .sentence = "signs over truncated channel inversion, with error feedback of strength c",
       .source = "EFOBDA, arXiv 2303.11319",
       .compressor = "sign",
       .feedback = "fitted",
       .allocation = "sqrt_dim",
       .channel = "csit_trunc"},
      {.name = "agetopk",
       .sentence = "the largest coordinates and those that waited longest",
       .source = "AgeTop-k, arXiv 2602.02469",
       .compressor = "age_top_k",
       .feedback = "local",
       .channel = "blind_mimo"},
      {.name = "reed",
       .sentence = "raw gradients as differences of energies, without phases",
       .source = "REED, arXiv 2605.07263",
       .compressor = "identity",
       .allocation = "norm",
       .channel = "reed"},
      {.name = "adsgd_pilot",
       .sentence = "A-DSGD's own format: a pilot beside the projections, AMP",
       .source = "Amiri and Gunduz, arXiv 1901.00844; spec 4.1",
       .compressor = "top_k_pilot",
       .feedback = "local",
       .channel = "saturating"},
      {.name = "signum_momentum",
       .sentence = "signs of gradients averaged at the workers",
       .source = "signSGD, arXiv 1802.04434; spec 4",
       .compressor = "sign",
       .allocation = "sqrt_dim",
       .worker_momentum = 0.9,
       .plain_rate = 0.01},
  };
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
