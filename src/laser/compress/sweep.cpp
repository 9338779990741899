// Sweep: time division. In a cycle of L rounds the rows of a random rotation of the short side are sent one
// after the other, with the whole power; what was sent is held until its turn comes again (feedback=hold).
//
// It sends as many symbols as one low-rank factor a round has, on average: r (m + n)/2 of a matrix [m, n], in
// whole rows of the long side n, or in equal pieces of one row where that is more. Which rows go out is a
// function of the round alone, so that server and workers agree without a word, and nothing has to last.
#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>

#include "laser/compress/elementwise.hpp"
#include "laser/compress/low_rank.hpp"
#include "laser/kernels/normal.hpp"
#include "laser/kernels/sampling.hpp"

namespace laser {
namespace {

/// Rows that are rotated together: more would cost more and spread no better.
constexpr std::int64_t kRotated = 64;

/// What goes out in a round.
struct Turn {
  std::int64_t rotation = 0;  // which rotation
  std::int64_t first = 0, rows = 0;
  std::int64_t from = 0, length = 0;  // of the long side
};

/// How a matrix is cut.
struct Cut {
  std::int64_t small = 0, large = 0;
  std::int64_t rows = 1, pieces = 1;  // rows a round; rounds that a row takes
  std::int64_t length = 0;            // of a piece

  Cut(const Layer& layer, std::int64_t rank)
      : small(std::min(layer.rows, layer.columns)), large(std::max(layer.rows, layer.columns)) {
    const auto symbols = effective_rank(layer, rank) * (small + large);  // twice those of a round
    rows = std::max<std::int64_t>(1, symbols / (2 * large));
    if (symbols < 2 * large) pieces = (2 * large + symbols - 1) / symbols;
    length = (large + pieces - 1) / pieces;
    pieces = (large + length - 1) / length;
  }
  [[nodiscard]] std::int64_t groups() const { return (small + rows - 1) / rows; }
  [[nodiscard]] std::int64_t cycle() const { return groups() * pieces; }
  [[nodiscard]] Turn turn(std::int64_t round) const {
    const auto place = round % cycle(), group = place / pieces, piece = place % pieces;
    return {round / cycle(), group * rows, std::min(rows, small - group * rows), piece * length,
            std::min(length, large - piece * length)};
  }
};

/// The rows of the turn, [rows, short side]: of a rotation by blocks of at most kRotated
/// rows in random order.
at::Tensor rows_of(const Turn& turn, const Cut& cut, const Exchange& exchange, at::ScalarType type) {
  const auto key = [&](std::uint32_t unit) {
    auto result = exchange.key(Purpose::kIndices, unit);
    result.round = static_cast<std::uint32_t>(turn.rotation);
    return result;
  };
  const auto size = cut.small;
  std::vector<std::uint32_t> words(static_cast<std::size_t>(size));
  fill_words(words, key(0));
  std::vector<std::int64_t> order(words.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, {}, [&](std::int64_t i) { return words[static_cast<std::size_t>(i)]; });
  const auto blocks = (size + kRotated - 1) / kRotated, height = (size + blocks - 1) / blocks;
  auto basis = at::zeros({turn.rows, size}, at::TensorOptions().dtype(type));
  for (auto block = turn.first / height; block * height < turn.first + turn.rows; ++block) {
    const auto begin = block * height, count = std::min(height, size - begin);
    auto rotation = at::empty({count, count}, at::kDouble);
    const auto stream = key(1 + 2 * static_cast<std::uint32_t>(block));
    fill_normal(std::span(rotation.data_ptr<double>(), static_cast<std::size_t>(rotation.numel())), stream);
    rotation = orthonormal_rows(rotation, key(2 + 2 * static_cast<std::uint32_t>(block))).to(type);
    const auto places =
        at::tensor(at::ArrayRef<std::int64_t>(order.data() + begin, static_cast<std::size_t>(count)));
    const auto first = std::max(begin, turn.first), last = std::min(begin + count, turn.first + turn.rows);
    basis.narrow(0, first - turn.first, last - first)
        .index_copy_(1, places, rotation.narrow(0, first - begin, last - first));
  }
  return basis;
}

class Sweep final : public Compressor {
 public:
  explicit Sweep(const CompressorOptions& options) : rank_(options.rank) {}

  [[nodiscard]] Traits traits() const override {
    return {.linear = true,
            .splits = true,
            .exact = false,
            .factored = true,
            .draws_rounds = true,
            .draws_tensors = true};
  }
  [[nodiscard]] bool applies(const Layer& layer) const override {
    return layer.is_matrix() && Cut(layer, rank_).cycle() > 1;
  }
  [[nodiscard]] std::int64_t cycle(const Layer& layer) const override { return Cut(layer, rank_).cycle(); }
  [[nodiscard]] double symbols(const Layer& layer) const override {
    return static_cast<double>(layer.size) / lag(layer);
  }
  [[nodiscard]] double lag(const Layer& layer) const override { return static_cast<double>(cycle(layer)); }

  Projection projection(Exchange& exchange) const override {
    const Cut cut(*exchange.layer, rank_);
    const auto basis = rows_of(cut.turn(exchange.round), cut, exchange,
                               exchange.message.scalar_type() == at::kDouble ? at::kDouble : at::kFloat);
    exchange.scratch = {{"basis", basis}};
    return wide(exchange) ? Projection{basis, {}} : Projection{{}, basis};
  }

  Message encode(Exchange& exchange, int) const override {
    const auto turn = Cut(*exchange.layer, rank_).turn(exchange.round);
    const auto& rows = wide(exchange) ? exchange.products.right : exchange.products.left;
    return {
        {rows.narrow(2, turn.from, turn.length).reshape({rows.size(0), 1, -1})}, Message::Split::kByNorm, {}};
  }

  Decoded decode(Exchange& exchange, int, std::span<const Reception> received) const override {
    const auto turn = Cut(*exchange.layer, rank_).turn(exchange.round);
    const auto values = received[0].values.view({turn.rows, turn.length});
    return {{}, with_basis(exchange, whole(values, turn, exchange)), *exchange.shared};
  }

  Factors own_factors(const Exchange& exchange) const override {
    const auto turn = Cut(*exchange.layer, rank_).turn(exchange.round);
    const auto& rows = wide(exchange) ? exchange.products.right : exchange.products.left;
    return with_basis(exchange, whole(rows.narrow(2, turn.from, turn.length), turn, exchange));
  }

 private:
  /// Whether the rows of the matrix are its short side.
  static bool wide(const Exchange& exchange) { return exchange.layer->columns >= exchange.layer->rows; }
  /// A turn's numbers [..., length] among zeros, [..., long side].
  static at::Tensor whole(const at::Tensor& part, const Turn& turn, const Exchange& exchange) {
    const auto length = std::max(exchange.layer->rows, exchange.layer->columns);
    if (turn.length == length) return part;
    auto sizes = part.sizes().vec();
    sizes.back() = length;
    auto result = at::zeros(sizes, part.options());
    result.narrow(-1, turn.from, turn.length).copy_(part);
    return result;
  }
  static Factors with_basis(const Exchange& exchange, const at::Tensor& rows) {
    const auto& basis = exchange.scratch.at("basis");
    return wide(exchange) ? Factors{basis, rows} : Factors{rows, basis};
  }

  std::int64_t rank_;
};

}  // namespace

std::unique_ptr<Compressor> make_sweep(const CompressorOptions& options) {
  return std::make_unique<Sweep>(options);
}

}  // namespace laser
