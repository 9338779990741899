// Automatic mixed precision for the lifetime of an object, on the calling thread.
#pragma once

#include <ATen/autocast_mode.h>

namespace laser {

/// Runs convolutions and products of one kind of device in bfloat16 while it lives. Leave it before backward.
class Bfloat16Autocast {
 public:
  Bfloat16Autocast(c10::DeviceType device, bool enabled) : device_(device), enabled_(enabled) {
    if (!enabled_) return;
    was_enabled_ = at::autocast::is_autocast_enabled(device_);
    old_type_ = at::autocast::get_autocast_dtype(device_);
    cached_ = at::autocast::is_autocast_cache_enabled();
    at::autocast::set_autocast_enabled(device_, true);
    at::autocast::set_autocast_dtype(device_, at::kBFloat16);
    // The cache of casted weights is shared by all threads, and every weight is used once: not wanted.
    at::autocast::set_autocast_cache_enabled(false);
    at::autocast::increment_nesting();
  }
  ~Bfloat16Autocast() {
    if (!enabled_) return;
    at::autocast::decrement_nesting();
    at::autocast::set_autocast_cache_enabled(cached_);
    at::autocast::set_autocast_dtype(device_, old_type_);
    at::autocast::set_autocast_enabled(device_, was_enabled_);
  }
  Bfloat16Autocast(const Bfloat16Autocast&) = delete;
  Bfloat16Autocast& operator=(const Bfloat16Autocast&) = delete;

 private:
  c10::DeviceType device_;
  bool enabled_;
  bool was_enabled_ = false;
  bool cached_ = true;
  at::ScalarType old_type_ = at::kFloat;
};

}  // namespace laser
