// Laws that hold for every channel of the registry (laser/laws/channel_laws.cpp) under methods of every kind
// of memory.
#include <gtest/gtest.h>

#include "law_cases.hpp"

namespace laser::contract {
namespace {

std::vector<LawCase> cases() {
  std::vector<LawCase> result;
  for (const auto& channel : channels()) {
    for (const char* method : {"laser", "zsgd", "laser_matched", "laser_momentum"}) {
      Subject subject;
      subject.algorithm.compressor.rank = 2;
      subject.algorithm.compressor.compression_factor = 0.4;
      apply(find_recipe(method), subject.algorithm);
      subject.algorithm.channel = channel.name;
      add_laws(result, channel.name + "_" + method, subject, channel_laws());
    }
  }
  return result;
}

class ChannelLaws : public LawTest {};
INSTANTIATE_TEST_SUITE_P(Registry, ChannelLaws, testing::ValuesIn(cases()), case_name);
TEST_P(ChannelLaws, Hold) { hold(); }

}  // namespace
}  // namespace laser::contract
