// Inner loops of the fused pass on one strip of rows and one tile of columns, for every SIMD target
// (include as all *-inl.hpp files; see fused_pass.hpp).
//
// A tile stays in the first-level cache while the loops below go over it one after the other, each with up to
// four columns of the factors: what counts is that memory beyond the cache is touched once.
#include <algorithm>
#include <cstddef>
#include <type_traits>

#include "laser/core/bfloat16.hpp"

#if defined(LASER_KERNELS_FUSED_PASS_INL_HPP_) == defined(HWY_TARGET_TOGGLE)
#ifdef LASER_KERNELS_FUSED_PASS_INL_HPP_
#undef LASER_KERNELS_FUSED_PASS_INL_HPP_
#else
#define LASER_KERNELS_FUSED_PASS_INL_HPP_
#endif

HWY_BEFORE_NAMESPACE();
namespace laser::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class D>
HWY_INLINE hn::Vec<D> load(D d, const hn::TFromD<D>* from) {
  return hn::LoadU(d, from);
}
template <class D>
HWY_INLINE hn::Vec<D> load(D d, const Bfloat16* from) {
  const hn::Rebind<std::uint16_t, D> narrow;
  const hn::Rebind<std::uint32_t, D> bits;
  const auto loaded = hn::LoadU(narrow, reinterpret_cast<const std::uint16_t*>(from));
  return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(bits, loaded)));
}

