#include "laser/compress/compressor.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "laser/compress/elementwise.hpp"
#include "laser/compress/fused_pass.hpp"
#include "laser/compress/low_rank.hpp"
#include "laser/core/collect.hpp"
#include "laser/core/error.hpp"

namespace laser {
namespace {

std::unique_ptr<Compressor> make_low_rank(const CompressorOptions& options) {
  if (options.transport == "two_phase") return make_two_phase(options);
  if (options.transport == "one_shot") return make_one_shot(options);
  if (options.transport == "parallel") return make_parallel(options);
  return make_alternating(options);
}

}  // namespace

void Decoded::write(at::Tensor out) const {
  if (factors.defined()) {
    const ProductTensor product{factors, std::move(out)};
    write_products(std::span(&product, 1));
  } else if (estimate.data_ptr() != out.data_ptr()) {  // else it was written in place
    out.copy_(estimate);
  }
}

void Compressor::subtract_own(const Exchange& exchange, at::Tensor& memory) const {
  const auto factors = own_factors(exchange);
  if (!factors.defined()) {
    fail(ExitCode::kConfiguration,
         "the compressor does not say what a worker got across by itself. HINT: own_factors or subtract_own, "
         "or feedback=none");
  }
  subtract_product(memory, factors);
}

void form_products(const Compressor& compressor, Exchange& exchange) {
  const auto projection = compressor.projection(exchange);
  if (projection.wanted()) exchange.products = products_of(exchange.message, projection);
}

void subtract_product(at::Tensor& memory, const Factors& factors) {
  const auto batch = [&](const at::Tensor& factor) {
    return factor.dim() == 3 ? factor : factor.unsqueeze(0).expand({memory.size(0), -1, -1});
  };
  memory.baddbmm_(batch(factors.left).transpose(1, 2), batch(factors.right), 1, -1);
}

const std::vector<CompressorEntry>& compressors() {
  static const std::vector<CompressorEntry> table{
      {{"identity", "the gradient as it is (Z-SGD)", "LASER, section 4; spec 4"}, make_identity, {}},
      {{"low_rank", "PowerSGD's thin factors P Q^T (LASER)",
        "PowerSGD, arXiv 1905.13727; LASER, Algorithm 1; spec 2.4"},
       make_low_rank,
       {"rank"}},
      {{"random_k", "random coordinates, the same at every worker (Random-K)", "arXiv 1809.07599; spec 4"},
       make_random_k,
       {"compression_factor"}},
      {{"sweep", "rows of a random rotation in turn, as many symbols as one factor of the rank, on average",
        "docs/beyond.md"},
       make_sweep,
       {"rank"}},
      {{"count_sketch", "count-mean sketch of shared random buckets and signs (Sketching)",
        "arXiv 1903.04488; spec 4"},
       make_count_sketch,
       {"compression_factor"}},
      {{"sign", "signs, decoded by noisy majority vote (Signum)", "signSGD, arXiv 1802.04434; spec 4"},
       make_sign,
       {}},
      {{"top_k_projection", "Gaussian projection of the largest entries (A-DSGD)",
        "Amiri and Gunduz, arXiv 1901.00844; spec 4.1"},
       make_top_k_projection,
       {"compression_factor"}},
      {{"top_k_mean", "places of the largest or of the smallest entries and their mean (D-DSGD)",
        "Amiri and Gunduz, arXiv 1901.00844, section III; spec 4.2"},
       make_top_k_mean,
       {}},
      {{"top_k_pilot",
        "Gaussian projection of the largest entries with a pilot symbol in each tensor, decoded by AMP "
        "(A-DSGD's own format)",
        "Amiri and Gunduz, arXiv 1901.00844; spec 4.1"},
       make_top_k_pilot,
       {"compression_factor"}},
      {{"age_top_k",
        "the largest coordinates of the last ones heard, then those that waited longest (AgeTop-k)",
        "AgeTop-k, arXiv 2602.02469; docs/arena.md"},
       make_age_top_k,
       {"compression_factor"}},
  };
  return table;
}

bool uses_setting(const std::string& name, const std::string& setting) {
  return std::ranges::any_of(compressors(), [&](const CompressorEntry& entry) {
    return entry.name == name && std::ranges::count(entry.settings, setting) > 0;
  });
}

void describe(OptionList& list, CompressorOptions& o) {
  const auto low_rank = [&o] { return o.name == "low_rank"; };
  list.group("compressor");
  list.add_choice("compressor", o.name, names_of(compressors()), "what is sent instead of the gradient");
  list.group("compressor", [&o] { return uses_setting(o.name, "rank"); });
  list.add_integer("rank", o.rank, 1, 64, "",
                   "rank r of the factors; of a sweep, the rank whose symbols it may use");
  list.group("compressor", low_rank);
  list.add_choice("transport", o.transport, {"alternating", "two_phase", "one_shot", "parallel"},
                  "order in which the factors P and Q are sent");
  list.add_flag("warm_start", o.warm_start, "start from the last factors, not from random ones");
  list.add_choice("compress", o.compress, {"saves", "always"},
                  "factor a matrix only where that saves symbols, or always");
  list.group("compressor", [&o] {
    return o.name == "low_rank" && (o.transport == "alternating" || o.transport == "two_phase");
  });
  list.add_choice("column_mode", o.column_mode, {"common", "sqrt_kappa"},
                  "one scale a factor, or one a column with energy in proportion to its norm");
  list.group("compressor", [&o] { return o.name == "low_rank" && o.transport == "two_phase"; });
  list.add_real("phase_share", o.phase_share, 0.01, 0.99, false, "", "share of the budget for sending P");
  list.group("compressor", [&o] { return o.name == "low_rank" && o.transport == "one_shot"; });
  list.add_flag("canonical", o.canonical, "send thin SVD factors (orthogonal rank-one terms)");
  // An option that is younger than published runs is no part of their hashes while it says what they did.
  list.group("compressor", [&o] {
    return o.name == "low_rank" && o.transport == "one_shot" && o.rank_allocation != "sqrt_kappa";
  });
  list.add_choice("rank_allocation", o.rank_allocation, {"sqrt_kappa", "opt"},
                  "a factor pair's energy over its ranks: Lemma 8, or the least noise at this power");
  list.group("compressor", [&o] { return o.name == "low_rank" && o.transport == "parallel"; });
  list.add_real("factor_step", o.factor_step, 0, 1, true, "",
                "gamma: a factor goes that far from the last one to the refined one");
  list.group("compressor", [&o] { return o.name == "age_top_k"; });
  list.add_real("magnitude_share", o.magnitude_share, 0, 1, false, "",
                "of the coordinates, chosen by magnitude; the others by how long they waited");
  list.group("compressor", [&o] { return uses_setting(o.name, "compression_factor"); });
  list.add_real("compression_factor", o.compression_factor, 0, 1, true, "", "symbols sent per parameter");
  list.group("compressor", [&o] { return o.name == "top_k_projection"; });
  list.add_choice("decoder", o.decoder, {"pinv", "lmmse", "amp"}, "how the projections are decoded");
}

std::unique_ptr<Compressor> make_compressor(const CompressorOptions& options) {
  auto checked = options;
  OptionList list;
  describe(list, checked);
  list.check();
  const auto entry = std::ranges::find(compressors(), options.name, &CompressorEntry::name);
  LASER_CHECK(entry != compressors().end());  // the list knows the same names
  return entry->make(options);
}

}  // namespace laser
