// What `laser link` prints beside a budget: tables made elsewhere than where its flags are.
#pragma once

#include <string>

#include "laser/link/budget.hpp"
#include "theory_table.hpp"

namespace laser {

/// Energy, transmit power and air time of LASER beside Z-SGD where both reach what the paper's figures show,
/// from its curves (report/paper_curves.hpp) and the shapes of its models at `rank`; air times on `radio`.
ValueTable paper_table(const link::Radio& radio, std::int64_t rank);

/// Rounds, air time, energy and transmit power until the recorded run in `folder` reached its targets, sent
/// over `radio` (whose transmit power does not count: it is what the run's P asks for). `targets`: a sweep of
/// the metric's values; empty: the run's best. Throws Error (data) for a damaged record, and (configuration)
/// for one without noise.
ValueTable run_table(const link::Radio& radio, const std::string& folder, const std::string& targets);

}  // namespace laser
