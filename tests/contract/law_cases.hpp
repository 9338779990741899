// Laws over the rows of the tables as tests: one test for each law and subject.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <exception>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "laws.hpp"

namespace laser::contract {

/// Gains that a test bed might have: 400 rounds of 3 workers, one of them now and then away.
inline std::shared_ptr<const GainTrace> trace(std::int64_t antennas) {
  constexpr std::int64_t kRounds = 400, kColumns = 3;
  GainTrace trace{kRounds, kColumns, antennas};
  const auto count = static_cast<std::size_t>(kRounds * kColumns * std::max<std::int64_t>(antennas, 1));
  std::vector<double> parts(2 * count);
  fill_normal(std::span(parts), {3, Purpose::kTest, 0, 0, 0});
  for (std::size_t j = 0; j < count; ++j) trace.gains.emplace_back(parts[2 * j], parts[2 * j + 1]);
  for (std::size_t j = 0; antennas == 0 && j < count; j += 7) trace.gains[j] = 0;
  return std::make_shared<const GainTrace>(std::move(trace));
}

struct LawCase {
  std::string subject_name;
  Subject subject;
  const Law* law = nullptr;
};
inline std::ostream& operator<<(std::ostream& out, const LawCase& c) {
  return out << c.subject_name << ": " << c.law->sentence;
}

inline void add_laws(std::vector<LawCase>& cases, const std::string& name, const Subject& subject,
                     const std::vector<Law>& laws) {
  for (const auto& law : laws) {
    if (law.applies(subject)) cases.push_back({name, subject, &law});
  }
}

inline std::string case_name(const testing::TestParamInfo<LawCase>& info) {
  return info.param.law->name + "_" + info.param.subject_name;
}

class LawTest : public testing::TestWithParam<LawCase> {
 protected:
  static void hold() {
    Findings findings;
    GetParam().law->check(GetParam().subject, findings);
    for (const auto& what : findings.all()) ADD_FAILURE() << what;
  }
};

}  // namespace laser::contract
