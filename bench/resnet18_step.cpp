// Steps of the ResNet18 on request: one line on standard input is one step (forward and backward of all
// workers), answered by its seconds, the mean loss and the norm of every worker's gradient.
// bench/resnet18_step.py drives it in turn with PyTorch.
//
//   resnet18_step <width> <batch> <workers> <threads> <file>
//
// Parameters, images and labels go to <file> first (raw float, float, int64), so that both sides do the same.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <numeric>
#include <string>
#include <vector>

#include "laser/core/memory.hpp"
#include "laser/core/random.hpp"
#include "laser/kernels/normal.hpp"
#include "laser/model/resnet18.hpp"

namespace {

using namespace laser;

LabelledImages examples(std::int64_t count) {
  auto images = at::empty({count, 3, 32, 32}, at::kFloat);
  fill_normal(std::span(images.data_ptr<float>(), static_cast<std::size_t>(images.numel())),
              {1, Purpose::kTest});
  auto labels = at::empty({count}, at::kLong);
  for (std::int64_t i = 0; i < count; ++i) {
    labels.data_ptr<std::int64_t>()[i] =
        random_below({1, Purpose::kTest, 1}, static_cast<std::uint64_t>(i), 10);
  }
  return {images, labels};
}

void write(std::ofstream& file, const at::Tensor& tensor) {
  file.write(static_cast<const char*>(tensor.const_data_ptr()),
             static_cast<std::streamsize>(tensor.nbytes()));
}

int run(char** arguments) {
  const std::int64_t width = std::atoll(arguments[1]), batch = std::atoll(arguments[2]);
  const std::int64_t workers = std::atoll(arguments[3]);
  keep_freed_memory();  // as the command does
  setenv("MKL_CBWR", "AUTO,STRICT", 0);
  at::set_num_threads(std::atoi(arguments[4]));
  const ResNet18 model(10, width);
  const auto parameters = at::empty({model.layout().size}, at::kFloat);
  model.initialise(parameters, 1);
  const auto buffers = model.initial_buffers().repeat({workers, 1});
  const auto gradients = at::empty({workers, model.layout().size}, at::kFloat);
  auto batches = examples(workers * batch);
  std::ofstream file(arguments[5], std::ios::binary);
  for (const auto& tensor : {parameters, batches.images, batches.labels}) write(file, tensor);
  file.close();
  batches.images = batches.images.contiguous(at::MemoryFormat::ChannelsLast);
  std::cout << "ready" << std::endl;
  std::vector<double> losses(static_cast<std::size_t>(workers));
  for (std::string line; std::getline(std::cin, line);) {
    const auto start = std::chrono::steady_clock::now();
    model.gradients(parameters, batches, buffers, gradients, losses);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    const double loss = std::accumulate(losses.begin(), losses.end(), 0.0) / static_cast<double>(workers);
    std::printf("%.6f %.8f", seconds.count(), loss);
    for (std::int64_t k = 0; k < workers; ++k) std::printf(" %.8g", gradients[k].norm().item().toDouble());
    std::printf("\n");
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 6) {
    std::cerr << "usage: resnet18_step <width> <batch> <workers> <threads> <file>\n";
    return 2;
  }
  try {
    return run(arguments);
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 70;
  }
}
