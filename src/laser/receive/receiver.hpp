// The receiver: what the server does to what it heard before, or after, the compressor reads it.
//
// An unbiased receiver does nothing. A biased one trades a smaller step in every round for less noise, by a
// factor on every received group or by one weight on a tensor's estimate. Only the last pass is scaled: those
// before it bring a space, of which a factor of 0 would leave nothing (spec 1.4).
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <span>
#include <vector>

#include "laser/compress/compressor.hpp"
#include "laser/core/part.hpp"

namespace laser {

/// What holds for a receiver; the round and the laws read these, never names.
struct ReceiverTraits {
  bool scales = false;  // scale() changes what was received
  bool weighs = false;  // weight() is not always 1
  bool exact = false;   // scale() is shown what a channel without noise would have brought
  bool threads = true;  // may be asked for several tensors at once
};

/// A kind of receiver. Stateless.
class Receiver {
 public:
  virtual ~Receiver() = default;
  /// What holds for it.
  [[nodiscard]] virtual ReceiverTraits traits() const { return {}; }
  /// Changes the numbers of a received block, [C, D], in place. `exact` [C, D] is the mean of the workers'
  /// symbols, undefined where the traits do not ask for it.
  virtual void scale(Reception& /*heard*/, const at::Tensor& /*exact*/) const {}
  /// The weight of a tensor's estimate, from what server and workers know: the received blocks, the norms
  /// [k, groups] of the workers' symbols, and who was heard, [k].
  [[nodiscard]] virtual double weight(std::span<const Reception> /*blocks*/,
                                      std::span<const double> /*norms*/,
                                      std::span<const char> /*active*/) const {
    return 1;
  }
};

/// What receivers can be told; each uses some.
struct ReceiverOptions {
  double exponent = 1;  // matched: a of the weight (1 + lambda)^-a
};

/// A row of the receivers' table.
struct ReceiverEntry : PartRow {
  std::unique_ptr<Receiver> (*make)(const ReceiverOptions&);
};

/// All receivers.
const std::vector<ReceiverEntry>& receivers();

/// The receiver of that name. Throws Error (configuration) with the known names.
std::unique_ptr<Receiver> make_receiver(const std::string& name, const ReceiverOptions& options = {});

/// MMSE receive scaling (spec 1.4): every group c of `values` [C, D] is multiplied, in place, by w = S
/// / (S + D sigma^2) with S = ||reference_c||^2 of the exact mean (`genie`), or by the plug-in max(0, 1
/// - D sigma^2 / ||reference_c||^2) of the decoded block itself. Smaller error, but biased: w < 1 acts
/// as a step-size factor.
void apply_mmse(at::Tensor& values, const at::Tensor& reference, const std::vector<double>& noise_std,
                bool genie);

/// Energy of the noise in what was received: sum_c D_c sigma_c^2 over all groups.
double noise_energy(std::span<const Reception> blocks);

/// The matched weight w = (1 + lambda)^-exponent of a block: lambda = sum_c D_c sigma_c^2 / mean_i sum_c
/// N_ic^2 over the active workers, the noise against the energy of one worker's message (docs/beyond.md). It
/// uses only `norms` [k, groups] that the server knows anyway; 1 where nothing was sent.
double matched_weight(std::span<const Reception> blocks, std::span<const double> norms,
                      std::span<const char> active, double exponent = 1);

}  // namespace laser
