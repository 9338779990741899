// What results say in a few sentences, to stand before all tables: how much less energy LASER needs, with its
// interval; which method is best where the intervals tell; and what single seeds cannot tell.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "laser/report/power_needed.hpp"

namespace laser {

struct Report;
struct Row;

/// How many times more energy one method needs than another to reach a target.
struct ToldGain {
  double target = 0;
  Bounds gain;
  std::optional<Interval> interval;  // 95 %
};

/// "LASER needs 2.0 (1.8 to 2.2) times less energy than Z-SGD at perplexity 80.", for the hardest target of
/// which it is known, and a sentence on the range over the others. `quantity` is what targets are of, with
/// `unit` ("%" or empty). Empty where nothing is known of any.
std::vector<std::string> gain_sentences(const std::string& ours, const std::string& theirs,
                                        std::span<const ToldGain> gains, const std::string& quantity,
                                        const std::string& unit, bool higher_is_better);

/// What "energy" means in the sentences on gains.
inline constexpr const char* kWhatEnergyIs =
    "Energy is what a worker may spend in a round, over equally many rounds; in brackets 95 % intervals over "
    "the seeds.";

/// The gain where there is one, the best methods, and what a single run or a single seed is.
std::vector<std::string> conclusion(const Report& report);

/// Marks of each power the rows that nothing tells from the best one, `leading`, and where that is one alone,
/// `best_at_power`: its 95 % interval lies beyond those of all others. A row of one seed has no interval, and
/// is told from nothing.
void mark_leading(std::vector<Row>& rows, bool higher_is_better);

}  // namespace laser
