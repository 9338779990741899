// laser doctor: what is installed, versions, devices, SIMD level, where the data are.
#include <fmt/format.h>

#include <filesystem>
#include <iostream>

#include "commands.hpp"
#include "laser/core/fail.hpp"
#include "laser/core/machine_limits.hpp"
#include "laser/core/resources.hpp"
#include "laser/data/mnist.hpp"
#include "laser/kernels/normal.hpp"
#include "laser/report/figures.hpp"
#include "laser/train/task.hpp"
#include "laser/train/versions.hpp"
#include "machine.hpp"

namespace laser {
namespace {

void print(const std::string& name, const std::string& value) {
  std::cout << fmt::format("{:<12} {}\n", name, value);
}

std::string data_state() {
  try {
    const auto mnist = load_mnist("");
    return fmt::format("mnist: {} + {} images, verified, in {}", mnist.train.size(), mnist.test.size(),
                       mnist.facts.at("data"));
  } catch (const Error& error) {
    return fmt::format("mnist: {}", error.what());
  }
}

}  // namespace

void add_doctor(CLI::App& app, CommandLine&) {
  auto* command =
      app.add_subcommand("doctor", "What is installed, versions, devices, and where the data are");
  command->callback([] {
    print("laser", laser_version());
    print("torch", torch_version());
    print("compiler", compiler_version());
    print("simd", simd_level());
    print("cores", std::to_string(usable_cores()));
    print("memory", memory_text());
    print("devices", device_text());
    print("figures", figures_text(figures_python()));
    print("files", resource_root().string());
    print("data", data_state());
  });
}

}  // namespace laser
