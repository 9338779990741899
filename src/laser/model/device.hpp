// Where a model computes: the setting `device`.
#pragma once

#include <c10/core/Device.h>

#include <string_view>

namespace laser {

/// "cpu", "cuda" (the first GPU) or "auto" (a GPU where there is one). Throws Error (configuration) on
/// another name, and on "cuda" where LibTorch sees no GPU.
[[nodiscard]] at::Device find_device(std::string_view name);

}  // namespace laser
