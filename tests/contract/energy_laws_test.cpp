// The energy of every group of symbols, for every compressor and every allocation, against the formulas of
// spec 3.2 to 3.4 and 1.2 written down once more here, without the code of power/ and channel/. What is
// observed is the standard deviation of the noise that the round asks for, sigma = max_i N_i / sqrt(p_i) / k
// of each group.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <numeric>

#include "laser/power/factor_split.hpp"
#include "laws.hpp"

namespace laser::contract {
namespace {

constexpr std::int64_t kWorkers = 3;
constexpr double kPower = 50.0;
const char* const kAllocationNames[] = {"uniform",  "norm",  "norm2",  "comp_norm", "comp_norm2",
                                        "sqrt_dim", "param", "param2", "norm_dim"};

/// Adds no noise, and keeps what it was asked for: by tensor and by block, in the order
/// of its stream's units.
class Listener final : public NoiseSource {
 public:
  using Asked = std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<double>>;
  explicit Listener(Asked& asked) : asked_(asked) {}
  at::Tensor normal(at::IntArrayRef sizes, at::ScalarType type, const StreamKey&) override {
    return at::zeros(sizes, type);
  }
  void add(at::Tensor&, std::span<const double> noise_std, const StreamKey& key) override {
    const std::lock_guard lock(mutex_);
    asked_[{key.layer, key.unit}] = {noise_std.begin(), noise_std.end()};
  }

