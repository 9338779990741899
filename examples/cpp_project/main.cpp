// Eight workers with gradients close to rank 2: what the server makes of them over a noisy channel.
#include <ATen/ATen.h>

#include <iostream>

#include "laser/laser.hpp"

int main() {
  at::manual_seed(1);
  laser::Layout layout;
  layout.add("weight", {64, 96});
  laser::Solo workers(8);  // all in this process
  const auto gradients = at::randn({64, 2}).mm(at::randn({2, 96})).flatten() + 0.3 * at::randn({8, 64 * 96});
  for (const char* method : {"laser", "zsgd"}) {
    laser::Aggregator aggregator(layout, laser::method(method), /*seed=*/1, workers);
    auto estimate = at::empty({layout.size}), error = at::zeros({layout.size});
    for (int round = 0; round < 20; ++round) {
      aggregator.round(round, /*budget=*/10, gradients, estimate);
      error += estimate - gradients.mean(0);
    }
    std::cout << method << ": error " << (error.norm() / gradients.mean(0).norm() / 20).item<float>() << '\n';
  }
}
