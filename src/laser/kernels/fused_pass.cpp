#include "laser/kernels/fused_pass.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "laser/core/fail.hpp"
#include "laser/core/parallel.hpp"
#include "laser/kernels/sampling.hpp"
#include "laser/kernels/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "laser/kernels/fused_pass.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h:
#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "laser/kernels/fused_pass-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace laser::HWY_NAMESPACE {

constexpr std::size_t kTile = 512;           // columns: a strip and its factors fit in 32 KiB
constexpr std::size_t kStrip = 4;            // rows
constexpr std::size_t kStripNumbers = 6144;  // of a strip that is swept in one walk
constexpr std::size_t kAhead = 1 << 15;  // numbers: what is fetched earlier than that falls out of the cache

/// Calls use(r, kPart) for parts of kPart <= kBlock rows of a strip of kRows.
template <std::size_t kRows, class Use>
HWY_INLINE void for_parts(const Use& use) {
  constexpr std::size_t kPart = kRows < kBlock ? kRows : kBlock;
  for (std::size_t r = 0; r < kRows; r += kPart) use(r, std::integral_constant<std::size_t, kPart>());
}

/// One piece of a matrix: rows [first, last). Right factors are added to `right`, squares returned.
template <class M, class G>
class PiecePass {
 public:
  using W = typename PassMatrix<M, G>::Work;
  PiecePass(const PassMatrix<M, G>& matrix, W* right)
      : m_(matrix),
        right_(right),
        dots_(m_.right_basis != nullptr && m_.left_factor != nullptr),
        ahead_(kStrip * m_.columns <= kAhead ? kStrip * m_.columns : 4 * kTile) {}

  double run(std::size_t first, std::size_t last) {
    if constexpr (kInPlace) {
      bool done = false;  // in one walk, at the ranks that are common
      for_common_rank([&](auto rank) HWY_ATTR {
        done = true;
        if (dots_) {
          pass_rows_along<decltype(rank)::value>(first, last);
        } else {
          pass_rows_down<decltype(rank)::value>(first, last);
        }
      });
      if (done) return squares_;
    }
    std::size_t row = first;
    for (; row + kStrip <= last; row += kStrip) pass_strip<kStrip>(row);
    for (; row < last; ++row) pass_strip<1>(row);
    return squares_;
  }

 private:
  static constexpr bool kInPlace = std::is_same_v<M, W>;

  /// Calls use(kRank) where the pass is of the kind that a round of alternating factors makes.
  template <class Use>
  HWY_INLINE void for_common_rank(const Use& use) {
    const bool down = m_.left_basis != nullptr && m_.right_factor != nullptr;
    if (m_.memory == nullptr || m_.gradient == nullptr || m_.squares || m_.compose || down == dots_) return;
    if (m_.rank != m_.pending.rank) return;
    if (m_.rank == 4) use(std::integral_constant<std::size_t, 4>());
    if (m_.rank == 2) use(std::integral_constant<std::size_t, 2>());
    if (m_.rank == 1) use(std::integral_constant<std::size_t, 1>());
  }

  HWY_INLINE Strip<W, G> strip_at(std::size_t row, std::size_t rows, std::size_t ahead) const {
    const auto& p = m_.pending;
    return {m_.memory + row * m_.columns, m_.gradient + row * m_.columns, rows,     m_.columns,
            {p.left + row, m_.rows},      {p.right, m_.columns},          m_.scale, ahead};
  }

  template <std::size_t kRank>
  void pass_rows_down(std::size_t first, std::size_t last) {
    const std::size_t most = std::clamp<std::size_t>(kStripNumbers / m_.columns, kStrip, 16);
    for (std::size_t row = first; row < last; row += most) {
      const std::size_t rows = std::min(most, last - row);
      pass_down<kRank>(strip_at(row, rows, rows * m_.columns), Rows<const W>{m_.left_basis + row, m_.rows},
                       Rows<W>{right_, m_.columns});
    }
  }

  template <std::size_t kRank>
  void pass_rows_along(std::size_t first, std::size_t last) {
    std::size_t row = first;
    for (; row + kBlock <= last; row += kBlock) pass_along_at<kRank, kBlock>(row);
    for (; row < last; ++row) pass_along_at<kRank, 1>(row);
  }
  template <std::size_t kRank, std::size_t kRows>
  HWY_INLINE void pass_along_at(std::size_t row) {
    pass_along<kRank, kRows>(strip_at(row, kRows, kStripNumbers), Rows<const W>{m_.right_basis, m_.columns},
                             Rows<LaneSums<W>>{sums_, kStrip});
    finish_left_factor<kRows>(row);
  }

