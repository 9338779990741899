// Symbols through the air: the tensor side of a channel, in two modes that agree to rounding.
//
// fast      the weighted mean is computed exactly and sigma Z is added to it
// physical  every x_i = a_i s_i is formed and its energy measured, y = sum h_i x_i + Z, then scaled back
// The two halves leave room for a sum over processes between them.
#pragma once

#include <ATen/core/Tensor.h>

#include <span>
#include <vector>

#include "laser/channel/channel.hpp"
#include "laser/channel/noise.hpp"

namespace laser {

/// How much of the air is computed (spec 1.2).
enum class ChannelMode { kFast, kPhysical };

/// What the local workers put on the air in one block, already added up.
struct OnAir {
  // [C, D]: sum_i w_i s_i (fast) or sum_i h_i x_i (physical). Of numbers that travel as energies, in both
  // modes, the real and imaginary parts on either resource element, [C, 4 D].
  at::Tensor sum;
  std::vector<double> energy;  // [K] energy that each local worker spent on the block
};

/// Adds up the symbols [K, C, D] of the local workers, the first of which is worker `first` of k. `groups`
/// [C] are the scales, `norms` [K, C] the local workers' group norms. The sum may be formed in `place` [C,
/// D], if given. `phases` names the stream of the workers' phases where numbers travel as energies.
OnAir superpose_symbols(const at::Tensor& symbols, std::span<const Superposition> groups,
                        std::span<const double> norms, std::int64_t first, ChannelMode mode,
                        at::Tensor place = {}, const StreamKey& phases = {});

/// [C, D] what would be decoded of the local workers' symbols without noise, and without what workers do to
/// each other where numbers travel as energies. Arguments as above.
at::Tensor exact_symbols(const at::Tensor& symbols, std::span<const Superposition> groups,
                         std::span<const double> norms, std::int64_t first);

/// Turns the sum over all workers into the decoded block [C, D]: adds noise and scales back, in place but for
/// energies, which are another tensor.
void receive_symbols(at::Tensor& sum, std::span<const Superposition> groups, ChannelMode mode,
                     NoiseSource& noise, const StreamKey& key);

/// Norms of the groups of symbols [K, C, D], each group contiguous: [K, C] row-major, in double.
std::vector<double> group_norms(const at::Tensor& symbols);

/// What a channel takes for the norms of groups: those, or the roots of the sums of |s| where
/// numbers travel as energies.
std::vector<double> group_norms(const at::Tensor& symbols, const Channel& channel);

}  // namespace laser
