// A compressor: what a worker sends instead of its gradient, and what the server makes of what it hears.
//
// It is a short conversation of one or two passes about one tensor: encode -> symbols of every local worker;
// decode <- what was received. It is stateless: what lasts (warm-start factors) is handed in and handed back
// as named tensors, so that checkpoints need no knowledge of any variant. Error memories belong to the round
// (aggregate/), power and noise to others; a compressor never sees them. All K local workers are one batch.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "laser/compress/compressor_options.hpp"
#include "laser/core/factors.hpp"
#include "laser/core/layout.hpp"
#include "laser/core/part.hpp"
#include "laser/core/random.hpp"

namespace laser {

/// What the local workers send about one tensor in one pass.
struct Message {
  /// How a worker's energy for the tensor is divided over the groups of all blocks.
  enum class Split {
    // In proportion to the group norms; a single group gets all.
    kByNorm,
    // blocks[0] = P^T [K, r, m], blocks[1] = Q^T [K, r, n]: Lemma 8 over ranks, and Lemma 7 inside of each.
    kFactorPair,
    // Likewise, with the energies over ranks that minimise the noise (`opt` of spec 3.4).
    kFactorPairOptimal,
  };
  /// Each [K, C, D]: C groups of D contiguous symbols, each group with its own scale.
  std::vector<at::Tensor> blocks;
  Split split = Split::kByNorm;
  /// [K] norm of what the symbols stand for; empty: the norm of the symbols.
  std::vector<double> content_norm = {};
  /// [K] of a single block of one group, where they are known; empty: to be computed.
  std::vector<double> norms = {};
  /// [K] bits that the symbols take, where they are few values already (at most exchange.bits). Empty: they
  /// are any numbers, and a digital link quantises them.
  std::vector<double> bits = {};
};

/// A block as decoded by the receiver.
struct Reception {
  at::Tensor values;              // [C, D]
  std::vector<double> noise_std;  // [C] sigma_b per symbol
};

/// One tensor's conversation in one round.
struct Exchange {
  const Layer* layer = nullptr;
  std::uint32_t index = 0;  // of the layer
  std::uint64_t seed = 0;
  std::int64_t round = 0;
  at::ScalarType type = at::kDouble;        // of all numbers but those of a memory, which may be narrower
  at::Tensor message;                       // [K, m, n]: M_i, what each local worker wants to get across
  const NamedTensors* shared = nullptr;     // state that all workers and the server have in common
  const NamedTensors* constants = nullptr;  // derived from seed and shape, never saved
  Factors products;                         // of the message, as asked for by projection()
  std::vector<double> norms;                // [K] ||M_i||, where whoever formed the message knows them
  // [K] that each worker may send in this pass over a digital link, a scale being paid; empty: no limit
  std::vector<double> bits;
  NamedTensors scratch;  // lives for this round
  at::Tensor out;        // [m, n] contiguous, where decode may write its estimate; undefined: nowhere
  /// The stream for `purpose` at this round and tensor.
  [[nodiscard]] StreamKey key(Purpose purpose, std::uint32_t unit = 0) const {
    return {seed, purpose, static_cast<std::uint32_t>(round), index, unit};
  }
};

/// What the server makes of a pass.
struct Decoded {
  at::Tensor estimate;  // [m, n]; undefined before the last pass, and where `factors` hold it
  Factors factors;      // the estimate as a product: whoever needs the numbers multiplies into their place
  NamedTensors shared;  // the shared state from here on

