#include "laser/receive/server_rule.hpp"

#include <ATen/ATen.h>

#include <cmath>

#include "laser/compress/sums.hpp"

namespace laser {
namespace {

/// Every number by its sign; zeros stay.
void make_signs(at::Tensor& update) { update.sign_(); }

/// The length sqrt(m n), whatever it was.
void make_unit(at::Tensor& update) {
  const double length = norm_of_all(update.to(at::kDouble));
  if (length == 0) return;
  update.mul_(std::sqrt(static_cast<double>(update.numel())) / length);
}

}  // namespace

void make_polar(at::Tensor& update) {
  constexpr double kLeast = 1e-11;  // of the largest square of a singular value
  const auto rows = update.size(0), columns = update.size(1);
  auto wide = update.to(at::kDouble);
  const double peak = wide.abs().max().item<double>();
  if (peak == 0) return;
  wide.div_(peak);  // no square leaves the range
  const bool flat = rows <= columns;
  const auto [values, vectors] = at::linalg_eigh(flat ? at::mm(wide, wide.t()) : at::mm(wide.t(), wide));
  const auto kept = values > kLeast * values.max();
  const auto roots = at::where(kept, values, HUGE_VAL).rsqrt();  // else 0
  const auto whitener = at::mm(vectors * roots, vectors.t());
  const auto directions = static_cast<double>(kept.sum().item<std::int64_t>());
  const double scale = std::sqrt(static_cast<double>(update.numel()) / directions);
  update.copy_((flat ? at::mm(whitener, wide) : at::mm(wide, whitener)).mul_(scale));
}

const std::vector<ServerRuleEntry>& server_rules() {
  static const std::vector<ServerRuleEntry> table{
      {{"plain", "the update as it is", "LASER, Algorithm 1; spec 2.5"}, nullptr},
      {{"sign", "the signs of its numbers", "signSGD, arXiv 1802.04434"}, make_signs},
      {{"unit", "the update's direction, with numbers of root mean square 1", "docs/arena.md"}, make_unit},
      {{"polar", "its polar factor, every singular value alike, with numbers of root mean square 1",
        "Muon; Dion, arXiv 2504.05295; docs/arena.md"},
       make_polar},
  };
  return table;
}

}  // namespace laser
