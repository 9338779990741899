// How one phase's budget is shared among its blocks (tensors, factors): spec 3.2, [LASER, section 3.2].
//
// Every worker computes shares from its own norms; the server averages the energies and broadcasts
// them, so all workers use the same p(b). Pure arithmetic on norms: the channel applies the energies
// (spec 1.2, equation 2).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "laser/core/part.hpp"

namespace laser {

/// What one worker knows about the B blocks of one phase before it sends them; every array is [B].
struct WorkerBlocks {
  std::span<const double> raw_norms;      // of the uncompressed tensors, ||M_i(b)||
  std::span<const double> sent_norms;     // of what is sent, N_i(b)
  std::span<const std::int64_t> symbols;  // D_b; a block with D_b = 0 takes no part in this phase
  std::span<const std::int64_t> held;     // L_b >= 1, rounds that its symbols are held
};

/// What holds for an allocation.
struct AllocationTraits {
  bool reads_messages = true;  // raw_norms: the norms of uncompressed tensors cost a pass where nobody asks
  bool by_shape = false;       // its weights follow from symbols alone, and are known before training
};

/// How a worker shares its budget over blocks: the weights w_i(b) of spec 3.2. Stateless.
class Allocation {
 public:
  virtual ~Allocation() = default;
  /// What holds for it.
  [[nodiscard]] virtual AllocationTraits traits() const { return {}; }
  /// The weights [B] of the blocks, at least 0, in any unit: a block gets w_i(b) / sum_b' w_i(b') of the
  /// budget. A worker whose weights are all 0 shares alike.
  [[nodiscard]] virtual std::vector<double> weights(const WorkerBlocks& blocks) const = 0;
};

/// A row of the allocations' table.
struct AllocationEntry : PartRow {
  std::unique_ptr<Allocation> (*make)();
};

/// All allocations (spec 3.2).
[[nodiscard]] const std::vector<AllocationEntry>& allocations();

/// The allocation of that name. Throws Error (configuration) that lists the names.
[[nodiscard]] std::unique_ptr<Allocation> make_allocation(const std::string& name);

/// What the k workers know about the B blocks of one phase; both norm arrays are [k, B], row-major.
struct BlockMeasures {
  std::span<const double> raw_norms;        // [k, B] of the uncompressed tensors, ||M_i(b)||
  std::span<const double> sent_norms;       // [k, B] of what is sent, N_i(b)
  std::span<const std::int64_t> symbols;    // [B] D_b; a block with D_b = 0 takes no part in this phase
  std::span<const std::int64_t> held = {};  // [B] L_b, rounds that its symbols are held; empty: 1 each
};

/// Shares [k, B] of every worker: each row is w_i(b) / sum_b' w_i(b'), and sums to 1 (spec 3.2). A
/// worker whose weights are all zero shares uniformly over the blocks that take part; without any block
/// all shares are 0. Throws Error: configuration for a negative norm, symbol count or weight and for a wrong
/// number of weights, non-finite for a NaN or infinite norm or weight.
[[nodiscard]] std::vector<double> block_shares(const Allocation& allocation, const BlockMeasures& blocks);

/// Energies [k, B] p_i(b) = budgets[i] * share_i(b), budgets [k] >= 0 in units of the
/// noise variance (spec 3.2).
[[nodiscard]] std::vector<double> block_energies(const Allocation& allocation,
                                                 std::span<const double> budgets,
                                                 const BlockMeasures& blocks);

}  // namespace laser
