#include "laser/model/bound_parameters.hpp"

#include <ATen/ATen.h>

#include "laser/core/fail.hpp"

namespace laser {

void BoundParameters::bind(const at::Tensor& parameters) {
  LASER_CHECK(parameters.is_contiguous() && parameters.numel() == layout_.size);
  leaves_.clear();
  for (const auto& layer : layout_.layers) {
    // detach() last: a leaf must not be a view in the eyes of autograd.
    auto leaf = parameters.narrow(0, layer.offset, layer.size).view(layer.shape).detach();
    leaf.requires_grad_(true);
    leaves_.push_back(std::move(leaf));
  }
}

void BoundParameters::accumulate_into(const at::Tensor& row) {
  LASER_CHECK(row.is_contiguous() && row.numel() == layout_.size && leaves_.size() == layout_.layers.size());
  for (std::size_t l = 0; l < leaves_.size(); ++l) {
    const auto& layer = layout_.layers[l];
    // Autograd adds in place to a gradient that is already there, whatever the strides of what it adds.
    leaves_[l].mutable_grad() = row.narrow(0, layer.offset, layer.size).view(layer.shape).detach();
  }
}

void BoundParameters::release() {
  for (auto& leaf : leaves_) leaf.mutable_grad().reset();
}

}  // namespace laser
