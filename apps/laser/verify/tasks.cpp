#include "laser/verify/tasks.hpp"

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

#include "laser/core/machine_limits.hpp"

namespace laser::verify {
namespace {

class Crew {
 public:
  Crew(const std::vector<Task>& tasks, const Watch& watch) : tasks_(tasks), watch_(watch) {
    for (const auto& task : tasks) total_ += task.cost;
  }

  bool run(std::size_t threads) {
    std::vector<std::thread> crew;
    for (std::size_t i = 1; i < threads; ++i) crew.emplace_back([this] { work(); });
    work();
    for (auto& thread : crew) thread.join();
    if (problem_) std::rethrow_exception(problem_);
    return !stopped_;
  }

 private:
  void work() {
    // The tensors are small: threads of the library would only wait for each other.
    at::set_num_threads(1);
    while (!failed_) {
      if (watch_.stop && watch_.stop()) {
        stopped_ = true;
        return;
      }
      const auto index = next_++;
      if (index >= tasks_.size()) return;
      try {
        tasks_[index].run();
      } catch (...) {
        const std::scoped_lock lock(mutex_);
        if (!failed_.exchange(true)) problem_ = std::current_exception();
        return;
      }
      const std::scoped_lock lock(mutex_);
      done_ += tasks_[index].cost;
      if (watch_.progress) watch_.progress(done_, total_, tasks_[index].note);
    }
  }

  const std::vector<Task>& tasks_;
  const Watch& watch_;
  std::mutex mutex_;
  std::atomic<std::size_t> next_{0};
  std::atomic<bool> failed_{false}, stopped_{false};
  std::exception_ptr problem_;
  double total_ = 0, done_ = 0;
};

}  // namespace

bool run_tasks(std::vector<Task> tasks, std::int64_t threads, const Watch& watch) {
  std::ranges::stable_sort(tasks, [](const Task& a, const Task& b) { return a.cost > b.cost; });
  const auto cores = static_cast<std::size_t>(usable_cores());
  const auto wanted = threads > 0 ? static_cast<std::size_t>(threads) : cores;
  return Crew(tasks, watch).run(std::max<std::size_t>(1, std::min(wanted, tasks.size())));
}

}  // namespace laser::verify
