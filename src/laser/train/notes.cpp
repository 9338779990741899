#include "laser/train/notes.hpp"

#include <fmt/ranges.h>

#include "laser/aggregate/delays.hpp"

namespace laser {

std::vector<std::string> notes_on(const Settings& settings, const Experiment& experiment, const Task& task) {
  std::vector<std::string> notes;
  if (const auto unread = unread_settings(settings, experiment); !unread.empty()) {
    notes.push_back(fmt::format("not read by a run of method = {} and task = {} with its other settings: {}",
                                experiment.method, experiment.task, fmt::join(unread, ", ")));
  }
  const auto facts = task.facts();
  const auto batch = facts.find("batch_size");
  if (batch != facts.end() && batch->second != std::to_string(experiment.batch_size)) {
    notes.push_back(
        fmt::format("batch_size = {} is more than the {} examples that a worker has: it takes all of them",
                    experiment.batch_size, batch->second));
  }
  if (const double share = experiment.algorithm.participation; share != 1) {
    notes.push_back(fmt::format(
        "participation = {}: an epoch is {} rounds, as if all took part; a worker takes part in {:.4g} "
        "of them on average",
        share, task.rounds_per_epoch(), share * static_cast<double>(task.rounds_per_epoch())));
  }
  auto lag = lag_note(experiment.algorithm, task.layout(),
                      experiment.optimizer.name == "sgd" ? experiment.optimizer.momentum : 0);
  if (!lag.empty()) notes.push_back(std::move(lag));
  return notes;
}

}  // namespace laser
