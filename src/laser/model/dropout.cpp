#include "laser/model/dropout.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <mutex>

#include "laser/core/fail.hpp"
#include "laser/core/parallel.hpp"
#include "laser/kernels/sampling.hpp"
#include "laser/model/recorded.hpp"

namespace laser {
namespace {

constexpr std::int64_t kWords = 4096;         // drawn at a time
constexpr std::int64_t kPiece = 16 * kWords;  // of one thread

/// Calls `write(place, word)` for all places below `size` with the words of the stream.
template <class Write>
void for_each_word(std::int64_t size, const StreamKey& key, const Write& write) {
  const auto pieces = static_cast<std::size_t>((size + kPiece - 1) / kPiece);
  for_each_piece(
      pieces,
      [&](std::size_t piece) {
        std::array<std::uint32_t, kWords> words;
        const auto end = std::min(size, (static_cast<std::int64_t>(piece) + 1) * kPiece);
        for (auto first = static_cast<std::int64_t>(piece) * kPiece; first < end; first += kWords) {
          const auto count = static_cast<std::size_t>(std::min(kWords, end - first));
          fill_words({words.data(), count}, key, static_cast<std::uint64_t>(first));
          for (std::size_t i = 0; i < count; ++i) write(first + static_cast<std::int64_t>(i), words[i]);
        }
      },
      pieces > 1);
}

/// A word below this drops its element.
std::uint32_t threshold(double rate) {
  LASER_CHECK(rate >= 0 && rate < 1);
  return static_cast<std::uint32_t>(std::min(std::ldexp(rate, 32), 0x1p32 - 1));
}

at::Tensor masked(const at::Tensor& x, double rate, const StreamKey& key) {
  auto factors = at::empty(x.sizes(), at::kFloat);
  float* out = factors.data_ptr<float>();
  const auto kept = static_cast<float>(1 / (1 - rate));
  for_each_word(factors.numel(), key,
                [out, kept, limit = threshold(rate)](std::int64_t i, std::uint32_t word) {
                  out[i] = word < limit ? 0 : kept;
                });
  return at::mul(x, factors).to(x.scalar_type());
}

/// Makes LibTorch's generator of a device a function of the address: what it draws next.
void seed_generator(const at::Tensor& x, const StreamKey& key) {
  const auto words = random_block(key, 0);
  auto generator = at::globalContext().defaultGenerator(x.device());
  const std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_current_seed(std::uint64_t{words[0]} << 32 | words[1]);
}

}  // namespace

at::Tensor dropout(const at::Tensor& x, double rate, const StreamKey& key) {
  if (rate == 0) return x;
  if (!x.is_cpu()) {
    seed_generator(x, key);
    return at::dropout(x, rate, true);
  }
  at::Tensor value;
  {
    const at::NoGradGuard no_grad;
    value = masked(x.detach(), rate, key);
  }
  return recorded(value, x, [rate, key](const at::Tensor& gradient) { return masked(gradient, rate, key); });
}

at::Tensor causal_attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                            double rate, const StreamKey& stream) {
  if (rate > 0 && query.is_cpu()) {
    // LibTorch's fused attention has no dropout on the CPU.
    const auto scale = 1 / std::sqrt(static_cast<double>(query.size(3)));
    const auto ahead = at::ones({query.size(2), key.size(2)}, at::kBool).triu_(1);
    const auto scores = at::matmul(at::mul(query, scale), key.transpose(2, 3)).masked_fill_(ahead, -INFINITY);
    return at::matmul(dropout(scores.softmax(3), rate, stream), value);
  }
  if (rate > 0) seed_generator(query, stream);
  return at::scaled_dot_product_attention(query, key, value, {}, rate, true);
}

}  // namespace laser
