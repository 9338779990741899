#include "laser/feedback/feedback.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "laser/compress/sums.hpp"
#include "laser/core/fail.hpp"
#include "laser/core/number_or_word.hpp"

namespace laser {
namespace {

/// Workers forget: e_i = 0.
class NoFeedback final : public Feedback {
 public:
  [[nodiscard]] FeedbackTraits traits() const override { return {.remembers = false}; }
  void update(MemoryUpdate&) const override {}
};

/// e_i = M_i - own noiseless reconstruction: the channel's noise never comes back.
class LocalFeedback final : public Feedback {
 public:
  [[nodiscard]] FeedbackTraits traits() const override { return {.residual = true}; }
  void update(MemoryUpdate& memory) const override { memory.subtract_own(); }
};

/// e_i = M_i - estimate: every worker corrects the server's error, its noise included.
class DecodedFeedback final : public Feedback {
 public:
  void update(MemoryUpdate& memory) const override { memory.subtract_estimate(); }
};

/// e_i = M_i - w own reconstruction, w the receiver's weight: what the receiver left out is kept.
class WeightedFeedback final : public Feedback {
 public:
  [[nodiscard]] FeedbackTraits traits() const override { return {.everywhere = true, .weighs = true}; }
  void update(MemoryUpdate& memory) const override { memory.subtract_own(memory.weight()); }
};

/// Workers keep nothing of their own: they hold the server's estimate, and say how it is to change.
class HoldFeedback final : public Feedback {
 public:
  /// rho; nothing: what makes the rest shortest.
  explicit HoldFeedback(std::optional<double> prediction) : prediction_(prediction) {}
  [[nodiscard]] FeedbackTraits traits() const override {
    return {.remembers = false, .holds = true, .predicts = prediction_ != 0.0};
  }
  void update(MemoryUpdate&) const override {}
  /// mean_i <c_i, h> / |h|^2 minimises mean_i |c_i - rho h|^2; between 0 and 1, so that noise fades.
  [[nodiscard]] double prediction(const HeldSymbols& symbols) const override {
    if (prediction_) return *prediction_;
    double sum = 0, count = 0;
    for (std::size_t i = 0; i < symbols.products.size(); ++i) {
      if (symbols.active[i] == 0) continue;
      sum += symbols.products[i];
      count += 1;
    }
    return count > 0 ? std::clamp(sum / count / symbols.energy, 0.0, 1.0) : 0.0;
  }

 private:
  std::optional<double> prediction_;
};

/// e_i = c (M_i - alpha_i own reconstruction), alpha_i = <M_i, own> / ||own||^2: for reconstructions whose
/// scale is not the message's, as signs.
class FittedFeedback final : public Feedback {
 public:
  explicit FittedFeedback(double strength) : strength_(strength) {}
  void update(MemoryUpdate& memory) const override {
    const auto own = memory.own();
    auto& left = memory.numbers();
    for (std::size_t i = 0; i < memory.heard().size(); ++i) {
      if (memory.heard()[i] == 0) continue;
      const auto message = left[static_cast<std::int64_t>(i)], sent = own[static_cast<std::int64_t>(i)];
      const auto wide = sent.to(at::kDouble);
      const double energy = inner_product(wide, wide);
      const double alpha = energy > 0 ? inner_product(wide, message) / energy : 0.0;
      message.sub_(sent, alpha).mul_(strength_);
    }
  }

 private:
  double strength_;
};

template <class T>
std::unique_ptr<Feedback> make(const FeedbackOptions&) {
  return std::make_unique<T>();
}

}  // namespace

const std::vector<FeedbackEntry>& feedbacks() {
  static const std::vector<FeedbackEntry> table{
      {{"none", "nothing is kept", "spec 2.3"}, make<NoFeedback>},
      {{"local",
        "what the worker's own noiseless reconstruction left of its message is kept",
        "PowerSGD, arXiv 1905.13727; LASER, Algorithm 1; spec 2.3",
        {"memory"}},
       make<LocalFeedback>},
      {{"decoded", "what the server's estimate left of the message is kept, noise included", "spec 2.3"},
       make<DecodedFeedback>},
      {{"weighted", "what the receiver's weight times the own reconstruction left is kept", "docs/beyond.md"},
       make<WeightedFeedback>},
      {{"hold",
        "nothing but the estimate that server and workers share, of which a round replaces what it sends",
        "docs/beyond.md",
        {"prediction"}},
       [](const FeedbackOptions& o) -> std::unique_ptr<Feedback> {
         return std::make_unique<HoldFeedback>(number_or_word("prediction", o.prediction, {"matched"}, 0, 1));
       }},
      {{"fitted",
        "a share of what the best multiple of the own reconstruction left of the message is kept",
        "EFOBDA, arXiv 2303.11319; docs/arena.md",
        {"feedback_strength"}},
       [](const FeedbackOptions& o) -> std::unique_ptr<Feedback> {
         if (!(o.strength > 0 && o.strength <= 1)) {
           fail(ExitCode::kConfiguration, "feedback_strength = {} is no share. HINT: above 0 and at most 1",
                o.strength);
         }
         return std::make_unique<FittedFeedback>(o.strength);
       }},
  };
  return table;
}

std::unique_ptr<Feedback> make_feedback(const std::string& name, const FeedbackOptions& options) {
  return find_row(feedbacks(), "feedback", name).make(options);
}

bool MemoryUpdate::all_heard() const {
  return std::all_of(heard_.begin(), heard_.end(), [](char heard) { return heard != 0; });
}

at::Tensor MemoryUpdate::shares(double share) const {
  auto result = at::empty({static_cast<std::int64_t>(heard_.size()), 1, 1}, at::kDouble);
  for (std::size_t i = 0; i < heard_.size(); ++i) result.data_ptr<double>()[i] = heard_[i] != 0 ? share : 0.0;
  return result;
}

void MemoryUpdate::subtract_own(double share) {
  const bool whole = share == 1.0 && all_heard();
  auto factors = pending_.defined() ? Factors{} : compressor_.own_factors(exchange_);
  if (factors.defined()) {
    if (!whole) {
      auto& own = factors.left.dim() == 3 ? factors.left : factors.right;
      own = own * shares(share).to(own.options());
    }
    pending_ = std::move(factors);
  } else if (whole) {
    compressor_.subtract_own(exchange_, memory_);
  } else {
    auto rest = memory_.clone();
    compressor_.subtract_own(exchange_, rest);
    memory_.lerp_(rest, shares(share).to(rest.options()));
  }
}

void MemoryUpdate::subtract_estimate() {
  if (all_heard()) {
    memory_.sub_(estimate_);
  } else {
    memory_.sub_(estimate_ * shares(1).to(estimate_.options()));
  }
}

void MemoryUpdate::scale(double factor) {
  auto& left = numbers();
  for (std::size_t i = 0; i < heard_.size(); ++i) {
    if (heard_[i] != 0) left[static_cast<std::int64_t>(i)].mul_(factor);
  }
}

at::Tensor& MemoryUpdate::numbers() {
  if (pending_.defined()) subtract_product(memory_, std::exchange(pending_, {}));
  return memory_;
}

at::Tensor MemoryUpdate::own() const {
  if (const auto factors = compressor_.own_factors(exchange_); factors.defined()) {
    auto own = at::zeros(memory_.sizes(), memory_.options());
    subtract_product(own, factors);
    return own.neg_();
  }
  auto rest = memory_.clone();  // not zeros: those that send coordinates clear them
  compressor_.subtract_own(exchange_, rest);
  return memory_ - rest;
}

}  // namespace laser
