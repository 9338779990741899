// Laws that hold for every channel of the registry (laser/laws/channel_laws.cpp) under methods of
// every kind of memory.
#include <gtest/gtest.h>

#include <algorithm>

#include "law_cases.hpp"

namespace laser::contract {
namespace {

std::vector<LawCase> cases() {
  std::vector<LawCase> result;
  for (const auto& channel : channels()) {
    for (const std::int64_t antennas : {0, 4}) {  // of a trace
      if (antennas != 0 && channel.needs.empty()) continue;
      for (const char* method : {"laser", "zsgd", "laser_matched", "laser_momentum", "swept", "ddsgd"}) {
        Subject subject;
        subject.algorithm.compressor.rank = 2;
        subject.algorithm.compressor.compression_factor = 0.4;
        apply(find_recipe(method), subject.algorithm);
        subject.algorithm.channel = channel.name;
        subject.algorithm.scale_bits = 0;
        subject.algorithm.filter.preconditioner_refresh = 1;  // within the few rounds of a law
        if (!channel.needs.empty()) subject.algorithm.link.trace = trace(antennas);
        if (!go_together(subject.algorithm, subject.parts)) continue;
        add_laws(result, channel.name + (antennas > 0 ? "_antennas_" : "_") + method, subject,
                 channel_laws());
      }
    }
  }
  // Links of which nothing is perfect: what is heard is no mean then, and what is clipped costs less.
  for (const auto& entry : channels()) {
    const auto& channel = entry.name;
    if (!entry.needs.empty() || !channel_traits(channel).aligned) continue;
    for (const bool clips : {false, true}) {
      Subject subject;
      subject.algorithm.compressor.rank = 2;
      subject.algorithm.channel = channel;
      auto& fading = subject.algorithm.link;
      fading.channel_error = 0.1;
      fading.path_loss_exponent = 3;
      fading.shadowing_db = 6;
      fading.phase_error = 0.4;
      fading.timing_error = 0.3;
      fading.peak_ratio = clips ? 2 : 0;
      if (!go_together(subject.algorithm)) continue;
      add_laws(result, channel + (clips ? "_imperfect_clipped" : "_imperfect"), subject, channel_laws());
    }
  }
  return result;
}

class ChannelLaws : public LawTest {};
INSTANTIATE_TEST_SUITE_P(Registry, ChannelLaws, testing::ValuesIn(cases()), case_name);
TEST_P(ChannelLaws, Hold) { hold(); }

}  // namespace
}  // namespace laser::contract
