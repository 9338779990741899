#include "machine.hpp"

#include <ATen/Context.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <memory>

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
  std::string quoted;  // one shell word, whatever it holds
  for (const char c : python) quoted += c == '\'' ? "'\\''" : std::string{c};
  const auto command =
      fmt::format("'{}' -c 'import matplotlib; print(matplotlib.__version__)' 2>/dev/null", quoted);
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::array<char, 64> line{};
  if (pipe && std::fgets(line.data(), line.size(), pipe.get()) != nullptr) {
    std::string version = line.data();
    if (!version.empty() && version.back() == '\n') version.pop_back();
    return fmt::format("matplotlib {} of {}", version, python);
  }
  return fmt::format("{} has no matplotlib: reports come without figures. HINT: 'make build' installs it",
                     python);
}

}  // namespace laser
