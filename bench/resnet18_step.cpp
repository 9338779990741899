// Steps of the ResNet18 on request: one line on standard input is one step (forward and backward of all
// workers), answered by its seconds and the mean loss. bench/resnet18_step.py drives it in turn with PyTorch.
//
//   resnet18_step <width> <batch> <workers> <threads> parallel|sequential <file>
//
// Parameters, images and labels go to <file> first (raw float, float, int64), so that both sides do the same.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <numeric>
#include <string>

#include "laser/core/error.hpp"
#include "laser/core/random.hpp"
#include "laser/kernels/normal.hpp"
#include "laser/model/resnet18.hpp"

namespace {

using namespace laser;

LabelledImages examples(std::int64_t count, std::uint32_t worker) {
  auto images = at::empty({count, 3, 32, 32}, at::kFloat);
  fill_normal(std::span(images.data_ptr<float>(), static_cast<std::size_t>(images.numel())),
              {1, Purpose::kTest, 0, 0, worker});
  auto labels = at::empty({count}, at::kLong);
  for (std::int64_t i = 0; i < count; ++i) {
    labels.data_ptr<std::int64_t>()[i] =
        random_below({1, Purpose::kTest, 1, 0, worker}, static_cast<std::uint64_t>(i), 10);
  }
  return {images, labels};
}

void write(std::ofstream& file, const at::Tensor& tensor) {
  file.write(static_cast<const char*>(tensor.const_data_ptr()),
             static_cast<std::streamsize>(tensor.nbytes()));
}

int run(int, char** arguments) {
  const std::int64_t width = std::atoll(arguments[1]), batch = std::atoll(arguments[2]);
  const auto workers = static_cast<std::size_t>(std::atoll(arguments[3]));
  setenv("MKL_CBWR", "AUTO,STRICT", 0);  // as the command does
  at::set_num_threads(std::atoi(arguments[4]));
  const bool parallel = std::string(arguments[5]) == "parallel";
  const at::NoGradGuard no_grad;
  const ResNet18 model(10, width);
  const auto k = static_cast<std::int64_t>(workers);
  auto parameters = at::empty({model.layout().size}, at::kFloat);
  model.initialise(parameters, 1);
  auto buffers = model.initial_buffers().repeat({k, 1});
  auto gradients = at::zeros({k, model.layout().size}, at::kFloat);
  std::vector<LabelledImages> batches;
  std::ofstream file(arguments[6], std::ios::binary);
  write(file, parameters);
  for (std::uint32_t i = 0; i < workers; ++i) {
    batches.push_back(examples(batch, i));
    write(file, batches.back().images);
    write(file, batches.back().labels);
    batches.back().images = batches.back().images.contiguous(at::MemoryFormat::ChannelsLast);
  }
  file.close();
  std::cout << "ready" << std::endl;
  std::vector<double> losses(workers);
  for (std::string line; std::getline(std::cin, line);) {
    const auto start = std::chrono::steady_clock::now();
    if (parallel) {
      model.gradients_of_workers(parameters, batches, buffers, gradients, losses);
    } else {
      for (std::size_t i = 0; i < workers; ++i) {
        const auto row = static_cast<std::int64_t>(i);
        losses[i] = model.gradient(parameters, batches[i], buffers.select(0, row), gradients.select(0, row));
      }
    }
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::printf("%.6f %.8f\n", seconds.count(),
                std::accumulate(losses.begin(), losses.end(), 0.0) / static_cast<double>(workers));
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 7) {
    std::cerr << "usage: resnet18_step <width> <batch> <workers> <threads> parallel|sequential <file>\n";
    return 2;
  }
  try {
    return run(count, arguments);
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 70;
  }
}
