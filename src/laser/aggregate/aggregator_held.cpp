// Where server and workers hold an estimate: what workers leave out of their symbols because all know it, and
// what is held once the symbols have been heard (docs/swept.md, T4).
#include <ATen/ATen.h>

#include "laser/aggregate/round.hpp"
#include "laser/compress/sums.hpp"

namespace laser {

/// Where an estimate is held: its own symbols h, formed as a worker's are; and of the workers' symbols c_i,
/// where the feedback predicts, c_i - rho h.
void Aggregator::Impl::predict(Round& round, std::vector<Transmission>& transmissions, int pass) const {
  if (!parts_.feedback->traits().holds) return;
  for_each_transmission(transmissions, [&](Transmission& transmission) {
    const auto& tensor = tensors_[transmission.tensor];
    if (!tensor.held.defined()) return;
    auto exchange = round.exchanges[transmission.tensor];
    exchange.message = tensor.held.mul(round.scale).unsqueeze(0);
    exchange.norms.clear();
    form_products(*tensor.compressor, exchange);
    for (const auto& block : tensor.compressor->encode(exchange, pass).blocks)
      transmission.held.push_back(block[0]);
  });
  if (!parts_.feedback->traits().predicts || transmissions.empty()) return;
  WorkerTable products(static_cast<std::size_t>(collective_.local_workers()), transmissions.size());
  std::vector<double> energies(transmissions.size(), 0.0);
  for (std::size_t j = 0; j < transmissions.size(); ++j) {
    const auto& transmission = transmissions[j];
    for (std::size_t b = 0; b < transmission.held.size(); ++b) {
      const auto symbols = transmission.message.blocks[b].to(at::kDouble),
                 held = transmission.held[b].to(at::kDouble);
      energies[j] += inner_product(held, held);
      for (std::size_t i = 0; i < products.workers(); ++i)
        products(i, j) += inner_product(symbols[static_cast<std::int64_t>(i)], held);
    }
  }
  products = gather(products);
  for (std::size_t j = 0; j < transmissions.size(); ++j) {
    auto& transmission = transmissions[j];
    const auto of_all = products.column(j);
    if (energies[j] > 0) {
      transmission.prediction =
          parts_.feedback->prediction({of_all, energies[j], round.transmitting(transmission.tensor).active});
    }
  }
  for_each_transmission(transmissions, [&](Transmission& transmission) {
    if (transmission.prediction != 0) {
      for (std::size_t b = 0; b < transmission.held.size(); ++b) {
        auto& block = transmission.message.blocks[b];
        block = block - transmission.held[b] * transmission.prediction;
      }
      transmission.message.norms.clear();
    }
    measure(transmission);
  });
}

/// What is held of the tensor once the symbols have been heard, [m, n] in units of the messages: where they
/// tell something it is replaced, H + D(heard - h), and elsewhere it is what it was.
at::Tensor Aggregator::Impl::held_after(const Round& round, const Transmission& transmission, int pass,
                                        std::span<const Reception> heard) const {
  const auto l = transmission.tensor;
  const auto& tensor = tensors_[l];
  std::vector<Reception> changes(heard.begin(), heard.end());
  for (std::size_t b = 0; b < transmission.held.size(); ++b)
    changes[b].values = changes[b].values - transmission.held[b];
  auto exchange = round.exchanges[l];
  exchange.out = at::Tensor();
  const auto change = tensor.compressor->decode(exchange, pass, changes);
  const auto& layer = layout_.layers[l];
  auto held = tensor.held.defined() ? tensor.held.mul(round.scale)
                                    : at::zeros({layer.rows, layer.columns}, round.estimate[l].options());
  if (change.factors.defined()) return held.addmm_(change.factors.left.t(), change.factors.right);
  return held.add_(change.estimate);
}

}  // namespace laser