  /// Whether there is an estimate yet.
  [[nodiscard]] bool complete() const { return estimate.defined() || factors.defined(); }
  /// Writes the estimate to `out` [m, n], contiguous.
  void write(at::Tensor out) const;
};

/// What holds for a compressor; contract tests read these, never names.
struct Traits {
  bool linear = false;  // the decoded mean is a linear function of the workers' messages, given shared state
  bool splits = true;   // own reconstruction + residual = message
  bool exact = false;   // without noise the estimate is the mean of the messages
  bool factored = false;  // a worker's own reconstruction is a product of factors (own_factors)
  bool scales = true;     // the estimate grows and shrinks with what is received (signs do not)
  bool absolute = false;  // it has a unit of its own (a pilot): gradients in other units are another problem
  bool threads = true;    // may be asked about several tensors at once
  // What it draws itself: anew for every round; and apart for every tensor, constants and first states too.
  bool draws_rounds = false, draws_tensors = false;
};

/// What workers send about a tensor in place of its gradient (spec 2.4, 4). One of one's own implements
/// traits, encode, decode and, with an error memory, own_factors or subtract_own.
class Compressor {
 public:
  virtual ~Compressor() = default;
  /// What holds for it; {} claims no more than that what arrives and what is kept add up.
  [[nodiscard]] virtual Traits traits() const = 0;
  /// Whether the tensor is compressed; if not it is sent as it is, in the last pass, without error memory.
  [[nodiscard]] virtual bool applies(const Layer&) const { return true; }
  /// Rounds until every number of the tensor has been sent once; 1 where a round sends something of all.
  [[nodiscard]] virtual std::int64_t cycle(const Layer&) const { return 1; }
  /// Symbols that a worker sends about a tensor that is compressed, a round on average.
  [[nodiscard]] virtual double symbols(const Layer& layer) const { return static_cast<double>(layer.size); }
  /// Rounds that a message without structure waits until all of it has been sent, where what a round leaves
  /// over is kept; 1 where a round sends it (spec 5.3).
  [[nodiscard]] virtual double lag(const Layer&) const { return 1; }
  /// Throws Error (configuration) if its options make no sense for these tensors.
  virtual void check(const Layout&) const {}
  /// Share of the round's budget of each pass; adds up to 1. Only the last pass carries the estimate; what
  /// those before it bring counts by the space that it spans, and no receiver scales it.
  [[nodiscard]] virtual std::vector<double> pass_shares() const { return {1.0}; }
  /// Shared state before the first round.
  [[nodiscard]] virtual NamedTensors initial_state(const Layer&, std::uint32_t /*index*/,
                                                   std::uint64_t /*seed*/, at::ScalarType) const {
    return {};
  }
  /// Tensors that follow from seed and shape alone (projection matrices).
  [[nodiscard]] virtual NamedTensors constants(const Layer&, std::uint32_t /*index*/, std::uint64_t /*seed*/,
                                               at::ScalarType) const {
    return {};
  }
  /// Which products of the message the first encode wants in exchange.products. Whoever forms the message
  /// computes them on the way. May fill exchange.scratch; the message's numbers are not there yet.
  virtual Projection projection(Exchange& /*exchange*/) const { return {}; }
  /// Symbols of every local worker for this pass. May use exchange.scratch.
  virtual Message encode(Exchange& exchange, int pass) const = 0;
  /// The server's view of this pass; `received` holds one Reception a block.
  virtual Decoded decode(Exchange& exchange, int pass, std::span<const Reception> received) const = 0;
  /// Each worker's own noiseless reconstruction of its message as a product of factors, for compressors that
  /// have one. After the last pass.
  virtual Factors own_factors(const Exchange& /*exchange*/) const { return {}; }
  /// memory [K, m, n] -= each worker's own noiseless reconstruction; not asked of those with own factors.
  virtual void subtract_own(const Exchange& exchange, at::Tensor& memory) const;
};

/// A row of the compressors' table.
struct CompressorEntry : PartRow {
  std::unique_ptr<Compressor> (*make)(const CompressorOptions&);
};

/// exchange.products for a message that is there already: what a round does on the way.
void form_products(const Compressor& compressor, Exchange& exchange);

/// memory [K, m, n] -= left^T right, each factor ([r, m], [r, n]) common to all workers or one a worker, [K,
/// r, ...].
void subtract_product(at::Tensor& memory, const Factors& factors);

/// All compressors.
const std::vector<CompressorEntry>& compressors();

/// Orders in which factors are sent, for compressors that read the setting `transport`.
const std::vector<CompressorEntry>& transports();

/// Whether the compressor of these options, or its transport, reads the setting: only then is it a part of
/// what a run is called by.
bool uses_setting(const CompressorOptions& options, const std::string& setting);

/// The compressor that `options.name` names. Throws Error (configuration) for a name or value that
/// docs/reference.md does not allow, with the text of the command.
std::unique_ptr<Compressor> make_compressor(const CompressorOptions& options);

}  // namespace laser
