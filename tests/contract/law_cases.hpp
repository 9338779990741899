// Laws over the rows of the tables as tests: one test for each law and subject.
#pragma once

#include <gtest/gtest.h>

#include <exception>
#include <ostream>
#include <string>
#include <vector>

#include "laws.hpp"

namespace laser::contract {

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
