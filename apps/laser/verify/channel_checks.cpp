#include "laser/verify/channel_checks.hpp"

namespace laser::verify {
namespace {

constexpr double kRounding = 1e-12;  // of numbers that are 1 up to double precision

}  // namespace

std::vector<Check> checks_of(const MeasuredScheme& subject, double power, const ErrorMoments& moments) {
  Check common;
  common.group = "channel";
  common.subject = subject.scheme.name;
  common.samples = moments.samples;
  common.power = power;
  const auto make = [&common](const char* quantity, const std::string& source, Claim claim, Estimate measured,
                              double expected) {
    Check check = common;
    check.quantity = quantity;
    check.source = source;
    check.claim = claim;
    check.measured = measured;
    check.expected = expected;
    return check;
  };
  std::vector<Check> checks{
      make("influence factor", subject.source, Claim::kEqual, moments.influence, subject.influence(power))};
  checks.back().plain_ratio = true;
  if (subject.bound) {
    checks.push_back(make("influence factor", subject.bound_source, Claim::kAtMost, moments.influence,
                          subject.bound(power)));
  }
  if (power != subject.powers[subject.powers.size() / 2]) return checks;
  checks.push_back(make("gain along the message", "spec 1.2", Claim::kEqual, moments.gain,
                        subject.gain ? subject.gain(power) : 1.0));
  if (subject.unbiased)
    checks.push_back(make("squared bias", "spec 1.2", Claim::kEqual, moments.squared_bias, 0));
  checks.push_back(
      make("energy over budget", "spec 1.1", Claim::kAtMost, {moments.energy_use, 0}, 1 + kRounding));
  return checks;
}

std::vector<Task> ChannelChecks::tasks() {
  slots_.clear();
  for (std::size_t i = 0; i < subjects_.size(); ++i) {
    for (const double power : subjects_[i].powers) slots_.push_back({i, power, {}});
  }
  std::vector<Task> tasks;
  for (std::size_t s = 0; s < slots_.size(); ++s) {
    const auto run = [this, s] {
      auto& slot = slots_[s];
      const auto& subject = subjects_[slot.subject];
      // Bases come from the seed and must be those of the formula: powers are told apart by their rounds.
      Scheme scheme = subject.scheme;
      scheme.first_round += 2 * static_cast<std::int64_t>(s) * size_.rounds();
      slot.moments = measure(scheme, slot.power, size_, subject.seed);
    };
    tasks.push_back({static_cast<double>(size_.rounds()), subjects_[slots_[s].subject].scheme.name, run});
  }
  return tasks;
}

std::vector<Check> ChannelChecks::checks() const {
  std::vector<Check> checks;
  for (const auto& slot : slots_) {
    const auto some = checks_of(subjects_[slot.subject], slot.power, slot.moments);
    checks.insert(checks.end(), some.begin(), some.end());
  }
  return checks;
}

}  // namespace laser::verify