  template <std::size_t kRows>
  void pass_strip(std::size_t row) {
    if (dots_) std::fill_n(sums_[0], m_.rank * kStrip * std::extent_v<LaneSums<W>>, W{0});
    for (std::size_t c = 0; c < m_.columns; c += kTile) {
      const auto tile = tile_at(row, c);
      update<kRows>(tile, row, c);
      if (m_.squares) squares_ += tile_squares<kRows>(tile);
      if (m_.left_basis != nullptr && m_.right_factor != nullptr) {
        add_left<kRows>(tile, {m_.left_basis + row, m_.rows}, c);
      }
      if (dots_) add_right<kRows>(tile, c);
    }
    if (dots_) finish_left_factor<kRows>(row);
    if (!m_.compose) return;
    for (std::size_t c = 0; c < m_.columns; c += kTile) {  // the left factor of these rows is complete now
      const auto tile = tile_at(row, c);
      if (!kInPlace || m_.memory == nullptr) reload<kRows>(tile, row, c);
      add_left<kRows>(tile, {m_.left_factor + row, m_.rows}, c);
    }
  }

  /// Where M is worked on: in the memory itself, or in a buffer.
  HWY_INLINE Tile<W> tile_at(std::size_t row, std::size_t c) {
    const std::size_t at = row * m_.columns + c;
    Tile<W> tile{{buffer_, kTile},
                 std::min(kTile, m_.columns - c),
                 reinterpret_cast<const char*>(m_.memory + at + ahead_),
                 reinterpret_cast<const char*>(m_.gradient + at + ahead_),
                 m_.columns * sizeof(W)};
    if constexpr (kInPlace) {
      if (m_.memory != nullptr) tile.rows = {m_.memory + at, m_.columns};
    }
    return tile;
  }

  template <std::size_t kRows>
  HWY_INLINE void reload(Tile<W> tile, std::size_t row, std::size_t c) {
    const std::size_t at = row * m_.columns + c;
    if (m_.memory != nullptr) {
      read_scaled<kRows>(tile, Rows<const M>{m_.memory + at, m_.columns}, W{1});
    } else {
      read_scaled<kRows>(tile, Rows<const G>{m_.gradient + at, m_.columns}, m_.scale);
    }
  }

  /// M <- M - pending + scale * gradient on the tile.
  template <std::size_t kRows>
  HWY_INLINE void update(Tile<W> tile, std::size_t row, std::size_t c) {
    if (!kInPlace || m_.memory == nullptr) reload<kRows>(tile, row, c);
    if (m_.memory == nullptr) return;
    const auto& p = m_.pending;
    const Rows<const G> gradient{m_.gradient + row * m_.columns + c, m_.columns};
    if (m_.gradient != nullptr && p.rank == 0) add_scaled<kRows>(tile, gradient, m_.scale);
    for_ranks<4>(p.rank, [&](std::size_t j, auto width) HWY_ATTR {
      constexpr std::size_t kRank = decltype(width)::value;
      const Rows<const W> right{p.right + j * m_.columns + c, m_.columns};
      for_parts<kRows>([&](std::size_t r, auto part) HWY_ATTR {
        constexpr std::size_t kPart = decltype(part)::value;
        const Rows<const W> left{p.left + j * m_.rows + row + r, m_.rows};
        if (m_.gradient != nullptr && j + kRank == p.rank) {
          subtract_outer_and_add<kRank, kPart>(part_of(tile, r), left, right,
                                               Rows<const G>{gradient[r], m_.columns}, m_.scale);
        } else {
          subtract_outer<kRank, kPart>(part_of(tile, r), left, right);
        }
      });
    });
    if constexpr (std::is_same_v<M, Bfloat16>) round_to_memory<kRows>(tile, row, c);
  }

  /// The tile from its row r on.
  static HWY_INLINE Tile<W> part_of(Tile<W> tile, std::size_t r) {
    tile.rows.first = tile.rows[r];
    tile.next_memory += r * tile.next_stride;
    tile.next_gradient += r * tile.next_stride;
    return tile;
  }

