#include "laser/model/device.hpp"

#include <ATen/Context.h>

#include "laser/core/fail.hpp"

namespace laser {

at::Device find_device(std::string_view name) {
  const bool has_gpu = at::hasCUDA();
  if (name == "cpu" || (name == "auto" && !has_gpu)) return at::kCPU;
  if (name != "cuda" && name != "auto") {
    fail(ExitCode::kConfiguration, "device = '{}' is unknown. HINT: choose auto, cpu or cuda", name);
  }
  if (!has_gpu) {
    fail(ExitCode::kConfiguration,
         "device = 'cuda', but LibTorch sees no CUDA GPU. HINT: use device = 'cpu', or install a CUDA build "
         "of PyTorch and a driver");
  }
  return {at::kCUDA, 0};
}

}  // namespace laser