/// The sum of a vector's lanes, halves onto halves. hn::SumOfLanes adds in an order that changes with
/// Highway's version, and with it the last bits of every run.
template <class D>
HWY_INLINE hn::TFromD<D> sum_lanes(D d, hn::Vec<D> v) {
  HWY_ALIGN hn::TFromD<D> lanes[HWY_MAX_BYTES / sizeof(hn::TFromD<D>)];
  hn::Store(v, d, lanes);
  for (std::size_t half = hn::Lanes(d) / 2; half > 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

// Loops keep rows x ranks coefficients in registers: 16 where there are 32 registers, 8 where there are 16.
#if HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM
constexpr std::size_t kBlock = 4;
#else
constexpr std::size_t kBlock = 2;
#endif

/// Makes the compiler hold `v` in a register: left alone, it loads a vector again for every use, and loads
/// are what the loops below are short of.
template <class V>
HWY_INLINE V held(V v) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR && (HWY_COMPILER_GCC || HWY_COMPILER_CLANG)
  asm("" : "+v"(v.raw));
#endif
  return v;
}

/// Fetches a line into the second-level cache: a strip and the next do not fit in the first.
HWY_INLINE void fetch_ahead(const char* at) {
#if HWY_COMPILER_GCC || HWY_COMPILER_CLANG
  __builtin_prefetch(at, 0, 2);
#else
  hwy::Prefetch(at);
#endif
}

/// Calls step(d, c, v) for kVectors vectors at a time from column 0 on, then for the rest one by one; v is
/// the number of vectors as a constant.
template <class W, std::size_t kVectors, class Step>
HWY_INLINE void for_columns(std::size_t count, const Step& step) {
  const hn::ScalableTag<W> d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t c = 0;
  for (; c + kVectors * lanes <= count; c += kVectors * lanes) {
    step(d, c, std::integral_constant<std::size_t, kVectors>());
  }
  const std::integral_constant<std::size_t, 1> single;
  for (; kVectors > 1 && c + lanes <= count; c += lanes) step(d, c, single);
  const hn::CappedTag<W, 1> one;
  for (; c < count; ++c) step(one, c, single);
}

/// Calls use(first, integral_constant) for runs of kMost (4 or 2), 2 and 1 that add up to `rank`.
template <std::size_t kMost, class Use>
HWY_INLINE void for_ranks(std::size_t rank, const Use& use) {
  std::size_t j = 0;
  for (; j + kMost <= rank; j += kMost) use(j, std::integral_constant<std::size_t, kMost>());
  if (kMost > 2 && j + 2 <= rank) {
    use(j, std::integral_constant<std::size_t, 2>());
    j += 2;
  }
  if (j < rank) use(j, std::integral_constant<std::size_t, 1>());
}

/// Some rows of a matrix or of a factor, the first number of each `stride` after that of the one before.
template <class W>
struct Rows {
  W* first;
  std::size_t stride;
  HWY_INLINE W* operator[](std::size_t j) const { return first + j * stride; }
};

/// The tile worked on, and how far ahead of it to fetch memory and gradient while doing so: without that the
/// loops would wait for memory and memory for them.
template <class W>
struct Tile {
  Rows<W> rows;
  std::size_t columns;
  const char* next_memory;
  const char* next_gradient;
  std::size_t next_stride;  // bytes
};

/// Coefficients of a block, one vector each. A tag of fewer lanes takes the first of them.
template <class W, std::size_t kRank, std::size_t kRows>
struct Coefficients {
  using D = hn::ScalableTag<W>;
  hn::Vec<D> v[kRank][kRows];
  HWY_INLINE explicit Coefficients(Rows<const W> factor) {
    for (std::size_t j = 0; j < kRank; ++j) {
      for (std::size_t r = 0; r < kRows; ++r) v[j][r] = hn::Set(D(), factor[j][r]);
    }
  }
  HWY_INLINE hn::Vec<D> get(D, std::size_t j, std::size_t r) const { return v[j][r]; }
  template <class Small>
  HWY_INLINE hn::Vec<Small> get(Small d, std::size_t j, std::size_t r) const {
    return hn::Set(d, hn::GetLane(v[j][r]));
  }
};

/// x[r][v] = tile[r][c + v lanes].
template <std::size_t kRows, std::size_t kVectors, class D, class W = hn::TFromD<D>>
struct Block {
  hn::Vec<D> x[kRows][kVectors];
  HWY_INLINE void fill(hn::Vec<D> value) {
    for (auto& row : x) std::fill_n(row, kVectors, value);
  }
  HWY_INLINE void read(D d, Rows<W> rows, std::size_t c) {
    for (std::size_t r = 0; r < kRows; ++r) {
      for (std::size_t v = 0; v < kVectors; ++v) x[r][v] = held(load(d, rows[r] + c + v * hn::Lanes(d)));
    }
  }
  HWY_INLINE void write(D d, Rows<W> rows, std::size_t c) const {
    for (std::size_t r = 0; r < kRows; ++r) {
      for (std::size_t v = 0; v < kVectors; ++v) hn::StoreU(x[r][v], d, rows[r] + c + v * hn::Lanes(d));
    }
  }
};

/// tile[r][c] -= sum_j left[j][r] right[j][c].
template <std::size_t kRank, std::size_t kRows, class W>
HWY_NOINLINE void subtract_outer(Tile<W> tile, Rows<const W> left, Rows<const W> right) {
  const Coefficients<W, kRank, kRows> coefficient(left);
  for_columns<W, 1>(tile.columns, [&](auto d, std::size_t c, auto) HWY_ATTR {
    Block<kRows, 1, decltype(d)> block;
    block.read(d, tile.rows, c);
    for (std::size_t j = 0; j < kRank; ++j) {
      const auto factor = held(load(d, right[j] + c));
      for (std::size_t r = 0; r < kRows; ++r) {
        block.x[r][0] = hn::NegMulAdd(coefficient.get(d, j, r), factor, block.x[r][0]);
      }
    }
    block.write(d, tile.rows, c);
  });
}

/// tile += scale * gradient.
template <std::size_t kRows, class W, class G>
HWY_NOINLINE void add_scaled(Tile<W> tile, Rows<const G> gradient, W scale) {
  for_columns<W, 1>(tile.columns, [&](auto d, std::size_t c, auto) HWY_ATTR {
    for (std::size_t r = 0; r < kRows; ++r) {
      const auto x = load(d, tile.rows[r] + c);
      hn::StoreU(hn::MulAdd(hn::Set(d, scale), load(d, gradient[r] + c), x), d, tile.rows[r] + c);
    }
  });
}

/// Both in one walk: first the product, then the gradient. Fetches memory ahead.
template <std::size_t kRank, std::size_t kRows, class W, class G>
HWY_NOINLINE void subtract_outer_and_add(Tile<W> tile, Rows<const W> left, Rows<const W> right,
                                         Rows<const G> gradient, W scale) {
  const Coefficients<W, kRank, kRows> coefficient(left);
  for_columns<W, 2>(tile.columns, [&](auto d, std::size_t c, auto vectors) HWY_ATTR {
    constexpr std::size_t kVectors = decltype(vectors)::value;
    const std::size_t lanes = hn::Lanes(d);
    Block<kRows, kVectors, decltype(d)> block;
    block.read(d, tile.rows, c);
    for (std::size_t j = 0; j < kRank; ++j) {
      for (std::size_t v = 0; v < kVectors; ++v) {
        const auto factor = held(load(d, right[j] + c + v * lanes));
        for (std::size_t r = 0; r < kRows; ++r) {
          block.x[r][v] = hn::NegMulAdd(coefficient.get(d, j, r), factor, block.x[r][v]);
        }
      }
    }
    for (std::size_t r = 0; r < kRows; ++r) {
      for (std::size_t v = 0; v < kVectors; ++v) {
        const auto g = load(d, gradient[r] + c + v * lanes);
        block.x[r][v] = hn::MulAdd(hn::Set(d, scale), g, block.x[r][v]);
      }
      fetch_ahead(tile.next_memory + r * tile.next_stride + c * sizeof(W));
    }
    block.write(d, tile.rows, c);
  });
}

/// tile = scale * source.
template <std::size_t kRows, class W, class S>
HWY_NOINLINE void read_scaled(Tile<W> tile, Rows<const S> source, W scale) {
  for_columns<W, 1>(tile.columns, [&](auto d, std::size_t c, auto) HWY_ATTR {
    for (std::size_t r = 0; r < kRows; ++r) {
      hn::StoreU(hn::Mul(hn::Set(d, scale), load(d, source[r] + c)), d, tile.rows[r] + c);
    }
  });
}

/// Rounds the tile to bfloat16 by 16 random bits a number; tile and memory hold the result.
template <std::size_t kRows>
HWY_NOINLINE void round_tile(Tile<float> tile, Rows<Bfloat16> memory,
                             const std::uint16_t* const (&random)[kRows]) {
  for_columns<float, 1>(tile.columns, [&](auto d, std::size_t c, auto) HWY_ATTR {
    using D = decltype(d);
    const hn::Rebind<std::uint32_t, D> wide;
    const hn::Rebind<std::uint16_t, D> narrow;
    const auto exponent = hn::Set(wide, 0x7f800000u);
    for (std::size_t r = 0; r < kRows; ++r) {
      const auto bits = hn::BitCast(wide, load(d, tile.rows[r] + c));
      const auto added = hn::Add(bits, hn::PromoteTo(wide, hn::LoadU(narrow, random[r] + c)));
      // Infinity stays; NaN gets its quiet bit, lest its payload be cut off.
      const auto special = hn::Eq(hn::And(bits, exponent), exponent);
      const auto mantissa = hn::And(bits, hn::Set(wide, 0x007fffffu));
      const auto quiet = hn::IfThenZeroElse(hn::Eq(mantissa, hn::Zero(wide)), hn::Set(wide, 0x00400000u));
      const auto upper = hn::ShiftRight<16>(hn::IfThenElse(special, hn::Or(bits, quiet), added));
      hn::StoreU(hn::TruncateTo(narrow, upper), narrow, reinterpret_cast<std::uint16_t*>(memory[r] + c));
      hn::StoreU(hn::BitCast(d, hn::ShiftLeft<16>(upper)), d, tile.rows[r] + c);
    }
  });
}

/// out[j][c] += sum_r left[j][r] tile[r][c]. Fetches the gradient ahead where asked to.
template <std::size_t kRank, bool fetch, std::size_t kRows, class W>
HWY_NOINLINE void add_left_product(Tile<W> tile, Rows<const W> left, Rows<W> out) {
  const Coefficients<W, kRank, kRows> coefficient(left);
  for_columns<W, 2>(tile.columns, [&](auto d, std::size_t c, auto vectors) HWY_ATTR {
    constexpr std::size_t kVectors = decltype(vectors)::value;
    Block<kRank, kVectors, decltype(d)> sum;
    sum.read(d, out, c);
    for (std::size_t r = 0; r < kRows; ++r) {
      if constexpr (fetch) fetch_ahead(tile.next_gradient + r * tile.next_stride + c * sizeof(W));
      for (std::size_t v = 0; v < kVectors; ++v) {
        const auto x = held(load(d, tile.rows[r] + c + v * hn::Lanes(d)));
        for (std::size_t j = 0; j < kRank; ++j) {
          sum.x[j][v] = hn::MulAdd(coefficient.get(d, j, r), x, sum.x[j][v]);
        }
      }
    }
    sum.write(d, out, c);
  });
}

/// Partial sums of a dot product, one a lane, kept between the tiles of a strip.
template <class W>
using LaneSums = W[HWY_MAX_BYTES / sizeof(W)];

/// sums[j][r] += tile[r] . right[j], lane by lane. Fetches the gradient ahead where asked to.
template <std::size_t kRank, bool fetch, std::size_t kRows, class W>
HWY_NOINLINE void add_right_product(Tile<W> tile, Rows<const W> right, Rows<LaneSums<W>> sums) {
  const hn::ScalableTag<W> d;
  const std::size_t lanes = hn::Lanes(d);
  hn::Vec<hn::ScalableTag<W>> sum[kRank][kRows];
  for (std::size_t j = 0; j < kRank; ++j) {
    for (std::size_t r = 0; r < kRows; ++r) sum[j][r] = hn::Load(d, sums[j][r]);
  }
  const std::size_t whole = tile.columns / lanes * lanes;
  for (std::size_t c = 0; c < whole; c += lanes) {
    Block<kRows, 1, hn::ScalableTag<W>> block;
    block.read(d, tile.rows, c);
    for (std::size_t j = 0; j < kRank; ++j) {
      const auto factor = held(load(d, right[j] + c));
      for (std::size_t r = 0; r < kRows; ++r) sum[j][r] = hn::MulAdd(block.x[r][0], factor, sum[j][r]);
    }
    if constexpr (fetch) {
      for (std::size_t r = 0; r < kRows; ++r) {
        fetch_ahead(tile.next_gradient + r * tile.next_stride + c * sizeof(W));
      }
    }
  }
  for (std::size_t j = 0; j < kRank; ++j) {
    for (std::size_t r = 0; r < kRows; ++r) {
      hn::Store(sum[j][r], d, sums[j][r]);
      for (std::size_t c = whole; c < tile.columns; ++c) sums[j][r][0] += tile.rows[r][c] * right[j][c];
    }
  }
}

/// Sum of the squares in a tile. Squares of floats are added in float first: they can leave its range, and
/// then the tile, still in cache, is added up in double.
template <std::size_t kRows, class W>
HWY_NOINLINE double tile_squares(Tile<W> tile) {
  const hn::ScalableTag<W> d;
  const std::size_t lanes = hn::Lanes(d), whole = tile.columns / lanes * lanes;
  hn::Vec<hn::ScalableTag<W>> sum[kRows];
  for (std::size_t r = 0; r < kRows; ++r) sum[r] = hn::Zero(d);
  for (std::size_t c = 0; c < whole; c += lanes) {
    for (std::size_t r = 0; r < kRows; ++r) {
      const auto x = load(d, tile.rows[r] + c);
      sum[r] = hn::MulAdd(x, x, sum[r]);
    }
  }
  for (std::size_t r = 1; r < kRows; ++r) sum[0] = hn::Add(sum[0], sum[r]);
  const auto squares_from = [&](std::size_t column) HWY_ATTR {
    double total = 0;
    for (std::size_t r = 0; r < kRows; ++r) {
      for (std::size_t c = column; c < tile.columns; ++c) {
        total += static_cast<double>(tile.rows[r][c]) * static_cast<double>(tile.rows[r][c]);
      }
    }
    return total;
  };
  const double total = static_cast<double>(sum_lanes(d, sum[0])) + squares_from(whole);
  const bool in_range = std::is_same_v<W, double> || (total > 1e-20 && total < 1e37);
  return in_range ? total : squares_from(0);
}

/// A strip of whole rows in which M <- M - pending + scale * gradient and a product of M are one walk: what
/// is done to a number, and in which order sums are made, is what the loops above do.
template <class W, class G>
struct Strip {
  W* memory;
  const G* gradient;
  std::size_t rows, columns;
  Rows<const W> left, right;  // pending, from the strip's first row on
  W scale;
  std::size_t ahead;  // numbers from the strip to what is fetched while it is worked on

  template <std::size_t kVectors, class D>
  HWY_INLINE void fetch(D d, std::size_t number) const {
    constexpr std::size_t kLine = 64;
    const auto* next_memory = reinterpret_cast<const char*>(memory + ahead + number);
    const auto* next_gradient = reinterpret_cast<const char*>(gradient + ahead + number);
    for (std::size_t at = 0; at < kVectors * hn::Lanes(d) * sizeof(W); at += kLine)
      fetch_ahead(next_memory + at);
    for (std::size_t at = 0; at < kVectors * hn::Lanes(d) * sizeof(G); at += kLine)
      fetch_ahead(next_gradient + at);
  }
};

/// out[j][c] += sum_r basis[j][r] M[r][c] besides. A block of columns goes down the strip with
/// its sums in registers.
template <std::size_t kRank, class W, class G>
HWY_NOINLINE void pass_down(const Strip<W, G>& strip, Rows<const W> basis, Rows<W> out) {
  for_columns<W, 3>(strip.columns, [&](auto d, std::size_t c, auto vectors) HWY_ATTR {
    constexpr std::size_t kVectors = decltype(vectors)::value;
    const std::size_t lanes = hn::Lanes(d);
    Block<kRank, kVectors, decltype(d)> sum;
    sum.read(d, out, c);
    for (std::size_t r = 0; r < strip.rows; ++r) {
      W* const memory = strip.memory + r * strip.columns + c;
      const G* const gradient = strip.gradient + r * strip.columns + c;
      hn::Vec<decltype(d)> x[kVectors];
      for (std::size_t v = 0; v < kVectors; ++v) x[v] = load(d, memory + v * lanes);
      for (std::size_t j = 0; j < kRank; ++j) {
        const auto left = hn::Set(d, strip.left[j][r]);
        for (std::size_t v = 0; v < kVectors; ++v)
          x[v] = hn::NegMulAdd(left, load(d, strip.right[j] + c + v * lanes), x[v]);
      }
      const auto scale = hn::Set(d, strip.scale);
      for (std::size_t v = 0; v < kVectors; ++v) {
        x[v] = hn::MulAdd(scale, load(d, gradient + v * lanes), x[v]);
        hn::StoreU(x[v], d, memory + v * lanes);
      }
      for (std::size_t j = 0; j < kRank; ++j) {
        const auto weight = hn::Set(d, basis[j][r]);
        for (std::size_t v = 0; v < kVectors; ++v) sum.x[j][v] = hn::MulAdd(weight, x[v], sum.x[j][v]);
      }
      if (lanes > 1) strip.template fetch<kVectors>(d, c * strip.rows + r * kVectors * lanes);
    }
    sum.write(d, out, c);
  });
}

/// sums[j][r] = M[r] . basis[j] besides, lane by lane: rows of the strip go along together.
template <std::size_t kRank, std::size_t kRows, class W, class G>
HWY_NOINLINE void pass_along(const Strip<W, G>& strip, Rows<const W> basis, Rows<LaneSums<W>> sums) {
  const hn::ScalableTag<W> d;
  const std::size_t lanes = hn::Lanes(d), whole = strip.columns / lanes * lanes;
  hn::Vec<hn::ScalableTag<W>> sum[kRank][kRows];
  for (auto& row : sum) std::fill_n(row, kRows, hn::Zero(d));
  const auto scale = hn::Set(d, strip.scale);
  HWY_ALIGN LaneSums<W> left[kRank][kRows];
  for (std::size_t j = 0; j < kRank; ++j) {
    for (std::size_t r = 0; r < kRows; ++r) hn::Store(hn::Set(d, strip.left[j][r]), d, left[j][r]);
  }
  const auto updated = [&](auto tag, std::size_t r, std::size_t c) HWY_ATTR {
    auto x = load(tag, strip.memory + r * strip.columns + c);
    for (std::size_t j = 0; j < kRank; ++j)
      x = hn::NegMulAdd(hn::Load(tag, left[j][r]), load(tag, strip.right[j] + c), x);
    x = hn::MulAdd(hn::Set(tag, strip.scale), load(tag, strip.gradient + r * strip.columns + c), x);
    hn::StoreU(x, tag, strip.memory + r * strip.columns + c);
    return x;
  };
  for (std::size_t c = 0; c < whole; c += lanes) {
    hn::Vec<hn::ScalableTag<W>> x[kRows];
    for (std::size_t r = 0; r < kRows; ++r) x[r] = load(d, strip.memory + r * strip.columns + c);
    for (std::size_t j = 0; j < kRank; ++j) {
      const auto factor = held(load(d, strip.right[j] + c));
      for (std::size_t r = 0; r < kRows; ++r) x[r] = hn::NegMulAdd(hn::Load(d, left[j][r]), factor, x[r]);
    }
    for (std::size_t r = 0; r < kRows; ++r) {
      x[r] = hn::MulAdd(scale, load(d, strip.gradient + r * strip.columns + c), x[r]);
      hn::StoreU(x[r], d, strip.memory + r * strip.columns + c);
    }
    for (std::size_t j = 0; j < kRank; ++j) {
      const auto factor = held(load(d, basis[j] + c));
      for (std::size_t r = 0; r < kRows; ++r) sum[j][r] = hn::MulAdd(x[r], factor, sum[j][r]);
    }
    strip.template fetch<kRows>(d, c * kRows);
  }
  for (std::size_t j = 0; j < kRank; ++j) {
    for (std::size_t r = 0; r < kRows; ++r) hn::Store(sum[j][r], d, sums[j][r]);
  }
  const hn::CappedTag<W, 1> one;
  for (std::size_t r = 0; r < kRows; ++r) {
    for (std::size_t c = whole; c < strip.columns; ++c) {
      const W x = hn::GetLane(updated(one, r, c));
      for (std::size_t j = 0; j < kRank; ++j) sums[j][r][0] += x * basis[j][c];
    }
  }
}

/// out[r][c] = sum_j left[j][r] right[j][c] + (keep ? out[r][c] : 0).
template <std::size_t kRank, std::size_t kRows, class W>
HWY_NOINLINE void outer_product(Rows<W> out, Rows<const W> left, Rows<const W> right, std::size_t columns,
                                bool keep, bool past_cache) {
  const Coefficients<W, kRank, kRows> coefficient(left);
  for_columns<W, 2>(columns, [&](auto d, std::size_t c, auto vectors) HWY_ATTR {
    constexpr std::size_t kVectors = decltype(vectors)::value;
    Block<kRows, kVectors, decltype(d)> block;
    block.fill(hn::Zero(d));
    if (keep) block.read(d, out, c);
    for (std::size_t j = 0; j < kRank; ++j) {
      for (std::size_t v = 0; v < kVectors; ++v) {
        const auto factor = held(load(d, right[j] + c + v * hn::Lanes(d)));
        for (std::size_t r = 0; r < kRows; ++r) {
          block.x[r][v] = hn::MulAdd(coefficient.get(d, j, r), factor, block.x[r][v]);
        }
      }
    }
    if (past_cache && hn::Lanes(d) > 1) {
      for (std::size_t r = 0; r < kRows; ++r) {
        for (std::size_t v = 0; v < kVectors; ++v)
          hn::Stream(block.x[r][v], d, out[r] + c + v * hn::Lanes(d));
      }
    } else {
      block.write(d, out, c);
    }
  });
}

}  // namespace laser::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