  template <std::size_t kRows>
  HWY_INLINE void round_to_memory(Tile<float> tile, std::size_t row, std::size_t c) {
    std::uint32_t words[kRows][kTile / 2 + 2];
    const std::uint16_t* random[kRows];
    for (std::size_t r = 0; r < kRows; ++r) {
      const std::size_t at = (row + r) * m_.columns + c;
      fill_words(std::span(words[r], (at % 2 + tile.columns + 1) / 2), m_.rounding, at / 2);
      random[r] = reinterpret_cast<const std::uint16_t*>(words[r]) + at % 2;
    }
    round_tile(tile, Rows<Bfloat16>{m_.memory + row * m_.columns + c, m_.columns}, random);
  }

  template <std::size_t kRows>
  HWY_INLINE void add_left(Tile<W> tile, Rows<const W> left, std::size_t c) {
    for_ranks<kBlock>(m_.rank, [&](std::size_t j, auto width) HWY_ATTR {
      constexpr std::size_t kRank = decltype(width)::value;
      const Rows<const W> coefficients{left[j], left.stride};
      const Rows<W> out{right_ + j * m_.columns + c, m_.columns};
      if (j == 0) {
        add_left_product<kRank, true, kRows>(tile, coefficients, out);
      } else {
        add_left_product<kRank, false, kRows>(tile, coefficients, out);
      }
    });
  }

  template <std::size_t kRows>
  HWY_INLINE void add_right(Tile<W> tile, std::size_t c) {
    for_ranks<4>(m_.rank, [&](std::size_t j, auto width) HWY_ATTR {
      constexpr std::size_t kRank = decltype(width)::value;
      const Rows<const W> basis{m_.right_basis + j * m_.columns + c, m_.columns};
      for_parts<kRows>([&](std::size_t r, auto part) HWY_ATTR {
        constexpr std::size_t kPart = decltype(part)::value;
        const Rows<LaneSums<W>> sums{sums_ + j * kStrip + r, kStrip};
        if (j == 0) {
          add_right_product<kRank, true, kPart>(part_of(tile, r), basis, sums);
        } else {
          add_right_product<kRank, false, kPart>(part_of(tile, r), basis, sums);
        }
      });
    });
  }

  template <std::size_t kRows>
  HWY_INLINE void finish_left_factor(std::size_t row) {
    const hn::ScalableTag<W> d;
    for (std::size_t j = 0; j < m_.rank; ++j) {
      for (std::size_t r = 0; r < kRows; ++r) {
        m_.left_factor[j * m_.rows + row + r] = sum_lanes(d, hn::Load(d, sums_[j * kStrip + r]));
      }
    }
  }

  const PassMatrix<M, G>& m_;
  W* right_;
  bool dots_;          // whether a left factor is wanted
  std::size_t ahead_;  // numbers between what is worked on and what is fetched
  double squares_ = 0;
  HWY_ALIGN W buffer_[kStrip * kTile];
  HWY_ALIGN LaneSums<W> sums_[64 * kStrip];  // [rank][row]
};

double pass_float(const PassMatrix<float, float>& m, float* right, std::size_t first, std::size_t last) {
  return PiecePass<float, float>(m, right).run(first, last);
}
double pass_double(const PassMatrix<double, double>& m, double* right, std::size_t first, std::size_t last) {
  return PiecePass<double, double>(m, right).run(first, last);
}
double pass_short_gradient(const PassMatrix<float, Bfloat16>& m, float* right, std::size_t first,
                           std::size_t last) {
  return PiecePass<float, Bfloat16>(m, right).run(first, last);
}
double pass_short_memory(const PassMatrix<Bfloat16, float>& m, float* right, std::size_t first,
                         std::size_t last) {
  return PiecePass<Bfloat16, float>(m, right).run(first, last);
}
double pass_short(const PassMatrix<Bfloat16, Bfloat16>& m, float* right, std::size_t first,
                  std::size_t last) {
  return PiecePass<Bfloat16, Bfloat16>(m, right).run(first, last);
}

