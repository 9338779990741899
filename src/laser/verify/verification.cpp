#include "laser/verify/verification.hpp"

#include <chrono>

#include "laser/core/error.hpp"
#include "laser/verify/channel_checks.hpp"

namespace laser::verify {
namespace {

struct Sizes {
  SampleSize channel;
  StudySize study;
  std::int64_t finding_rounds = 0;
};

Sizes sizes_of(const VerificationOptions& options) {
  Sizes sizes;
  if (options.quick) {
    sizes.channel = {64, 8};
    sizes.study.rounds = {32, 64, 128, 256};
    sizes.study.snrs = {1, 1000};
    sizes.study.snr_rounds = 128;
    sizes.study.repetitions = 2;
    sizes.finding_rounds = 1000;
  } else {
    sizes.channel = {64, 128};
    sizes.study.rounds = {128, 323, 813, 2048, 5161, 13004, 32768};
    sizes.study.snrs = {0.1, 1, 10, 100, 1000, 10000};
    sizes.study.snr_rounds = 2048;
    sizes.study.repetitions = 3;
    sizes.finding_rounds = 20000;
  }
  return sizes;
}

void append(std::vector<Check>& checks, const std::vector<Check>& more) {
  checks.insert(checks.end(), more.begin(), more.end());
}

}  // namespace

bool Verification::holds() const { return failures(checks).empty(); }

Verification run_verification(const VerificationOptions& options, const Watch& watch) {
  const auto start = std::chrono::steady_clock::now();
  const auto sizes = sizes_of(options);
  ChannelChecks channel(options.seed, sizes.channel);
  ConvergenceStudy study(options.seed, sizes.study);
  Findings findings(options.seed, sizes.finding_rounds);
  auto tasks = channel.tasks();
  for (auto&& more : {study.tasks(), findings.tasks()}) tasks.insert(tasks.end(), more.begin(), more.end());
  if (!run_tasks(std::move(tasks), options.threads, watch))
    fail(ExitCode::kInterrupted, "the verification was interrupted; nothing was written");
  study.finish();

  Verification result;
  result.options = options;
  result.channel_rounds = sizes.channel.rounds();
  append(result.checks, channel.checks());
  append(result.checks, study.checks());
  append(result.checks, findings.checks());
  result.points = study.points();
  result.slopes = study.slopes();
  result.findings = findings.all();
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace laser::verify
