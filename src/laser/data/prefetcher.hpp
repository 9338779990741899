// Batches made by a thread of their own while the caller works on the one before.
//
// Order and content do not depend on timing: item i is whatever `produce(i, slot)` writes. Not a queue for
// several producers or consumers.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include "laser/core/fail.hpp"

namespace laser {

template <class Item>
class Prefetcher {
 public:
  /// `produce(i, slot)` makes item i in a slot that held an earlier one, or a new one; it runs on the other
  /// thread and may throw.
  using Produce = std::function<void(std::int64_t, Item&)>;

  /// Starts with item `first`; `end` is the first that is not made.
  Prefetcher(std::int64_t first, std::int64_t end, Produce produce)
      : produce_(std::move(produce)), next_(first), made_(first), end_(end), thread_([this] { run(); }) {}

  /// Waits for the item that is being made, if any.
  ~Prefetcher() {
    {
      const std::scoped_lock lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;

  /// The next item, valid until the next call; waits for it. Rethrows what `produce` threw for it, also when
  /// it is called again. Asking for item `end` is our bug.
  Item& next() {
    std::unique_lock lock(mutex_);
    LASER_CHECK(next_ < end_);
    free_ = next_;  // the item before this one is the caller's no longer
    changed_.notify_all();
    changed_.wait(lock, [this] { return made_ > next_ || failure_; });
    if (made_ <= next_) std::rethrow_exception(failure_);
    return slot(next_++);
  }

 private:
  Item& slot(std::int64_t i) { return slots_[static_cast<std::size_t>(i & 1)]; }

  void run() {
    std::unique_lock lock(mutex_);
    for (; made_ < end_; ++made_) {
      // Item i takes the slot of item i - 2.
      changed_.wait(lock, [this] { return stop_ || made_ - free_ < 2; });
      if (stop_) return;
      lock.unlock();
      try {
        produce_(made_, slot(made_));
      } catch (...) {
        lock.lock();
        failure_ = std::current_exception();
        changed_.notify_all();
        return;
      }
      lock.lock();
      changed_.notify_all();
    }
  }

  Produce produce_;
  std::array<Item, 2> slots_{};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::int64_t next_;          // that the caller asks for
  std::int64_t made_;          // all before it are made
  std::int64_t free_ = next_;  // slots of all items before it may be used again
  std::int64_t end_;
  bool stop_ = false;
  std::exception_ptr failure_;
  std::thread thread_;  // last: it uses the others
};

}  // namespace laser
