// How one phase's budget is shared among its blocks (tensors, factors): spec 3.2, [LASER, section 3.2].
//
// Every worker computes shares from its own norms; the server averages the energies and broadcasts
// them, so all workers use the same p(b). Pure arithmetic on norms: the channel applies the energies
// (spec 1.2, equation 2).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "laser/core/part.hpp"

namespace laser {

/// The weights w_i(b) of spec 3.2.
enum class Allocation {
  uniform,     // 1
  norm,        // norm of the uncompressed tensor
  norm2,       // its square
  comp_norm,   // norm of what is sent
  comp_norm2,  // its square
  sqrt_dim,    // sqrt(D_b), D_b symbols in the block
  param,       // D_b
  param2,      // D_b^2
  norm_dim,    // sqrt(D_b L_b) times the norm of what is sent: minimises sum_b D_b L_b N_b^2 / p_b, L_b the
               // rounds that a symbol is held
};

/// Name <-> allocation, in the order of help texts.
inline constexpr std::array<std::pair<std::string_view, Allocation>, 9> kAllocations = {{
    {"uniform", Allocation::uniform},
    {"norm", Allocation::norm},
    {"norm2", Allocation::norm2},
    {"comp_norm", Allocation::comp_norm},
    {"comp_norm2", Allocation::comp_norm2},
    {"sqrt_dim", Allocation::sqrt_dim},
    {"param", Allocation::param},
    {"param2", Allocation::param2},
    {"norm_dim", Allocation::norm_dim},
}};

/// A row for each allocation: name, sentence, source.
[[nodiscard]] const std::vector<PartRow>& allocations();

/// The allocation of that name (spec 3.2). Throws Error (configuration) that lists the names.
[[nodiscard]] Allocation parse_allocation(std::string_view name);

/// Whether the weights come from the norms of the uncompressed tensors.
[[nodiscard]] constexpr bool uses_raw_norms(Allocation allocation) {
  return allocation == Allocation::norm || allocation == Allocation::norm2;
}

/// What the k workers know about the B blocks of one phase; both norm arrays are [k, B], row-major.
struct BlockMeasures {
  std::span<const double> raw_norms;        // [k, B] of the uncompressed tensors, ||M_i(b)||
  std::span<const double> sent_norms;       // [k, B] of what is sent, N_i(b)
  std::span<const std::int64_t> symbols;    // [B] D_b; a block with D_b = 0 takes no part in this phase
  std::span<const std::int64_t> held = {};  // [B] L_b, rounds that its symbols are held; empty: 1 each
};

/// Shares [k, B] of every worker: each row is w_i(b) / sum_b' w_i(b'), and sums to 1 (spec 3.2). A
/// worker whose weights are all zero shares uniformly over the blocks that take part; without any block
/// all shares are 0. Throws Error: configuration for a negative norm or symbol count, non-finite for a
/// NaN or infinite norm.
[[nodiscard]] std::vector<double> block_shares(Allocation allocation, const BlockMeasures& blocks);

/// Energies [k, B] p_i(b) = budgets[i] * share_i(b), budgets [k] >= 0 in units of the
/// noise variance (spec 3.2).
[[nodiscard]] std::vector<double> block_energies(Allocation allocation, std::span<const double> budgets,
                                                 const BlockMeasures& blocks);

}  // namespace laser
