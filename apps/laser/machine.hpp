// Facts about this machine for `laser doctor`.
#pragma once

#include <string>

namespace laser {

/// The processor's own name, or "unknown".
std::string processor_text();

/// "23.4 GiB".
std::string memory_text();

/// "cpu" and the CUDA devices that LibTorch can use.
std::string device_text();

/// The interpreter and its matplotlib, or what is missing and how to get it.
std::string figures_text(const std::string& python);

}  // namespace laser
