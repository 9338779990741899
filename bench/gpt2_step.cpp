// Steps of GPT-2 on request: one line on standard input is one step (forward and backward), answered by its
// seconds and loss. bench/gpt2_step.py drives it in turn with PyTorch.
//
//   gpt2_step <layers> <width> <heads> <length> <sequences> <threads> <file>
//
// Parameters, inputs and targets go to <file> first (raw float, int64, int64), so that both
// sides do the same.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iostream>
#include <string>

#include "laser/core/random.hpp"
#include "laser/model/gpt2.hpp"

namespace {

using namespace laser;

at::Tensor tokens(std::int64_t sequences, std::int64_t length, std::uint32_t part) {
  auto ids = at::empty({sequences, length}, at::kLong);
  for (std::int64_t i = 0; i < ids.numel(); ++i) {
    ids.data_ptr<std::int64_t>()[i] =
        random_below({1, Purpose::kTest, part, 0, 0}, static_cast<std::uint64_t>(i), 50257);
  }
  return ids;
}

void write(std::ofstream& file, const at::Tensor& tensor) {
  file.write(static_cast<const char*>(tensor.const_data_ptr()),
             static_cast<std::streamsize>(tensor.nbytes()));
}

int run(char** arguments) {
  const auto number = [&](int i) { return static_cast<std::int64_t>(std::atoll(arguments[i])); };
  setenv("MKL_CBWR", "AUTO,STRICT", 0);  // as the command does
  at::set_num_threads(std::atoi(arguments[6]));
  const at::NoGradGuard no_grad;
  const Gpt2 model({.layers = number(1), .width = number(2)}, {.heads = number(3)});
  auto parameters = at::empty({model.layout().size}, at::kFloat);
  model.initialise(parameters, 1);
  const TokenBatch batch{tokens(number(5), number(4), 0), tokens(number(5), number(4), 1)};
  {
    std::ofstream file(arguments[7], std::ios::binary);
    write(file, parameters);
    write(file, batch.inputs);
    write(file, batch.targets);
  }
  auto gradient = at::zeros({model.layout().size}, at::kFloat);
  std::cout << "ready" << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    const auto clock = std::clock();
    const auto start = std::chrono::steady_clock::now();
    const double loss = model.gradient(parameters, {{batch}, {}}, gradient);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    const auto used = static_cast<double>(std::clock() - clock) / CLOCKS_PER_SEC;
    std::printf("%.6f %.6f %.8f\n", seconds.count(), used, loss);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 8) {
    std::cerr << "usage: gpt2_step <layers> <width> <heads> <length> <sequences> <threads> <file>\n";
    return 2;
  }
  try {
    return run(arguments);
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 70;
  }
}
