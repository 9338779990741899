// The data sets of a study's runs, each read once.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>

#include "laser/train/trainer.hpp"

namespace laser {

/// For several threads at a time.
class DataCache {
 public:
  /// The data of the experiment's task. Throws Error (data, configuration).
  std::shared_ptr<TaskData> get(const Experiment& e) {
    const std::scoped_lock lock(mutex_);
    auto& data = cache_[{e.task, e.data, e.data_dir, e.verify_data}];
    if (!data) data = load_task_data(task_options(e));
    return data;
  }

 private:
  std::mutex mutex_;
  std::map<std::tuple<std::string, std::string, std::string, bool>, std::shared_ptr<TaskData>> cache_;
};

}  // namespace laser
