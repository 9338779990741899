#include "laser/train/local_work.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <vector>

#include "laser/core/large_pages.hpp"

namespace laser {

void LocalWork::messages(const at::Tensor& models, std::int64_t round, at::Tensor& messages,
                         std::span<double> losses, std::span<const char> awake) {
  if (!options_.enabled()) {
    task_.gradients(models, round, messages, losses, awake);
    return;
  }
  const auto workers = rows_awake(awake);
  const auto start = [&](std::int64_t worker) { return models.dim() == 2 ? models[worker] : models; };
  if (!own_.defined()) own_ = zeros_in_large_pages(messages.sizes(), messages.scalar_type());
  for (const auto worker : workers) own_[worker].copy_(start(worker));
  if (awake[0] == 0)
    own_[0].copy_(start(0));  // a task may look at the first one's statistics while it sleeps
  std::vector<double> step_losses(losses.size());
  std::ranges::fill(losses, 0.0);
  for (std::int64_t step = 0; step < options_.steps; ++step) {
    task_.gradients(own_, round * options_.steps + step, messages, step_losses, awake);
    for (const auto worker : workers) {
      auto own = own_[worker], gradient = messages[worker];
      if (options_.proximal > 0) gradient.add_(own - start(worker), options_.proximal);
      own.sub_(gradient, options_.learning_rate);
      const auto i = static_cast<std::size_t>(worker);
      losses[i] += step_losses[i] / static_cast<double>(options_.steps);
    }
  }
  for (const auto worker : workers) {
    auto message = messages[worker];
    at::sub_out(message, start(worker), own_[worker]);
  }
}

}  // namespace laser
