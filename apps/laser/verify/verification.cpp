#include "laser/verify/verification.hpp"

#include <algorithm>
#include <chrono>

#include "laser/core/fail.hpp"
#include "laser/verify/average_checks.hpp"
#include "laser/verify/channel_checks.hpp"
#include "laser/verify/link_checks.hpp"

namespace laser::verify {
namespace {

struct Sizes {
  SampleSize channel{64, 128};
  std::int64_t link_draws = 8192;
  RecursionSize recursion;
  LemmaSize lemmas;
  std::int64_t average_runs = 16384;
  std::vector<std::int64_t> last_rounds{128, 512, 2048, 8192, 32768};
  std::int64_t finding_rounds = 20000;
};

Sizes sizes_of(const VerificationOptions& options) {
  if (!options.quick) return {};
  return {{64, 8}, 1024, {128, 32, 32, 0.1}, {120, 16, 1024}, 1024, {128, 512}, 1000};
}

void append(std::vector<Check>& checks, const std::vector<Check>& more) {
  checks.insert(checks.end(), more.begin(), more.end());
}

}  // namespace

bool Verification::holds() const { return failures(checks).empty() && missed(controls).empty(); }

std::vector<ControlResult> missed(const std::vector<ControlResult>& controls) {
  std::vector<ControlResult> result;
  std::ranges::copy_if(controls, std::back_inserter(result), [](const auto& c) { return !c.caught(); });
  return result;
}

Verification run_verification(const VerificationOptions& options, const Watch& watch) {
  const auto start = std::chrono::steady_clock::now();
  const auto sizes = sizes_of(options);
  ChannelChecks channel(options.seed, sizes.channel);
  LinkChecks links(options.seed, sizes.link_draws);
  RecursionChecks recursion(options.seed, sizes.recursion);
  LemmaChecks lemmas(options.seed, sizes.lemmas);
  AverageChecks averages(options.seed, sizes.average_runs);
  Findings findings(options.seed, sizes.finding_rounds);
  Verification result;
  auto tasks = channel.tasks();
  for (auto&& more : {links.tasks(), recursion.tasks(), lemmas.tasks(), averages.tasks(), findings.tasks()})
    tasks.insert(tasks.end(), more.begin(), more.end());
  tasks.push_back({0.1 * static_cast<double>(sizes.last_rounds.back()), "Theorem 1",
                   [&] { result.theorem = theorem_rows(sizes.last_rounds); }});
  if (!run_tasks(std::move(tasks), options.threads, watch))
    fail(ExitCode::kInterrupted, "the verification was interrupted; nothing was written");

  result.options = options;
  result.channel_rounds = sizes.channel.rounds();
  result.recursion_rounds = recursion.samples();
  append(result.checks, channel.checks());
  append(result.checks, links.checks());
  append(result.checks, recursion.checks());
  append(result.checks, lemmas.checks());
  append(result.checks, averages.checks());
  for (const auto& row : result.theorem) result.checks.push_back(theorem_check(row));
  append(result.checks, findings.checks());
  result.controls = recursion.controls();
  const auto more = lemmas.controls();
  result.controls.insert(result.controls.end(), more.begin(), more.end());
  result.curves = recursion.curves();
  result.lemmas = lemmas.rows();
  result.findings = findings.all();
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace laser::verify
