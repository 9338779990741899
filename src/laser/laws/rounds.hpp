// Checks that several roles have in common. Private to laws/.
#pragma once

#include <cstdint>

#include "laser/laws/laws.hpp"
#include "laser/laws/world.hpp"

namespace laser::laws {

inline constexpr std::int64_t kWorkers = 3;
inline constexpr double kPower = 50.0;

/// An aggregator of the subject over the small model.
inline Aggregator make(const Subject& subject, Collective& collective, at::ScalarType type = at::kDouble,
                       std::uint64_t seed = 1) {
  return {small_layout(), subject.algorithm, subject.parts, seed, collective, type};
}

/// Who plays which role under the subject, given or named.
inline Parts parts_of(const Subject& subject) { return make_parts(subject.algorithm, subject.parts); }

/// P of a round: infinite where the subject's channel is noiseless, and of bits so much that every tensor has
/// some.
double budget_of(const Subject& subject);

/// An estimate of nothing yet.
inline at::Tensor blank(const Aggregator& aggregator, at::ScalarType type = at::kDouble) {
  return at::zeros({aggregator.layout().size}, type);
}

// Laws of every role.
void same_key_same_bits(const Subject& subject, Findings& findings);
void threads_do_not_matter(const Subject& subject, Findings& findings);
void physical_and_fast_agree(const Subject& subject, Findings& findings);
void processes_act_as_one(const Subject& subject, Findings& findings);
void save_and_load(const Subject& subject, Findings& findings);
void zeros_stay_finite(const Subject& subject, Findings& findings);
void scales_are_one_problem(const Subject& subject, Findings& findings);
/// Whether nothing compares an energy with a sum of magnitudes, as a weight over differences of energies
/// does.
bool has_no_unit(const Subject& subject);
void memory_keeps_what_was_not_heard(const Subject& subject, Findings& findings);

/// The laws of a role: its own, and those that hold in any round whatever is tried, but for those that the
/// role has by the same name.
std::vector<Law> with_those_of_every_role(std::vector<Law> own);

}  // namespace laser::laws
