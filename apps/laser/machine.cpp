#include "machine.hpp"

#include <ATen/Context.h>
#include <fmt/format.h>
#include <unistd.h>

#include <fstream>

#include "laser/report/python_process.hpp"

namespace laser {

std::string processor_text() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

std::string memory_text() {
  const double bytes =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGE_SIZE));
  return fmt::format("{:.1f} GiB", bytes / (1024.0 * 1024 * 1024));
}

std::string device_text() {
  const auto count = at::hasCUDA() ? at::detail::getCUDAHooks().deviceCount() : 0;
  return count > 0 ? fmt::format("cpu, {} CUDA", count) : "cpu (this LibTorch has no CUDA device)";
}

std::string figures_text(const std::string& python) {
  const auto outcome = run_python(python, {"-c", "import matplotlib; print(matplotlib.__version__)"});
  if (outcome.succeeded())
    return fmt::format("matplotlib {} of {}", outcome.output.substr(0, outcome.output.find('\n')), python);
  const auto missing = outcome.missing_module();
  return fmt::format("reports come without figures: {}. HINT: {}", outcome.failure(python),
                     missing.empty() ? "set LASER_PYTHON to a Python that has matplotlib"
                                     : fmt::format("{} -m pip install {}", python, missing));
}

}  // namespace laser
