// The round's tensors: slices of vectors, work spread over them, numbers of all workers brought together.
#include <ATen/ATen.h>

#include <functional>
#include <limits>

#include "laser/aggregate/round.hpp"
#include "laser/core/parallel.hpp"

namespace laser {

void Aggregator::Impl::for_each_tensor(const std::function<void(std::size_t)>& work) const {
  std::vector<std::size_t> sizes;
  for (const auto& layer : layout_.layers) sizes.push_back(static_cast<std::size_t>(layer.size));
  for_each_piece_of(sizes, work);
}

void Aggregator::Impl::for_each_transmission(std::vector<Transmission>& transmissions,
                                             const std::function<void(Transmission&)>& work) const {
  std::vector<std::size_t> sizes;
  for (const auto& transmission : transmissions) {
    const auto workers = transmission.message.blocks.empty() ? 1 : transmission.message.blocks[0].size(0);
    const auto numbers = transmission.message.blocks.empty() ? layout_.layers[transmission.tensor].size
                                                             : transmission.symbols * workers;
    sizes.push_back(static_cast<std::size_t>(numbers));
  }
  for_each_piece_of(sizes, [&](std::size_t i) { work(transmissions[i]); });
}

/// One after another where a part is not to be asked by several threads at once.
void Aggregator::Impl::for_each_piece_of(std::span<const std::size_t> sizes,
                                         const std::function<void(std::size_t)>& work) const {
  if (threads()) return for_each_by_size(sizes, work);
  for (std::size_t i = 0; i < sizes.size(); ++i) work(i);
}

/// [k, columns] the rows of all workers, from those of the local ones.
WorkerTable Aggregator::Impl::gather(const WorkerTable& local) const {
  if (local.columns() == 0) return local;
  return {collective_.gather_rows(local.numbers(), static_cast<std::int64_t>(local.columns())),
          local.columns()};
}

at::Tensor Aggregator::Impl::slice(const at::Tensor& flat, std::size_t tensor) const {
  const auto& layer = layout_.layers[tensor];
  const auto part = flat.narrow(-1, layer.offset, layer.size);
  return flat.dim() == 1 ? part.view({layer.rows, layer.columns})
                         : part.unflatten(1, {layer.rows, layer.columns});
}

std::vector<at::Tensor> Aggregator::Impl::slices(const at::Tensor& flat) const {
  std::vector<at::Tensor> all;
  for (std::size_t l = 0; l < layout_.layers.size(); ++l) all.push_back(slice(flat, l));
  return all;
}

void Aggregator::Impl::Round::begin(std::size_t count) {
  exchanges.resize(count);
  silent.assign(count, 0);
  weights.assign(count, 1.0);
  residuals.assign(count, 0.0);
  report.largest.assign(count, std::numeric_limits<double>::infinity());
  shared.resize(count);
  held.resize(count);
  squares.resize(count);
}

at::Tensor Aggregator::Impl::Round::joint_gradients() const {
  if (all_gradients.defined()) return all_gradients;
  std::vector<at::Tensor> rows;
  for (const auto& part : gradients) rows.push_back(part.flatten(1));
  return at::cat(rows, 1);
}

}  // namespace laser