template <std::size_t kRows, class T>
HWY_INLINE void product_strip(const ProductMatrix<T>& m, std::size_t row, bool past_cache) {
  const auto& f = m.factors;
  const std::size_t rows = m.rows, columns = m.columns;
  for (std::size_t c = 0; c < columns; c += kTile) {
    const std::size_t count = std::min(kTile, columns - c);
    for_ranks<4>(f.rank, [&](std::size_t j, auto width) HWY_ATTR {
      const Rows<const T> right{f.right + j * columns + c, columns};
      for_parts<kRows>([&](std::size_t r, auto part) HWY_ATTR {
        const Rows<const T> left{f.left + j * rows + row + r, rows};
        const Rows<T> tile{m.out + (row + r) * columns + c, columns};
        outer_product<decltype(width)::value, decltype(part)::value>(tile, left, right, count, j > 0,
                                                                     past_cache);
      });
    });
  }
}

template <class T>
HWY_INLINE void product_rows(const ProductMatrix<T>& m, std::size_t first, std::size_t last,
                             bool past_cache) {
  std::size_t row = first;
  for (; row + kStrip <= last; row += kStrip) product_strip<kStrip>(m, row, past_cache);
  for (; row < last; ++row) product_strip<1>(m, row, past_cache);
  if (past_cache) hwy::FlushStream();
}

void product_float(const ProductMatrix<float>& m, std::size_t first, std::size_t last, bool past_cache) {
  product_rows(m, first, last, past_cache);
}
void product_double(const ProductMatrix<double>& m, std::size_t first, std::size_t last, bool past_cache) {
  product_rows(m, first, last, past_cache);
}

}  // namespace laser::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace laser {

HWY_EXPORT(pass_float);
HWY_EXPORT(pass_double);
HWY_EXPORT(pass_short_gradient);
HWY_EXPORT(pass_short_memory);
HWY_EXPORT(pass_short);
HWY_EXPORT(product_float);
HWY_EXPORT(product_double);

namespace {

constexpr std::size_t kSerial = std::size_t{1} << 15;       // numbers: less is not worth waking threads for
constexpr std::size_t kPiece = std::size_t{1} << 19;        // numbers
constexpr std::size_t kBeyondCache = std::size_t{1} << 26;  // bytes: more than what stays in a cache
constexpr std::size_t kLine = 64;                           // bytes

double pass_piece(const PassMatrix<float, float>& m, float* right, std::size_t first, std::size_t last) {
  return HWY_DYNAMIC_DISPATCH(pass_float)(m, right, first, last);
}
double pass_piece(const PassMatrix<double, double>& m, double* right, std::size_t first, std::size_t last) {
  return HWY_DYNAMIC_DISPATCH(pass_double)(m, right, first, last);
}
double pass_piece(const PassMatrix<float, Bfloat16>& m, float* right, std::size_t first, std::size_t last) {
  return HWY_DYNAMIC_DISPATCH(pass_short_gradient)(m, right, first, last);
}
double pass_piece(const PassMatrix<Bfloat16, float>& m, float* right, std::size_t first, std::size_t last) {
  return HWY_DYNAMIC_DISPATCH(pass_short_memory)(m, right, first, last);
}
double pass_piece(const PassMatrix<Bfloat16, Bfloat16>& m, float* right, std::size_t first,
                  std::size_t last) {
  return HWY_DYNAMIC_DISPATCH(pass_short)(m, right, first, last);
}

/// Rows a piece: enough numbers to be worth a turn, and rows enough that the piece's own copy of the right
/// factor is small beside it.
std::size_t rows_per_piece(std::size_t columns, std::size_t rank) {
  return std::max({kPiece / columns, std::size_t{64}, 16 * rank});
}

template <class Work>
struct Piece {
  std::size_t matrix;
  std::size_t first, last;
  Work* right;  // [rank, columns] sums of this piece
  double sum_of_squares;
};

}  // namespace

