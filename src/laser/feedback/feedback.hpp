// Error feedback: what a worker keeps of a round for the next one.
//
// A worker wants to get M_i = e_i + s g_i across; after the round e_i holds what it keeps. A
// feedback says what is taken from M_i. It owns nothing: the memories belong to the round, which
// hands one tensor's to `update`.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "laser/compress/compressor.hpp"
#include "laser/core/part.hpp"

namespace laser {

/// What holds for a feedback; the round and the laws read these, never names.
struct FeedbackTraits {
  bool remembers = true;    // workers keep something
  bool everywhere = false;  // also of tensors that are sent as they are; without it, of compressed ones only
  bool residual = false;    // of a worker that was heard exactly M - own reconstruction is kept
  bool holds = false;       // server and workers hold the estimate, of which a round replaces what it sends
  bool predicts = false;    // workers send what prediction() of it does not say: it is not always 0
  bool weighs = false;      // what a receiver's weight left out is kept: the weight must be known to workers
  bool threads = true;      // may be asked for several tensors at once
};

/// The memory of one tensor at the end of a round in which something arrived: M_i of the K local workers, of
/// which parts are taken. Those of workers that were not heard keep all of it.
class MemoryUpdate {
 public:
  /// `memory` [K, m, n] holds the messages; `pending` receives factors whose product is subtracted later on
  /// the way of another pass. `estimate` [m, n] is the server's, weighted and in units of the messages.
  MemoryUpdate(const Compressor& compressor, const Exchange& exchange, at::Tensor& memory, Factors& pending,
               at::Tensor estimate, double weight, std::vector<char> heard)
      : compressor_(compressor),
        exchange_(exchange),
        memory_(memory),
        pending_(pending),
        estimate_(std::move(estimate)),
        weight_(weight),
        heard_(std::move(heard)) {}

  /// Takes `share` times what each worker that was heard would have got across by itself without noise.
  void subtract_own(double share = 1);
  /// Takes the server's estimate, at each worker that was heard.
  void subtract_estimate();

  /// What the receiver multiplied the estimate with; 1 where it has no weight.
  [[nodiscard]] double weight() const { return weight_; }
  /// The server's estimate [m, n].
  [[nodiscard]] const at::Tensor& estimate() const { return estimate_; }
  /// [K] whether the message of each local worker arrived.
  [[nodiscard]] const std::vector<char>& heard() const { return heard_; }
  /// Multiplies what is left by `factor`, at each worker that was heard; costs a pass over memory.
  void scale(double factor);
  /// M_i without what has been taken so far, [K, m, n], to be changed in place at the workers that were
  /// heard; costs a pass over memory.
  at::Tensor& numbers();
  /// What each worker would have got across by itself without noise, [K, m, n]: to be asked before anything
  /// is taken of the messages; costs a copy.
  [[nodiscard]] at::Tensor own() const;

 private:
  [[nodiscard]] bool all_heard() const;
  [[nodiscard]] at::Tensor shares(double share) const;  // [K, 1, 1] double, 0 where a worker was not heard

  const Compressor& compressor_;
  const Exchange& exchange_;
  at::Tensor& memory_;
  Factors& pending_;
  at::Tensor estimate_;
  double weight_;
  std::vector<char> heard_;
};

/// A tensor's symbols about to be sent, beside those of the estimate that all hold.
struct HeldSymbols {
  std::span<const double> products;  // [k] <c_i, h> of every worker's symbols c_i with the held ones h
  double energy = 0;                 // |h|^2, above 0
  std::span<const char> active;      // [k] who sends
};

/// A kind of error feedback. Stateless.
class Feedback {
 public:
  virtual ~Feedback() = default;
  /// What holds for it.
  [[nodiscard]] virtual FeedbackTraits traits() const { return {}; }
  /// Makes e_i of M_i; not asked where nothing arrived, nor where workers remember nothing.
  virtual void update(MemoryUpdate& memory) const = 0;
  /// rho: workers send c_i - rho h, and the server adds rho h to what it hears. A function of numbers that
  /// all know; asked where the traits say so and something is held.
  [[nodiscard]] virtual double prediction(const HeldSymbols& /*symbols*/) const { return 0; }
};

/// What feedbacks can be told; each uses some.
struct FeedbackOptions {
  std::string prediction = "0";  // hold: rho, a number from 0 to 1 or `matched`
  double strength = 0.9;         // fitted: c, the share of what is left that is kept
};

/// A row of the feedbacks' table.
struct FeedbackEntry : PartRow {
  std::unique_ptr<Feedback> (*make)(const FeedbackOptions&);
};

/// All kinds of feedback.
const std::vector<FeedbackEntry>& feedbacks();

/// The feedback of that name. Throws Error (configuration) with the known names, and for a
/// prediction that is none.
std::unique_ptr<Feedback> make_feedback(const std::string& name, const FeedbackOptions& options = {});

}  // namespace laser
