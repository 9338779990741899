// What the server makes of what it heard, and what a round leaves behind: the estimate, memories, what is
// shared or held from here on (spec 1.4, 2.4, 2.5).
#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include <cmath>
#include <utility>

#include "laser/aggregate/round.hpp"
#include "laser/compress/fused_pass.hpp"
#include "laser/core/fail.hpp"

namespace laser {
namespace {

/// No number of left^T right is larger in magnitude, whatever order it was added up in.
double largest_in_product(const Factors& factors) {
  constexpr double kRounding = 1 + 1e-3;
  return kRounding * static_cast<double>(factors.left.size(-2)) *
         largest_magnitude(factors.left.contiguous()) * largest_magnitude(factors.right.contiguous());
}

/// Throws Error (configuration) where a receiver has put another tensor in the place of what was received.
void check_scaled(const Reception& heard, at::IntArrayRef sizes, at::ScalarType type,
                  const std::string& name) {
  if (heard.values.defined() && heard.values.sizes() == sizes && heard.values.scalar_type() == type &&
      std::cmp_equal(heard.noise_std.size(), sizes[0]))
    return;
  fail(ExitCode::kConfiguration,
       "the receiver left {} and {} deviations of the noise of what was received of tensor '{}'. HINT: it "
       "changes the numbers [{}] in place",
       heard.values.defined() ? fmt::format("[{}] of {}", fmt::join(heard.values.sizes(), ", "),
                                            at::toString(heard.values.scalar_type()))
                              : "nothing",
       heard.noise_std.size(), name, fmt::join(sizes, ", "));
}

/// Throws Error (configuration) where a compressor hands on another state than it began with.
void check_shared(const NamedTensors& next, const NamedTensors& before, const std::string& name) {
  if (next.empty()) return;
  for (const auto& [key, tensor] : next) {
    const auto known = before.find(key);
    if (known != before.end() && tensor.defined() && tensor.sizes() == known->second.sizes() &&
        tensor.scalar_type() == known->second.scalar_type())
      continue;
    fail(ExitCode::kConfiguration,
         "the compressor's state of tensor '{}' has '{}' {}, {}. HINT: the names, shapes and type of "
         "initial_state()",
         name, key, tensor.defined() ? fmt::format("[{}]", fmt::join(tensor.sizes(), ", ")) : "of nothing",
         known == before.end() ? "which it did not begin with"
                               : fmt::format("which began as [{}]", fmt::join(known->second.sizes(), ", ")));
  }
  for (const auto& [key, tensor] : before) {
    if (next.contains(key)) continue;
    fail(ExitCode::kConfiguration,
         "the compressor's state of tensor '{}' has lost '{}'. HINT: the names of initial_state(), or no "
         "state where nothing changes",
         name, key);
  }
}

}  // namespace

/// The receiver's part in the estimate, from the last pass alone: the passes before it bring a space, of
/// which a weight of 0 would leave nothing (spec 1.4). For the same reason what lasts is made of what was
/// heard, before it is scaled: returned where scaling makes a difference to it.
NamedTensors Aggregator::Impl::scale_received(Round& round, Transmission& transmission) const {
  const auto l = transmission.tensor;
  const auto traits = parts_.receiver->traits();
  if (traits.weighs) {
    auto norms = transmission.norms;
    // Of an estimate that is held all is noisy, and the whole message is its signal
    if (holds(tensors_[l])) {
      norms = round.raw_norms.part(l, 1);
      const double share = 1 / std::sqrt(static_cast<double>(held_rounds(l)));
      for (std::size_t i = 0; i < norms.workers(); ++i) norms(i, 0) *= share;
    }
    round.weights[l] = parts_.receiver->weight(transmission.noisy, norms.numbers(), round.link(l).active);
    if (!std::isfinite(round.weights[l])) {
      fail(ExitCode::kConfiguration, "the receiver's weight of tensor '{}' is {}. HINT: a finite number",
           layout_.layers[l].name, round.weights[l]);
    }
  }
  if (!traits.scales) return {};
  NamedTensors shared;
  if (!tensors_[l].shared.empty()) {
    shared = tensors_[l].compressor->decode(round.exchanges[l], last_pass_, transmission.noisy).shared;
    for (auto& heard : transmission.noisy) heard.values = heard.values.clone();
  }
  for (std::size_t b = 0; b < transmission.noisy.size(); ++b) {
    auto& heard = transmission.noisy[b];
    const auto sizes = heard.values.sizes().vec();
    const auto type = heard.values.scalar_type();
    parts_.receiver->scale(heard, traits.exact ? transmission.exact[b] : at::Tensor());
    check_scaled(heard, sizes, type, layout_.layers[l].name);
  }
  return shared;
}

/// The server's view of a tensor after a pass; without an estimate where another pass follows.
Decoded Aggregator::Impl::decode_one(Round& round, Transmission& transmission, int pass) const {
  const auto l = transmission.tensor;
  const auto& tensor = tensors_[l];
  NamedTensors shared;
  if (is_last(pass)) shared = scale_received(round, transmission);
  auto decoded = tensor.compressor->decode(round.exchanges[l], pass, transmission.noisy);
  if (!shared.empty()) decoded.shared = std::move(shared);
  check_decoded(decoded, l);
  if (is_last(pass)) check_shared(decoded.shared, tensor.shared, layout_.layers[l].name);
  if (is_last(pass) && !decoded.complete()) {
    fail(ExitCode::kConfiguration,
         "the compressor made no estimate of tensor '{}'. HINT: decode() returns an estimate or both factors "
         "in the last pass",
         layout_.layers[l].name);
  }
  if (holds(tensor)) {
    decoded.estimate = held_after(round, transmission, pass, transmission.noisy);
    decoded.factors = {};
    round.held[l] = decoded.estimate.div(round.scale);
  }
  if (decoded.estimate.defined()) decoded.write(round.estimate[l]);
  return decoded;
}

/// What decode_one() would have said without noise, where the round is diagnosed.
void Aggregator::Impl::decode_clean(Round& round, const Transmission& transmission, int pass) const {
  const auto l = transmission.tensor;
  if (!round.clean.defined()) round.clean = at::zeros({layout_.size}, round.estimate[l].options());
  round.exchanges[l].out = at::Tensor();
  if (holds(tensors_[l])) {
    slice(round.clean, l).copy_(held_after(round, transmission, pass, transmission.clean));
  } else {
    const auto decoded = tensors_[l].compressor->decode(round.exchanges[l], pass, transmission.clean);
    check_decoded(decoded, l);
    decoded.write(slice(round.clean, l));
  }
}

void Aggregator::Impl::decode(Round& round, std::vector<Transmission>& transmissions, int pass) const {
  std::vector<Decoded> decoded(tensors_.size());
  for_each_transmission(transmissions, [&](Transmission& transmission) {
    const auto l = transmission.tensor;
    if (round.silent[l] == 0) decoded[l] = decode_one(round, transmission, pass);
  });
  std::vector<ProductTensor> products;
  for (const auto& transmission : transmissions) {
    const auto l = transmission.tensor;
    auto& result = decoded[l];
    if (!result.complete()) continue;  // silent, or more passes to come
    if (result.factors.defined()) {
      products.push_back({result.factors, round.estimate[l]});
      round.report.largest[l] = largest_in_product(result.factors);
    }
    if (round.diagnosed) decode_clean(round, transmission, pass);
    round.shared[l] = std::move(result.shared);
  }
  write_products(products);
}

void Aggregator::Impl::weigh(Round& round) const {
  for_each_tensor([&](std::size_t l) {
    if (round.silent[l] != 0) {
      round.estimate[l].zero_();
      round.report.largest[l] = 0;
    }
    if (round.weights[l] == 1.0) return;
    round.estimate[l].mul_(round.weights[l]);
    round.report.largest[l] *= std::abs(round.weights[l]);
    if (round.clean.defined()) slice(round.clean, l).mul_(round.weights[l]);
  });
}

/// What the feedback keeps of every message; a silent tensor keeps its whole message.
void Aggregator::Impl::update_memories(Round& round) {
  for_each_tensor([&](std::size_t l) {
    if (round.silent[l] != 0) return;
    if (round.diagnosed && is_compressed(tensors_[l]) && !parts_.feedback->traits().residual)
      round.residuals[l] = own_residual(round, l);
    if (tensors_[l].memory.defined()) update_memory(round, l);
  });
}

void Aggregator::Impl::conclude(Round& round) {
  if (round.diagnosed) diagnose(round, round.scale);
  if (round.scale != 1.0) {
    for (std::size_t l = 0; l < tensors_.size(); ++l) {
      round.estimate[l].div_(round.scale);
      round.report.largest[l] /= round.scale;
    }
  }
  count_energy(round, round.budget);
  for (std::size_t l = 0; l < tensors_.size(); ++l) {  // nothing can fail any more
    if (!round.shared[l].empty()) tensors_[l].shared = std::move(round.shared[l]);
    if (round.held[l].defined()) tensors_[l].held = std::move(round.held[l]);
    for (std::size_t pass = 0; pass < round.squares[l].size(); ++pass) {
      auto& squares = round.squares[l][pass];
      if (squares.defined()) tensors_[l].squares[pass] = std::move(squares);
    }
  }
}

}  // namespace laser
