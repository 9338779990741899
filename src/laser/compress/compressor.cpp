#include "laser/compress/compressor.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "laser/compress/describe.hpp"
#include "laser/compress/elementwise.hpp"
#include "laser/compress/fused_pass.hpp"
#include "laser/compress/low_rank.hpp"
#include "laser/core/collect.hpp"
#include "laser/core/fail.hpp"
#include "laser/core/options.hpp"

namespace laser {
namespace {

std::unique_ptr<Compressor> make_low_rank(const CompressorOptions& options) {
  return find_row(transports(), "transport", options.transport).make(options);
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
      {{"identity", "the gradient as it is (Z-SGD)", "LASER, section 4; spec 4"}, make_identity},
      {{"low_rank",
        "PowerSGD's thin factors P Q^T (LASER)",
        "PowerSGD, arXiv 1905.13727; LASER, Algorithm 1; spec 2.4",
        {"rank", "transport", "warm_start", "compress", "memory"}},
       make_low_rank},
      {{"random_k",
        "random coordinates, the same at every worker (Random-K)",
        "arXiv 1809.07599; spec 4",
        {"compression_factor"}},
       make_random_k},
      {{"sweep",
        "rows of a random rotation in turn, as many symbols as one factor of the rank, on average",
        "docs/beyond.md",
        {"rank"}},
       make_sweep},
      {{"count_sketch",
        "count-mean sketch of shared random buckets and signs (Sketching)",
        "arXiv 1903.04488; spec 4",
        {"compression_factor"}},
       make_count_sketch},
      {{"sign", "signs, decoded by noisy majority vote (Signum)", "signSGD, arXiv 1802.04434; spec 4"},
       make_sign},
      {{"top_k_projection",
        "Gaussian projection of the largest entries (A-DSGD)",
        "Amiri and Gunduz, arXiv 1901.00844; spec 4.1",
        {"compression_factor", "decoder"}},
       make_top_k_projection},
      {{"top_k_mean", "places of the largest or of the smallest entries and their mean (D-DSGD)",
        "Amiri and Gunduz, arXiv 1901.00844, section III; spec 4.2"},
       make_top_k_mean},
      {{"top_k_pilot",
        "Gaussian projection of the largest entries with a pilot symbol in each tensor, decoded by AMP "
        "(A-DSGD's own format)",
        "Amiri and Gunduz, arXiv 1901.00844; spec 4.1",
        {"compression_factor"}},
       make_top_k_pilot},
      {{"age_top_k",
        "the largest coordinates of the last ones heard, then those that waited longest (AgeTop-k)",
        "AgeTop-k, arXiv 2602.02469; docs/arena.md",
        {"compression_factor", "magnitude_share"}},
       make_age_top_k},
  };
  return table;
}

const std::vector<CompressorEntry>& transports() {
  static const std::vector<CompressorEntry> table{
      {{"alternating",
        "P in even rounds and Q in odd ones, each against the last of the other",
        "LASER, Algorithm 1; spec 2.4",
        {"column_mode"}},
       make_alternating},
      {{"two_phase",
        "P and then Q against it, in two passes of one round",
        "PowerSGD, arXiv 1905.13727; spec 2.4",
        {"column_mode", "phase_share"}},
       make_two_phase},
      {{"one_shot",
        "both factors of every worker's own step at once",
        "spec 2.4",
        {"canonical", "rank_allocation"}},
       make_one_shot},
      {{"parallel",
        "both factors at once, each refined against the last of the other, without a basis",
        "Ota-LC, arXiv 2401.07496; docs/arena.md",
        {"factor_step"}},
       make_parallel},
  };
  return table;
}

bool uses_setting(const CompressorOptions& options, const std::string& setting) {
  return row_reads(compressors(), options.name, setting) ||
         (row_reads(compressors(), options.name, "transport") &&
          row_reads(transports(), options.transport, setting));
}

void describe(OptionList& list, CompressorOptions& o) {
  const auto of = [&](const std::string& setting) {
    list.group("compressor", [&o, setting] { return uses_setting(o, setting); });
  };
  list.group("compressor");
  list.add_choice("compressor", o.name, names_of(compressors()), "what is sent instead of the gradient");
  of("rank");
  list.add_integer("rank", o.rank, 1, 64, "",
                   "rank r of the factors; of a sweep, the rank whose symbols it may use");
  of("transport");
  list.add_choice("transport", o.transport, names_of(transports()),
                  "order in which the factors P and Q are sent");
  of("warm_start");
  list.add_flag("warm_start", o.warm_start, "start from the last factors, not from random ones");
  of("compress");
  list.add_choice("compress", o.compress, {"saves", "always"},
                  "factor a matrix only where that saves symbols, or always");
  of("column_mode");
  list.add_choice("column_mode", o.column_mode, {"common", "sqrt_kappa"},
                  "one scale a factor, or one a column with energy in proportion to its norm");
  of("phase_share");
  list.add_real("phase_share", o.phase_share, 0.01, 0.99, false, "", "share of the budget for sending P");
  of("canonical");
  list.add_flag("canonical", o.canonical, "send thin SVD factors (orthogonal rank-one terms)");
  // An option that is younger than published runs is no part of their hashes while it says what they did.
  list.group("compressor",
             [&o] { return uses_setting(o, "rank_allocation") && o.rank_allocation != "sqrt_kappa"; });
  list.add_choice("rank_allocation", o.rank_allocation, {"sqrt_kappa", "opt"},
                  "a factor pair's energy over its ranks: Lemma 8, or the least noise at this power");
  of("factor_step");
  list.add_real("factor_step", o.factor_step, 0, 1, true, "",
                "gamma: a factor goes that far from the last one to the refined one");
  of("magnitude_share");
  list.add_real("magnitude_share", o.magnitude_share, 0, 1, false, "",
                "of the coordinates, chosen by magnitude; the others by how long they waited");
  of("compression_factor");
  list.add_real("compression_factor", o.compression_factor, 0, 1, true, "", "symbols sent per parameter");
  of("decoder");
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