 private:
  Asked& asked_;
  std::mutex mutex_;
};

using Table = std::vector<std::vector<double>>;  // [k][...]

/// One tensor in one pass, as the workers know it.
struct Sent {
  std::size_t tensor;
  double rows, columns, symbols = 0;
  std::vector<double> raw, content;  // [k]
  Table norms;                       // [k][groups]
  Message::Split split;
};

double norm_of(const at::Tensor& t) { return t.to(at::kDouble).pow(2).sum().sqrt().item<double>(); }

/// What the workers send in every pass, by the compressor's own word, and its norms by LibTorch.
std::vector<std::vector<Sent>> passes_of(const CompressorOptions& options, const NamedTensors& state,
                                         const at::Tensor& gradients, std::int64_t round) {
  static const auto layout = small_layout();
  const auto compressor = make_compressor(options);
  const auto plain = make_compressor({.name = "identity"});
  const auto count = compressor->pass_shares().size();
  std::vector<std::vector<Sent>> passes(count);
  for (std::size_t l = 0; l < layout.layers.size(); ++l) {
    const auto& layer = layout.layers[l];
    const auto& part = compressor->applies(layer) ? *compressor : *plain;
    NamedTensors shared;
    const auto prefix = "shared/" + layer.name + "/";
    for (const auto& [name, tensor] : state) {
      if (name.starts_with(prefix)) shared[name.substr(prefix.size())] = tensor;
    }
    const auto index = static_cast<std::uint32_t>(l);
    const auto constants = part.constants(layer, index, 1, at::kDouble);
    Exchange exchange;
    exchange.layer = &layer;
    exchange.index = index;
    exchange.seed = 1;
    exchange.round = round;
    exchange.message = gradients.narrow(1, layer.offset, layer.size)
                           .reshape({kWorkers, layer.rows, layer.columns})
                           .contiguous();
    exchange.shared = &shared;
    exchange.constants = &constants;
    form_products(part, exchange);
    for (std::size_t pass = 0; pass < count; ++pass) {
      if (&part == plain.get() && pass + 1 < count) continue;
      const auto message = part.encode(exchange, static_cast<int>(pass));
      Sent sent{l,
                static_cast<double>(layer.rows),
                static_cast<double>(layer.columns),
                0,
                {},
                {},
                {},
                message.split};
      std::vector<Reception> means;
      for (const auto& block : message.blocks) {
        sent.symbols += static_cast<double>(block.size(1) * block.size(2));
        means.push_back({block.mean(0), std::vector<double>(static_cast<std::size_t>(block.size(1)), 0.0)});
      }
      for (std::int64_t i = 0; i < kWorkers; ++i) {
        sent.raw.push_back(norm_of(exchange.message[i]));
        auto& norms = sent.norms.emplace_back();
        for (const auto& block : message.blocks) {
          for (std::int64_t c = 0; c < block.size(1); ++c) norms.push_back(norm_of(block[i][c]));
        }
        // Of a pair of factors the norm of their product, else that of all symbols.
        sent.content.push_back(
            message.split == Message::Split::kByNorm
                ? std::sqrt(std::inner_product(norms.begin(), norms.end(), norms.begin(), 0.0))
                : norm_of(at::mm(message.blocks[0][i].t(), message.blocks[1][i])));
      }
      passes[pass].push_back(std::move(sent));
      if (pass + 1 < count) part.decode(exchange, static_cast<int>(pass), means);
    }
  }
  return passes;
}

/// w_i(b) of spec 3.2.
double weight(const std::string& allocation, const Sent& sent, std::size_t worker) {
  if (allocation == "uniform") return 1;
  if (allocation == "norm") return sent.raw[worker];
  if (allocation == "norm2") return sent.raw[worker] * sent.raw[worker];
  if (allocation == "comp_norm") return sent.content[worker];
  if (allocation == "comp_norm2") return sent.content[worker] * sent.content[worker];
  if (allocation == "sqrt_dim") return std::sqrt(sent.symbols);
  if (allocation == "param") return sent.symbols;
  if (allocation == "param2") return sent.symbols * sent.symbols;
  return std::sqrt(sent.symbols) * sent.content[worker];  // norm_dim
}

/// One worker's energy for a tensor over the groups: in proportion to their norms, or Lemma 8 and
/// in each Lemma 7.
std::vector<double> split(const Sent& sent, std::size_t worker, double energy) {
  const auto& norms = sent.norms[worker];
  std::vector<double> parts(norms.size());
  if (sent.split == Message::Split::kByNorm) {
    const double sum = std::accumulate(norms.begin(), norms.end(), 0.0);
    for (std::size_t g = 0; g < norms.size(); ++g) parts[g] = energy * norms[g] / sum;
    return parts;
  }
  const auto rank = norms.size() / 2;
  if (sent.split == Message::Split::kFactorPairOptimal) {  // held against its minimum below (RankAllocation)
    std::vector<double> kappa(rank);
    for (std::size_t j = 0; j < rank; ++j) kappa[j] = std::pow(norms[j] * norms[rank + j], 2);
    const auto best =
        split_over_ranks(static_cast<std::int64_t>(sent.rows), static_cast<std::int64_t>(sent.columns),
                         energy, kappa, RankAllocation::optimal);
    std::ranges::copy(best.left_energies, parts.begin());
    std::ranges::copy(best.right_energies, parts.begin() + static_cast<std::ptrdiff_t>(rank));
    return parts;
  }
  double sum = 0;  // of sqrt(kappa_j) = ||p_j|| ||q_j||, up to a common factor
  for (std::size_t j = 0; j < rank; ++j) sum += norms[j] * norms[rank + j];
  for (std::size_t j = 0; j < rank; ++j) {
    const double own = energy * norms[j] * norms[rank + j] / sum;
    const double a = std::sqrt(1 + own / sent.rows), b = std::sqrt(1 + own / sent.columns);
    parts[j] = own * b / (a + b);
    parts[rank + j] = own * a / (a + b);
  }
  return parts;
}

/// Energies [blocks][groups] of a pass: each worker's own, averaged over the workers.
Table energies_of(const std::vector<Sent>& sendings, const std::string& allocation, double budget) {
  Table energies;
  for (const auto& sent : sendings) energies.emplace_back(sent.norms[0].size(), 0.0);
  for (std::size_t i = 0; i < kWorkers; ++i) {
    double total = 0;
    for (const auto& sent : sendings) total += weight(allocation, sent, i);
    for (std::size_t b = 0; b < sendings.size(); ++b) {
      const auto parts = split(sendings[b], i, budget * weight(allocation, sendings[b], i) / total);
      for (std::size_t g = 0; g < parts.size(); ++g) energies[b][g] += parts[g] / kWorkers;
    }
  }
  return energies;
}

class EnergyLaws : public testing::TestWithParam<Variant> {};
INSTANTIATE_TEST_SUITE_P(Registry, EnergyLaws, testing::ValuesIn(variants()),
                         [](const auto& variant) { return variant.param.name; });

TEST_P(EnergyLaws, EveryGroupHasTheEnergyOfTheFormulas) {
  auto options = GetParam().options;
  options.phase_share = 0.3;  // where there are two phases
  const bool two = make_compressor(options)->pass_shares().size() > 1;
  const auto shares_of_passes = two ? std::vector<double>{0.3, 0.7} : std::vector<double>{1};
  for (const std::string allocation : kAllocationNames) {
    for (const bool filled : {false, true}) {
      for (const bool unequal : {false, true}) {
        auto algorithm = algorithm_of(options);
        algorithm.allocation = allocation;
        algorithm.feedback = "none";
        algorithm.fill_budget = filled;
        const std::vector<double> budgets =
            unequal ? std::vector<double>{0.5, 1.5, 1.0} : std::vector<double>{1, 1, 1};
        if (unequal) algorithm.power_shares = {1, 3, 2};
        Solo solo(kWorkers);
        Listener::Asked asked;
        Aggregator aggregator(small_layout(), algorithm, 1, solo, at::kDouble,
                              std::make_unique<Listener>(asked));
        for (std::int64_t t = 0; t < 2; ++t) {
          const auto what = fmt::format("{} filled {} unequal {} round {}", allocation, filled, unequal, t);
          auto gradients = random_gradients(kWorkers, small_layout().size, static_cast<std::uint32_t>(t));
          gradients[1].mul_(3);
          gradients[2].narrow(0, 84, 90).mul_(7);  // another tensor is this worker's largest
          NamedTensors state;
          for (const auto& [name, tensor] : aggregator.state()) state[name] = tensor.clone();
          asked.clear();
          auto estimate = at::zeros({small_layout().size}, at::kDouble);
          const auto report = aggregator.round(t, kPower, gradients, estimate);

          std::map<std::size_t, std::vector<double>> expected, got;  // of a tensor: all groups of all passes
          std::vector<double> spent(kWorkers, 0.0);
          const auto passes = passes_of(options, state, gradients, t);
          for (std::size_t pass = 0; pass < passes.size(); ++pass) {
            const double budget = kPower * shares_of_passes[pass];
            auto energies = energies_of(passes[pass], allocation, budget);
            const auto scale_of = [&](std::size_t b, std::size_t g) {  // a of equation 2
              double scale = HUGE_VAL;
              for (std::size_t i = 0; i < kWorkers; ++i)
                scale = std::min(scale, std::sqrt(energies[b][g] * budgets[i]) / passes[pass][b].norms[i][g]);
              return scale;
            };
            const auto spent_by = [&](std::size_t i) {
              double sum = 0;
              for (std::size_t b = 0; b < energies.size(); ++b)
                for (std::size_t g = 0; g < energies[b].size(); ++g)
                  sum += std::pow(scale_of(b, g) * passes[pass][b].norms[i][g], 2);
              return sum;
            };
            if (filled) {
              double factor = HUGE_VAL;
              for (std::size_t i = 0; i < kWorkers; ++i)
                factor = std::min(factor, budget * budgets[i] / spent_by(i));
              EXPECT_GE(factor, 1 - 1e-12);
              for (auto& block : energies)
                for (double& energy : block) energy *= factor;
            }
            for (std::size_t i = 0; i < kWorkers; ++i) spent[i] += spent_by(i);
            for (std::size_t b = 0; b < energies.size(); ++b) {
              auto& all = expected[passes[pass][b].tensor];
              for (std::size_t g = 0; g < energies[b].size(); ++g)
                all.push_back(1 / (kWorkers * scale_of(b, g)));
            }
          }
          for (const auto& [key, noise] : asked)
            got[key.first].insert(got[key.first].end(), noise.begin(), noise.end());
          ASSERT_EQ(got.size(), expected.size()) << what;
          for (const auto& [tensor, noise] : expected) {
            ASSERT_EQ(got[tensor].size(), noise.size()) << what;
            for (std::size_t g = 0; g < noise.size(); ++g)
              ASSERT_NEAR(got[tensor][g] / noise[g], 1, 1e-9)
                  << what << " tensor " << tensor << " group " << g;
          }
          for (std::size_t i = 0; i < kWorkers; ++i)
            ASSERT_NEAR(report.energy[i] / spent[i], 1, 1e-9) << what;
        }
      }
    }
  }
}

/// With `fill_budget` the worker that sends most spends all it may, on every channel with noise. Without it
/// something is left in every round wherever workers alike in gains and budgets differ in what they send, but
/// where a channel has them at full power anyway.
TEST(FillBudget, SpendsTheWholeBudgetOnEveryChannel) {
  int leave_something = 0;
  for (const auto& entry : channels()) {
    const auto plain = make_channel(entry.name);  // a digital link spends what it sends its bits by
    if (!plain->traits().noisy || plain->traits().digital || !entry.needs.empty()) continue;
    double most = 0;  // of the budget that a round uses where it is not filled
    for (const bool filled : {false, true}) {
      auto algorithm = algorithm_of({.rank = 2}, entry.name);
      algorithm.fill_budget = filled;
      algorithm.power_shares = {1, 4};
      algorithm.fading_draw = "tensor";
      Solo solo(kWorkers);
      Aggregator aggregator(small_layout(), algorithm, 1, solo, at::kDouble);
      for (std::int64_t t = 0; t < 4; ++t) {
        auto gradients = random_gradients(kWorkers, small_layout().size, static_cast<std::uint32_t>(t));
        gradients[2].narrow(0, 84, 90).mul_(7);
        auto estimate = at::zeros({small_layout().size}, at::kDouble);
        const auto report = aggregator.round(t, kPower, gradients, estimate);
        if (!report.nobody_heard && filled) {
          EXPECT_NEAR(report.budget_use, 1, 1e-12) << entry.name << " in round " << t;
        }
        if (!filled) most = std::max(most, report.budget_use);
      }
    }
    if (!plain->traits().fades && !plain->traits().shares_power && most < 0.99) ++leave_something;
  }
  EXPECT_GT(leave_something, 0) << "there is something to give back";
}

/// With fill_budget less noise, by the factor that the energies of the largest worker tell.
TEST(FillBudget, ChangesNothingWhereTheBudgetIsUsed) {
  at::Tensor estimates[2];
  for (const bool filled : {false, true}) {
    auto algorithm = algorithm_of({.rank = 2});
    algorithm.fill_budget = filled;
    Solo solo(1);
    Aggregator aggregator(small_layout(), algorithm, 1, solo, at::kDouble);
    estimates[filled ? 1 : 0] = run_rounds(aggregator, 1, 0, 3, kPower);
  }
  EXPECT_LT(relative_difference(estimates[1], estimates[0]), 1e-12);
}

// `opt` of spec 3.4: at the energies of one worker's ranks no transfer between two of them makes
// sum_j kappa_j f*(P_j) smaller, f* = (1 + m/alpha)(1 + n/beta) at the split of spec 3.3, Lemma 7.
TEST(RankAllocation, OptMinimisesTheNoiseOfAFactorPair) {
  Layout layout;
  layout.add("weight", {24, 40});
  CompressorOptions options{.rank = 4, .transport = "one_shot", .canonical = true, .rank_allocation = "opt"};
  auto algorithm = algorithm_of(options);
  algorithm.feedback = "none";
  Solo solo(1);
  const auto gradients = random_gradients(1, layout.size, 0);
  for (const double power : {2.5, 100.0, 1e5}) {
    std::map<std::string, std::vector<double>> sigma;
    for (const char* rule : {"sqrt_kappa", "opt"}) {
      algorithm.compressor.rank_allocation = rule;
      Listener::Asked asked;
      Aggregator aggregator(layout, algorithm, 1, solo, at::kDouble, std::make_unique<Listener>(asked));
      auto estimate = at::zeros({layout.size}, at::kDouble);
      const auto report = aggregator.round(0, power, gradients, estimate);
      EXPECT_NEAR(report.energy[0] / power, 1, 1e-9);
      for (const auto& [key, noise] : asked)
        sigma[rule].insert(sigma[rule].end(), noise.begin(), noise.end());
    }
    // The norms of the columns: what is sent is the same under both rules.
    const auto compressor = make_compressor(options);
    const auto shared = compressor->initial_state(layout.layers[0], 0, 1, at::kDouble);
    Exchange exchange;
    exchange.layer = &layout.layers[0];
    exchange.seed = 1;
    exchange.message = gradients.view({1, 24, 40});
    exchange.shared = &shared;
    form_products(*compressor, exchange);
    const auto message = compressor->encode(exchange, 0);
    std::vector<double> kappa, energies[2];
    for (std::int64_t j = 0; j < 4; ++j) {
      const double left = norm_of(message.blocks[0][0][j]), right = norm_of(message.blocks[1][0][j]);
      kappa.push_back(left * left * right * right);
      for (int rule = 0; rule < 2; ++rule) {
        const auto& noise = sigma[rule == 0 ? "sqrt_kappa" : "opt"];
        const auto at = static_cast<std::size_t>(j);
        energies[rule].push_back(std::pow(left / noise[at], 2) + std::pow(right / noise[4 + at], 2));
      }
    }
    const auto cost = [&](const std::vector<double>& p) {
      double sum = 0;
      for (std::size_t j = 0; j < p.size(); ++j) {
        const double a = std::sqrt(1 + p[j] / 24), b = std::sqrt(1 + p[j] / 40);
        sum += kappa[j] * (1 + 24 * (a + b) / (p[j] * b)) * (1 + 40 * (a + b) / (p[j] * a));
      }
      return sum;
    };
    EXPECT_LT(cost(energies[1]), cost(energies[0])) << power;
    for (std::size_t from = 0; from < 4; ++from) {
      for (std::size_t to = 0; to < 4; ++to) {
        if (from == to) continue;
        auto moved = energies[1];
        const double amount = 0.01 * moved[from];
        moved[from] -= amount;
        moved[to] += amount;
        EXPECT_GT(cost(moved), cost(energies[1])) << power << ": " << from << " to " << to;
      }
    }
  }
}

}  // namespace
}  // namespace laser::contract