template <class Memory, class Gradient>
void fused_pass(std::span<PassMatrix<Memory, Gradient>> matrices) {
  using Work = typename PassMatrix<Memory, Gradient>::Work;
  std::vector<Piece<Work>> pieces;
  std::size_t numbers = 0, partial = 0;
  for (std::size_t i = 0; i < matrices.size(); ++i) {
    auto& m = matrices[i];
    LASER_CHECK(m.rows > 0 && m.columns > 0 && m.rank <= 64 && m.pending.rank <= 64);
    LASER_CHECK(m.memory != nullptr || (m.gradient != nullptr && m.pending.rank == 0));
    LASER_CHECK(!m.compose || (m.right_basis != nullptr && m.left_factor != nullptr &&
                               m.right_factor != nullptr && m.left_basis == nullptr));
    numbers += m.rows * m.columns;
    const std::size_t step = rows_per_piece(m.columns, m.rank), count = (m.rows + step - 1) / step;
    for (std::size_t p = 0; p < count; ++p) {
      pieces.push_back({i, p * step, std::min(m.rows, (p + 1) * step), m.right_factor, 0});
    }
    if (m.right_factor != nullptr && count > 1) partial += count * m.rank * m.columns;
  }
  // The pieces of a matrix with several of them have right factors of their own, added up afterwards.
  const auto scratch = std::make_unique_for_overwrite<Work[]>(partial);
  std::size_t used = 0;
  for (auto& piece : pieces) {
    const auto& m = matrices[piece.matrix];
    if (m.right_factor == nullptr || (piece.first == 0 && piece.last == m.rows)) continue;
    piece.right = scratch.get() + used;
    used += m.rank * m.columns;
  }
  const bool parallel = numbers > kSerial;
  for_each_piece(
      pieces.size(),
      [&](std::size_t p) {
        auto& piece = pieces[p];
        const auto& m = matrices[piece.matrix];
        if (piece.right != nullptr) std::fill_n(piece.right, m.rank * m.columns, Work{0});
        piece.sum_of_squares = pass_piece(m, piece.right, piece.first, piece.last);
      },
      parallel);
  for (auto& m : matrices) m.sum_of_squares = 0;
  for (const auto& piece : pieces) matrices[piece.matrix].sum_of_squares += piece.sum_of_squares;
  for_each_piece(
      matrices.size(),
      [&](std::size_t i) {
        auto& m = matrices[i];
        if (m.right_factor == nullptr) return;
        const auto mine = [&](const Piece<Work>& piece) { return piece.matrix == i; };
        auto piece = std::find_if(pieces.begin(), pieces.end(), mine);
        if (piece->right == m.right_factor) return;
        std::copy_n(piece->right, m.rank * m.columns, m.right_factor);
        for (++piece; piece != pieces.end() && piece->matrix == i; ++piece) {
          for (std::size_t c = 0; c < m.rank * m.columns; ++c) m.right_factor[c] += piece->right[c];
        }
      },
      partial > kSerial);
}

template void fused_pass(std::span<PassMatrix<float, float>>);
template void fused_pass(std::span<PassMatrix<double, double>>);
template void fused_pass(std::span<PassMatrix<float, Bfloat16>>);
template void fused_pass(std::span<PassMatrix<Bfloat16, float>>);
template void fused_pass(std::span<PassMatrix<Bfloat16, Bfloat16>>);

template <class T>
void write_products(std::span<const ProductMatrix<T>> matrices) {
  struct Part {
    std::size_t matrix, first, last;
  };
  std::vector<Part> parts;
  std::size_t numbers = 0;
  for (std::size_t i = 0; i < matrices.size(); ++i) {
    const auto& m = matrices[i];
    LASER_CHECK(m.factors.rank > 0);
    numbers += m.rows * m.columns;
    const std::size_t step = std::max<std::size_t>(4, kPiece / m.columns);
    for (std::size_t first = 0; first < m.rows; first += step) {
      parts.push_back({i, first, std::min(m.rows, first + step)});
    }
  }
  for_each_piece(
      parts.size(),
      [&](std::size_t p) {
        const auto& part = parts[p];
        const auto& m = matrices[part.matrix];
        // Rows that begin at the start of a vector can go past the cache, which has no room for them anyhow:
        // a line is then written without being read first.
        const bool past_cache = numbers * sizeof(T) >= kBeyondCache && m.factors.rank <= 4 &&
                                m.columns * sizeof(T) % kLine == 0 &&
                                reinterpret_cast<std::uintptr_t>(m.out) % kLine == 0;
        if constexpr (std::is_same_v<T, float>) {
          HWY_DYNAMIC_DISPATCH(product_float)(m, part.first, part.last, past_cache);
        } else {
          HWY_DYNAMIC_DISPATCH(product_double)(m, part.first, part.last, past_cache);
        }
      },
      numbers > kSerial);
}

template void write_products(std::span<const ProductMatrix<float>>);
template void write_products(std::span<const ProductMatrix<double>>);

}  // namespace laser
#endif  // HWY_ONCE
