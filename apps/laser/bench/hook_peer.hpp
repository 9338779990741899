// PyTorch's powerSGD_hook in a Python process of its own, run on request so that it alternates with our code.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "laser/core/layout.hpp"

namespace laser::bench {

class HookPeer {
 public:
  /// Starts `python script` for the tensors of `layout`. Throws Error (I/O) with Python's own last words if
  /// it cannot run.
  HookPeer(const std::string& python, const std::string& script, const Layout& layout, std::int64_t rank,
           int threads);
  ~HookPeer();
  HookPeer(const HookPeer&) = delete;
  HookPeer& operator=(const HookPeer&) = delete;
  /// Runs the hook once; seconds.
  double run();

 private:
  std::string line();
  void send(const std::string& text);

  pid_t child_ = 0;
  int to_child_ = -1;
  int from_child_ = -1;
  std::string received_;
};

}  // namespace laser::bench
