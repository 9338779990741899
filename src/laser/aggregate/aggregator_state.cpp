// What lasts between rounds, and what a round tells about itself when asked.
#include <ATen/ATen.h>

#include <cmath>

#include "laser/aggregate/round.hpp"
#include "laser/core/error.hpp"

namespace laser {

NamedTensors Aggregator::state() const {
  NamedTensors result;
  for (std::size_t l = 0; l < tensors_.size(); ++l) {
    const auto& name = layout_.layers[l].name;
    if (tensors_[l].memory.defined()) result["memory/" + name] = tensors_[l].memory;
    for (const auto& [key, value] : tensors_[l].shared) result["shared/" + name + "/" + key] = value;
  }
  return result;
}

void Aggregator::load_state(const NamedTensors& state) {
  const auto restore = [&](const std::string& name, at::Tensor& target, at::IntArrayRef sizes) {
    const auto found = state.find(name);
    if (found == state.end() || found->second.sizes() != sizes) {
      fail(ExitCode::kData, "the saved state has no tensor '{}' of the right shape", name);
    }
    target = found->second.clone(at::MemoryFormat::Contiguous);
  };
  for (std::size_t l = 0; l < tensors_.size(); ++l) {
    auto& tensor = tensors_[l];
    const auto& layer = layout_.layers[l];
    const auto memory = state.find("memory/" + layer.name);
    if (memory != state.end()) {
      const auto sizes = std::vector<std::int64_t>{memory->second.size(0), layer.rows, layer.columns};
      restore("memory/" + layer.name, tensor.memory, sizes);
    }
    for (auto& [key, value] : tensor.shared) {
      restore("shared/" + layer.name + "/" + key, value, value.sizes().vec());
    }
  }
}

void Aggregator::diagnose(Round& round, const at::Tensor& gradients) {
  const auto square = [](const at::Tensor& t) { return t.to(at::kDouble).pow(2).sum().item<double>(); };
  double memory = 0, gradient = 0, message = 0, residual = 0;
  const auto workers = static_cast<double>(gradients.size(0));
  std::vector<double> own_memory(static_cast<std::size_t>(gradients.size(0)), 0.0);
  for (std::size_t l = 0; l < tensors_.size(); ++l) {
    const auto& tensor = tensors_[l];
    if (tensor.compressor != compressor_.get() || round.silent[l]) continue;
    const auto count = tensors_.size();
    const auto first = static_cast<std::size_t>(collective_.first_worker());
    for (std::size_t i = 0; i < own_memory.size(); ++i) {
      const double norm = round.raw_norms[(first + i) * count + l];
      message += norm * norm;
      if (tensor.memory.defined()) own_memory[i] += square(tensor.memory[static_cast<std::int64_t>(i)]);
    }
    if (feedback_ == "local") {
      residual += square(tensor.memory);
    } else {  // without a local memory the residual is formed aside
      auto rest = tensor.memory.defined() ? tensor.memory + slice(round.estimate, l)
                                          : round.exchanges[l].message.clone(at::MemoryFormat::Contiguous);
      tensor.compressor->subtract_own(round.exchanges[l], rest);
      residual += square(rest);
    }
  }
  for (std::size_t i = 0; i < own_memory.size(); ++i) {
    gradient = square(gradients[static_cast<std::int64_t>(i)]);
    memory += gradient > 0 ? std::sqrt(own_memory[i] / gradient) : 0.0;
  }
  if (feedback_ != "none") round.report.memory_ratio = memory / workers;
  if (message > 0) round.report.delta = 1 - residual / message;
  if (round.clean.defined()) {
    const double signal = square(round.clean);
    if (signal > 0) round.report.lambda = square(round.estimate - round.clean) / signal;
  }
}

}  // namespace laser
