#include "laser/receive/receiver.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "laser/compress/sums.hpp"
#include "laser/core/fail.hpp"

namespace laser {
namespace {

/// Nothing is scaled.
class Unbiased final : public Receiver {};

/// Every group by its estimated share of signal; a genie is told the share.
class Mmse final : public Receiver {
 public:
  explicit Mmse(bool genie) : genie_(genie) {}
  [[nodiscard]] ReceiverTraits traits() const override { return {.scales = true, .exact = genie_}; }
  void scale(Reception& heard, const at::Tensor& exact) const override {
    apply_mmse(heard.values, genie_ ? exact : heard.values, heard.noise_std, genie_);
  }

 private:
  bool genie_;
};

/// One weight a tensor, from norms that workers know as well.
class Matched final : public Receiver {
 public:
  explicit Matched(double exponent) : exponent_(exponent) {}
  [[nodiscard]] ReceiverTraits traits() const override { return {.weighs = true}; }
  [[nodiscard]] double weight(std::span<const Reception> blocks, std::span<const double> norms,
                              std::span<const char> active) const override {
    return matched_weight(blocks, norms, active, exponent_);
  }

 private:
  double exponent_;
};

}  // namespace

const std::vector<ReceiverEntry>& receivers() {
  static const std::vector<ReceiverEntry> table{
      {{"unbiased", "what was heard, as it is", "LASER, Algorithm 1; spec 1.2"},
       [](const ReceiverOptions&) -> std::unique_ptr<Receiver> { return std::make_unique<Unbiased>(); }},
      {{"mmse",
        "every group by its share of signal, estimated from what was heard: less noise, smaller steps",
        "spec 1.4"},
       [](const ReceiverOptions&) -> std::unique_ptr<Receiver> { return std::make_unique<Mmse>(false); }},
      {{"mmse_genie", "every group by its true share of signal, which no server knows: a bound for mmse",
        "spec 1.4"},
       [](const ReceiverOptions&) -> std::unique_ptr<Receiver> { return std::make_unique<Mmse>(true); }},
      {{"matched",
        "a tensor's estimate by (1 + noise / signal)^-a, from norms that are known",
        "docs/beyond.md",
        {"receiver_exponent"}},
       [](const ReceiverOptions& o) -> std::unique_ptr<Receiver> {
         if (!(o.exponent >= 0 && o.exponent <= 1)) {
           fail(ExitCode::kConfiguration,
                "receiver_exponent = {} is out of range. HINT: from 0, which changes nothing, to 1",
                o.exponent);
         }
         return std::make_unique<Matched>(o.exponent);
       }},
  };
  return table;
}

std::unique_ptr<Receiver> make_receiver(const std::string& name, const ReceiverOptions& options) {
  return find_row(receivers(), "receiver", name).make(options);
}

void apply_mmse(at::Tensor& values, const at::Tensor& reference, const std::vector<double>& noise_std,
                bool genie) {
  if (values.dim() != 2 || reference.sizes() != values.sizes() || std::ssize(noise_std) != values.size(0)) {
    fail(ExitCode::kConfiguration,
         "MMSE scaling got values of {} dimensions and {} deviations. HINT: [C, D], a reference of the same "
         "shape, and one deviation a group",
         values.dim(), noise_std.size());
  }
  const auto length = static_cast<double>(values.size(1));
  for (std::int64_t c = 0; c < values.size(0); ++c) {
    const double sigma = noise_std[static_cast<std::size_t>(c)];
    const double noise = length * sigma * sigma;
    if (noise == 0) continue;
    const auto row = reference[c];
    const double signal = inner_product(row, row);
    const double weight = genie        ? signal / (signal + noise)
                          : signal > 0 ? std::max(0.0, 1 - noise / signal)
                                       : 0.0;
    values[c].mul_(weight);
  }
}

double noise_energy(std::span<const Reception> blocks) {
  double noise = 0;
  for (const auto& block : blocks) {
    for (const double sigma : block.noise_std)
      noise += static_cast<double>(block.values.size(1)) * sigma * sigma;
  }
  return noise;
}

double matched_weight(std::span<const Reception> blocks, std::span<const double> norms,
                      std::span<const char> active, double exponent) {
  if (active.empty() || norms.size() % active.size() != 0) {
    fail(ExitCode::kConfiguration, "the matched weight got {} norms for {} workers. HINT: [k, groups]",
         norms.size(), active.size());
  }
  const double noise = noise_energy(blocks);
  double signal = 0, count = 0;
  const std::size_t groups = norms.size() / active.size();
  for (std::size_t i = 0; i < active.size(); ++i) {
    if (active[i] == 0) continue;
    count += 1;
    for (const double norm : norms.subspan(i * groups, groups)) signal += norm * norm;
  }
  return signal > 0 ? std::pow(1 + noise * count / signal, -exponent) : 1.0;
}

}  // namespace laser
