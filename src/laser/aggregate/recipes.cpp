// The methods: data alone, which needs neither the parts nor LibTorch.
#include <vector>

#include "laser/aggregate/algorithm.hpp"
#include "laser/core/part.hpp"

namespace laser {

namespace {

/// No momentum at the server, and this step size.
double plain_sgd(double rate) { return rate; }

/// Of the paper (spec 4). The allocations are its best: norm for Z-SGD, the norm of what is sent for all
/// others.
std::vector<Recipe> of_the_paper() {
  return {
      {{"laser", "low-rank factors with error feedback", "LASER, arXiv 2310.13033, Algorithm 1"},
       "LASER",
       {{"compressor", "low_rank"}, {"feedback", "local"}}},
      {{"zsgd", "raw gradients over the air", "LASER, section 4"},
       "Z-SGD",
       {{"compressor", "identity"}, {"allocation", "norm"}}},
      {{"signum", "signs, noisy majority vote", "signSGD, arXiv 1802.04434"},
       "Signum",
       {{"compressor", "sign"}, {"allocation", "sqrt_dim"}}},
      {{"randomk", "random coordinates with error feedback", "arXiv 1809.07599"},
       "Random-K",
       {{"compressor", "random_k"}, {"feedback", "local"}}},
      {{"sketch", "count-mean sketch", "arXiv 1903.04488"}, "Sketching", {{"compressor", "count_sketch"}}},
      {{"adsgd", "Gaussian projection of the top-K entries", "Amiri and Gunduz, arXiv 1901.00844"},
       "A-DSGD",
       {{"compressor", "top_k_projection"}, {"feedback", "local"}}},
      {{"sgd", "exact mean of the gradients", "LASER, Table 2"},
       "SGD",
       {{"compressor", "identity"}, {"allocation", "norm"}, {"channel", "noiseless"}}},
  };
}

/// Of this project: the rules A, B and C of docs/beyond.md, C with a step that follows the noise, C with
/// low-rank factors, and averages in time division.
std::vector<Recipe> of_this_project() {
  return {
      {{"laser_matched", "factors with a receiver weight 1/(1 + lambda), the memory keeps the rest",
        "docs/beyond.md"},
       "LASER, matched",
       {{"compressor", "low_rank"}, {"feedback", "weighted"}, {"receiver", "matched"}},
       plain_sgd(0.1)},
      {{"zsgd_matched", "raw gradients with a receiver weight 1/(1 + lambda), the memory keeps the rest",
        "docs/beyond.md"},
       "Z-SGD, matched",
       {{"compressor", "identity"},
        {"feedback", "weighted"},
        {"allocation", "norm"},
        {"receiver", "matched"}},
       plain_sgd(0.1)},
      {{"zsgd_momentum", "raw gradients averaged at the workers", "docs/beyond.md"},
       "Z-SGD, worker momentum",
       {{"compressor", "identity"}, {"allocation", "norm"}, {"worker_momentum", "0.99"}},
       plain_sgd(0.1)},
      {{"zsgd_adaptive",
        "raw gradients averaged at the workers, with a step that follows the noise: (1 + lambda)^-0.4",
        "docs/beyond.md"},
       "Z-SGD, adaptive step",
       {{"compressor", "identity"},
        {"allocation", "norm"},
        {"receiver", "matched"},
        {"receiver_exponent", "0.4"},
        {"worker_momentum", "0.99"}},
       plain_sgd(0.2)},
      {{"laser_momentum", "factors of gradients averaged at the workers", "docs/beyond.md"},
       "LASER, worker momentum",
       {{"compressor", "low_rank"}, {"feedback", "local"}, {"worker_momentum", "0.99"}},
       plain_sgd(0.1)},
      {{"swept",
        "averages of preconditioned gradients, sent some rows a round with a lead and held at the receiver, "
        "with a step that follows the noise",
        "docs/beyond.md"},
       "Swept averages",
       {{"compressor", "sweep"},
        {"feedback", "hold"},
        {"allocation", "norm_dim"},
        {"receiver", "matched"},
        {"receiver_exponent", "0.6"},
        {"worker_momentum", "0.99"},
        {"lead", "auto"},
        {"preconditioner", "second_moment"}},
       plain_sgd(0.2)},
  };
}

/// What an engineer would do instead: bits over a digital link (spec 1.5).
std::vector<Recipe> over_digital_links() {
  return {
      {{"digital_qsgd", "gradients quantised to the bits that the link affords",
        "QSGD, arXiv 1610.02132; spec 1.5"},
       "digital QSGD",
       {{"compressor", "identity"}, {"allocation", "norm"}, {"channel", "digital"}}},
      {{"digital_powersgd",
        "low-rank factors with error feedback, quantised to the bits that the link affords",
        "PowerSGD, arXiv 1905.13727; spec 1.5"},
       "digital PowerSGD",
       {{"compressor", "low_rank"}, {"feedback", "local"}, {"channel", "digital"}}},
      {{"ddsgd", "places of the top entries and their mean, with error feedback",
        "Amiri and Gunduz, arXiv 1901.00844; spec 4.2"},
       "D-DSGD",
       {{"compressor", "top_k_mean"}, {"feedback", "local"}, {"channel", "digital"}}},
  };
}

/// Of others, since LASER: docs/arena.md.
std::vector<Recipe> of_others() {
  return {
      {{"otalc", "both low-rank factors refined at once from the last ones, without QR",
        "Ota-LC, arXiv 2401.07496"},
       "Ota-LC",
       {{"compressor", "low_rank"}, {"feedback", "local"}, {"transport", "parallel"}}},
      {{"obda", "signs over truncated channel inversion", "OBDA, arXiv 2303.11319"},
       "OBDA",
       {{"compressor", "sign"}, {"allocation", "sqrt_dim"}, {"channel", "csit_trunc"}}},
      {{"efobda", "signs over truncated channel inversion, with error feedback of strength c",
        "EFOBDA, arXiv 2303.11319"},
       "EFOBDA",
       {{"compressor", "sign"},
        {"feedback", "fitted"},
        {"allocation", "sqrt_dim"},
        {"channel", "csit_trunc"}}},
      {{"cotaf", "what local steps have changed, scaled by the norm that is expected of it",
        "COTAF, arXiv 2009.12787"},
       "COTAF",
       {{"compressor", "identity"}, {"allocation", "norm"}, {"precoding", "expected"}}},
      {{"agetopk", "the largest coordinates and those that waited longest", "AgeTop-k, arXiv 2602.02469"},
       "AgeTop-k",
       {{"compressor", "age_top_k"}, {"feedback", "local"}, {"channel", "blind_mimo"}}},
      {{"reed", "raw gradients as differences of energies, without phases", "REED, arXiv 2605.07263"},
       "REED",
       {{"compressor", "identity"}, {"allocation", "norm"}, {"channel", "reed"}}},
      {{"adsgd_pilot", "A-DSGD's own format: a pilot beside the projections, AMP",
        "Amiri and Gunduz, arXiv 1901.00844; spec 4.1"},
       "A-DSGD, own format",
       {{"compressor", "top_k_pilot"}, {"feedback", "local"}, {"channel", "saturating"}}},
      {{"signum_momentum", "signs of gradients averaged at the workers", "signSGD, arXiv 1802.04434; spec 4"},
       "Signum, worker momentum",
       {{"compressor", "sign"}, {"allocation", "sqrt_dim"}, {"worker_momentum", "0.9"}},
       plain_sgd(0.01)},
  };
}

}  // namespace

const std::vector<Recipe>& recipes() {
  static const auto table = [] {
    std::vector<Recipe> all;
    for (const auto& some : {of_the_paper(), of_this_project(), over_digital_links(), of_others()})
      all.insert(all.end(), some.begin(), some.end());
    return all;
  }();
  return table;
}

const Recipe& find_recipe(const std::string& name) { return find_row(recipes(), "method", name); }

}  // namespace laser
