#include "laser/bench/plain_torch.hpp"

#include <ATen/ATen.h>

#include <vector>

namespace laser::bench {
namespace {

constexpr double kNoise = 0.01;
constexpr double kCompressionFactor = 0.2;

/// What all of them have: the tensors of each worker, a memory as large, and the estimate.
struct Plain {
  std::vector<std::vector<at::Tensor>> gradients;  // [K][L] [m, n]
  std::vector<std::vector<at::Tensor>> memories;
  std::vector<at::Tensor> estimate;  // [L]
  std::vector<bool> factored;        // [L]
  at::Tensor kept_memory, kept_estimate;
  std::int64_t round = 0;

  Plain(const GradientSet& set, bool with_memory, std::int64_t rank) {
    const auto split = [&](const at::Tensor& flat) {
      std::vector<at::Tensor> parts;
      for (const auto& layer : set.layout.layers) {
        parts.push_back(flat.narrow(0, layer.offset, layer.size).view({layer.rows, layer.columns}));
      }
      return parts;
    };
    kept_estimate = at::empty({set.layout.size}, at::kFloat);
    estimate = split(kept_estimate);
    if (with_memory) kept_memory = at::zeros_like(set.bank);
    for (std::int64_t i = 0; i < set.workers; ++i) {
      gradients.push_back(split(set.bank[i]));
      if (with_memory) memories.push_back(split(kept_memory[i]));
    }
    for (const auto& layer : set.layout.layers) factored.push_back(compression_saves(layer, rank));
  }

  /// Mean over the workers of what is sent, and the norms that the powers are computed from.
  at::Tensor over_the_air(const std::vector<at::Tensor>& sent) {
    auto sum = at::zeros_like(sent[0]);
    double norms = 0;
    for (const auto& symbols : sent) {
      norms += symbols.norm().item<double>();
      sum.add_(symbols);
    }
    last_norms = norms;
    return sum.div_(static_cast<double>(sent.size())).add_(at::randn_like(sum), kNoise);
  }
  double last_norms = 0;

  void raw(std::size_t l) {
    std::vector<at::Tensor> sent;
    for (const auto& gradient : gradients) sent.push_back(gradient[l]);
    estimate[l].copy_(over_the_air(sent));
  }
};

at::Tensor orthonormal(const at::Tensor& factor) { return std::get<0>(at::linalg_qr(factor)); }

struct Laser : Plain {
  std::vector<at::Tensor> left, right;  // [m, r], [n, r]
  std::string transport;

  Laser(const GradientSet& set, std::int64_t rank, std::string order)
      : Plain(set, true, rank), transport(std::move(order)) {
    for (const auto& layer : set.layout.layers) {
      left.push_back(at::randn({layer.rows, effective_rank(layer, rank)}));
      right.push_back(at::randn({layer.columns, effective_rank(layer, rank)}));
    }
  }

  void compressed(std::size_t l) {
    std::vector<at::Tensor> messages, lefts, rights;
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      messages.push_back(memories[i][l].add_(gradients[i][l]));
    }
    if (transport == "alternating" && round % 2 == 0) {
      left[l] = orthonormal(left[l]);
      for (const auto& message : messages) rights.push_back(message.t().mm(left[l]));
      right[l] = over_the_air(rights);
      for (std::size_t i = 0; i < messages.size(); ++i) messages[i].sub_(left[l].mm(rights[i].t()));
    } else if (transport == "alternating") {
      right[l] = orthonormal(right[l]);
      for (const auto& message : messages) lefts.push_back(message.mm(right[l]));
      left[l] = over_the_air(lefts);
      for (std::size_t i = 0; i < messages.size(); ++i) messages[i].sub_(lefts[i].mm(right[l].t()));
    } else {
      const bool shared = transport == "two_phase";  // one basis for all workers
      if (shared) {
        for (const auto& message : messages) lefts.push_back(message.mm(right[l]));
        lefts.assign(messages.size(), orthonormal(over_the_air(lefts)));
      } else {
        const auto basis = orthonormal(right[l]);
        for (const auto& message : messages) lefts.push_back(orthonormal(message.mm(basis)));
      }
      for (std::size_t i = 0; i < messages.size(); ++i) rights.push_back(messages[i].t().mm(lefts[i]));
      right[l] = over_the_air(rights);
      left[l] = shared ? lefts[0] : over_the_air(lefts);
      for (std::size_t i = 0; i < messages.size(); ++i) messages[i].sub_(lefts[i].mm(rights[i].t()));
    }
    at::mm_out(estimate[l], left[l], right[l].t());
  }

  void run() {
    for (std::size_t l = 0; l < estimate.size(); ++l) factored[l] ? compressed(l) : raw(l);
    ++round;
  }
};

struct Zsgd : Plain {
  explicit Zsgd(const GradientSet& set) : Plain(set, false, 1) {}
  void run() {
    for (std::size_t l = 0; l < estimate.size(); ++l) raw(l);
  }
};

struct Signum : Plain {
  explicit Signum(const GradientSet& set) : Plain(set, false, 1) {}
  void run() {
    for (std::size_t l = 0; l < estimate.size(); ++l) {
      std::vector<at::Tensor> sent;
      for (const auto& gradient : gradients) sent.push_back(gradient[l].sign());
      estimate[l].copy_(over_the_air(sent).sign());
    }
  }
};

struct RandomK : Plain {
  explicit RandomK(const GradientSet& set) : Plain(set, true, 1) {}
  void run() {
    for (std::size_t l = 0; l < estimate.size(); ++l) {
      const auto size = estimate[l].numel();
      const auto indices = at::randperm(size).narrow(0, 0, kept_coordinates(size, kCompressionFactor));
      std::vector<at::Tensor> sent;
      for (std::size_t i = 0; i < gradients.size(); ++i) {
        const auto message = memories[i][l].add_(gradients[i][l]).view({-1});
        sent.push_back(message.index_select(0, indices));
        message.index_fill_(0, indices, 0);
      }
      estimate[l].zero_().view({-1}).index_copy_(0, indices, over_the_air(sent));
    }
  }
};

struct Sketch : Plain {
  explicit Sketch(const GradientSet& set) : Plain(set, false, 1) {}
  void run() {
    for (std::size_t l = 0; l < estimate.size(); ++l) {
      const auto size = estimate[l].numel(), count = kept_coordinates(size, kCompressionFactor);
      const auto buckets = at::randint(count, {size}, at::kLong);
      const auto signs = at::randint(2, {size}, at::kFloat).mul_(2).sub_(1);
      std::vector<at::Tensor> sent;
      for (const auto& gradient : gradients) {
        sent.push_back(at::zeros({count}).index_add_(0, buckets, gradient[l].view({-1}) * signs));
      }
      estimate[l].view({-1}).copy_(over_the_air(sent).index_select(0, buckets).mul_(signs));
    }
  }
};

template <class Method>
std::function<void()> round_of(std::shared_ptr<Method> method) {
  return [method = std::move(method)] { method->run(); };
}

}  // namespace

std::function<void()> plain_torch_round(const std::string& method, const std::string& transport,
                                        const GradientSet& set, std::int64_t rank) {
  if (method == "laser") return round_of(std::make_shared<Laser>(set, rank, transport));
  if (method == "zsgd") return round_of(std::make_shared<Zsgd>(set));
  if (method == "signum") return round_of(std::make_shared<Signum>(set));
  if (method == "randomk") return round_of(std::make_shared<RandomK>(set));
  if (method == "sketch") return round_of(std::make_shared<Sketch>(set));
  return {};
}

}  // namespace laser::bench
