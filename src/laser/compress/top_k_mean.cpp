// D-DSGD (spec 4.2) [Amiri and Gunduz, arXiv 1901.00844, section III]: a worker sends where its q largest or
// its q smallest entries are, and their mean, for the largest q that its bits allow. Each worker has places
// of its own: over the air the symbols of different workers would not add up, so that this is made for a
// digital link; elsewhere it sends a whole tensor of two values.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "laser/compress/elementwise.hpp"
#include "laser/core/tensor_span.hpp"

namespace laser {

double bits_of_places(std::int64_t size, std::int64_t count) {
  const auto n = static_cast<double>(size), q = static_cast<double>(count);
  return (std::lgamma(n + 1) - std::lgamma(q + 1) - std::lgamma(n - q + 1)) / std::numbers::ln2;
}

std::int64_t places_within(std::int64_t size, double bits) {
  std::int64_t fits = 0,
               beyond = std::max<std::int64_t>(1, size / 2) + 1;  // log2(size choose q) rises so far
  while (beyond - fits > 1) {
    const auto middle = fits + (beyond - fits) / 2;
    (1 + bits_of_places(size, middle) <= bits ? fits : beyond) = middle;
  }
  return fits;
}

namespace {

/// The places of the `count` largest positive entries of `values`, and their mean.
template <class T>
struct Peak {
  std::vector<std::int32_t> places;
  double mean = 0;

  Peak(std::span<const T> values, double sign, std::int64_t count) {
    std::vector<T> part(values.size());
    for (std::size_t j = 0; j < part.size(); ++j) part[j] = std::max(static_cast<T>(sign) * values[j], T(0));
    for (const auto at : largest_entries<T>(std::span<const T>(part), count)) {
      if (!(part[static_cast<std::size_t>(at)] > 0)) continue;
      places.push_back(at);
      mean += static_cast<double>(part[static_cast<std::size_t>(at)]);
    }
    if (!places.empty()) mean /= static_cast<double>(places.size());
  }
};

class TopKMean final : public Compressor {
 public:
  [[nodiscard]] Traits traits() const override { return {.linear = false, .splits = true, .exact = false}; }

  Message encode(Exchange& exchange, int) const override {
    const auto size = exchange.layer->size;
    const auto symbols = flat_symbols(exchange.message).contiguous();
    auto sent = at::zeros_like(symbols);
    Message message{{sent}, Message::Split::kByNorm};
    with_span(symbols, [&](auto from) {
      using T = element_of<decltype(from)>;
      auto* to = sent.data_ptr<T>();
      for (std::int64_t i = 0; i < symbols.size(0); ++i) {
        const bool limited = !exchange.bits.empty();
        const double bits = limited ? exchange.bits[static_cast<std::size_t>(i)] : HUGE_VAL;
        const auto count = places_within(size, bits);
        if (limited) message.bits.push_back(count > 0 ? 1 + bits_of_places(size, count) : 0.0);
        if (count == 0) continue;
        const auto own = std::span<const T>(from).subspan(static_cast<std::size_t>(i * size),
                                                          static_cast<std::size_t>(size));
        const Peak<T> high(own, 1, count), low(own, -1, count);
        const bool up = high.mean >= low.mean;
        for (const auto at : (up ? high : low).places)
          to[i * size + at] = static_cast<T>(up ? high.mean : -low.mean);
      }
    });
    exchange.scratch["sent"] = sent;
    return message;
  }

  Decoded decode(Exchange& exchange, int, std::span<const Reception> received) const override {
    return {in_layer_shape(received[0].values, *exchange.layer), {}, *exchange.shared};
  }

  void subtract_own(const Exchange& exchange, at::Tensor& memory) const override {
    memory.sub_(exchange.scratch.at("sent").view(memory.sizes()));
  }
};

}  // namespace

std::unique_ptr<Compressor> make_top_k_mean(const CompressorOptions&) { return std::make_unique<TopKMean>(); }

}  // namespace laser
