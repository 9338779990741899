// Laws of the allocations.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "laser/core/fail.hpp"
#include "laser/laws/rounds.hpp"

namespace laser::laws {
namespace {

using Reals = std::vector<double>;

constexpr std::size_t kBlocks = 5;
const std::vector<std::int64_t> kSymbols{84, 1, 0, 60, 5000},
    kHeld{1, 3, 1, 1, 20};  // the third takes no part

Reals shares(const Subject& subject, const Reals& raw, const Reals& sent) {
  return block_shares(*parts_of(subject).allocation, {raw, sent, kSymbols, kHeld});
}

/// Of k workers: magnitudes of normals, each row times its own scale.
Reals norms(const Reals& scales, std::uint32_t unit) {
  Reals result(scales.size() * kBlocks);
  fill_normal(std::span(result), {7, Purpose::kTest, 0, 0, unit});
  for (std::size_t j = 0; j < result.size(); ++j) result[j] = std::abs(result[j]) * scales[j / kBlocks];
  return result;
}

/// However loud the workers are, each gives all it has, nobody less than nothing, and nothing to what is not
/// sent.
void shares_are_shares(const Subject& subject, Findings& findings) {
  const Reals scales{1, 0, 1e-300, 1e150, 1e300, 3e-5};
  auto raw = norms(scales, 0), sent = norms(scales, 1);
  raw[3] = sent[1] = 0;  // of the first worker
  const auto all = shares(subject, raw, sent);
  for (std::size_t i = 0; i < scales.size(); ++i) {
    const auto row = std::span(all).subspan(i * kBlocks, kBlocks);
    const auto of = fmt::format("of worker {}, whose norms are about {:g}, ", i, scales[i]);
    for (const double share : row) findings.expect(share >= 0, of + "a share is below 0");
    findings.expect_at_most(std::abs(std::accumulate(row.begin(), row.end(), 0.0) - 1), 1e-12,
                            of + "the shares miss 1 by");
    findings.expect(row[2] == 0, of + "something goes to a tensor that sends nothing");
  }
}

/// Units of the gradients do not matter, nor what other workers have.
void proportions_alone(const Subject& subject, Findings& findings) {
  const auto one = shares(subject, norms({1}, 4), norms({1}, 5));
  const auto differs = [&one](const Reals& other) {
    double most = 0;
    for (std::size_t b = 0; b < kBlocks; ++b) most = std::max(most, std::abs(other[b] - one[b]));
    return most;
  };
  for (const double scale : {0x1p-60, 0x1p60}) {
    findings.expect_at_most(differs(shares(subject, norms({scale}, 4), norms({scale}, 5))), 1e-14,
                            fmt::format("with norms {:g} times as large the shares differ by", scale));
  }
  findings.expect_at_most(differs(shares(subject, norms({1, 1e6}, 4), norms({1, 1e6}, 5))), 1e-14,
                          "beside a louder worker the shares differ by");
}

}  // namespace

const std::vector<Law>& allocation_laws() {
  static const auto laws = with_those_of_every_role({
      {"SharesAreAtLeastZeroAndAddUpToOne", "each worker shares out its whole budget, whatever its norms are",
       shares_are_shares},
      {"AWorkersSharesFollowItsOwnProportionsAlone", "neither units of the norms nor other workers matter",
       proportions_alone},
  });
  return laws;
}

}  // namespace laser::laws
