#include "laser/aggregate/parts.hpp"

#include <algorithm>
#include <utility>

#include "laser/channel/describe.hpp"
#include "laser/core/fail.hpp"
#include "laser/core/options.hpp"

namespace laser {
namespace {

/// What a role is called in errors: the setting's value, or a part without a name in the tables.
std::string called(const char* role, const std::string& name, bool given) {
  return given ? fmt::format("this {}", role) : fmt::format("{} = '{}'", role, name);
}

/// Throws Error (configuration) for settings that channels of the table read, beside one of one's own.
void check_link_of_own(LinkOptions link) {
  if (link.trace) {
    fail(
        ExitCode::kConfiguration,
        "a trace of gains is read by channel=trace, and this channel is one of your own. HINT: leave it out");
  }
  const std::string none;
  LinkOptions plain;
  OptionList given, defaults;
  describe_link(given, none, link);
  describe_link(defaults, none, plain);
  for (std::size_t i = 0; i < given.all().size(); ++i) {
    const auto& option = given.all()[i];
    const bool of_table = std::ranges::any_of(
        channels(), [&](const ChannelEntry& row) { return row_reads(channels(), row.name, option.name); });
    if (!of_table || option.get() == defaults.all()[i].get()) continue;
    fail(ExitCode::kConfiguration,
         "{} = {} is read by channels of the table, and this channel is one of your own. HINT: leave it out",
         option.name, option.get());
  }
}

/// Throws Error (configuration) where scales are to follow something that the parts or other settings
/// exclude.
void check_scales(const Algorithm& algorithm, const Parts& parts, const Parts& given) {
  const auto channel = parts.channel->traits();
  if (algorithm.filter.equal_norms && parts.feedback->traits().remembers) {
    fail(ExitCode::kConfiguration,
         "equal_norms changes what arrives of a worker's message, and {} counts on what was sent. HINT: "
         "feedback=none or hold",
         called("feedback", algorithm.feedback, given.feedback != nullptr));
  }
  const bool expects = algorithm.precoding != "norms";
  const auto precoding = fmt::format("precoding = '{}'", algorithm.precoding);
  const auto add_up = [&](const std::string& what, const char* without) {
    if (!channel.digital && !channel.as_energies) return;
    fail(ExitCode::kConfiguration,
         "{} scales numbers that add up as they are, which {} does not do. HINT: {}, or channel=awgn", what,
         called("channel", algorithm.channel, given.channel != nullptr), without);
  };
  if (algorithm.filter.equal_norms) add_up("equal_norms = true", "equal_norms=false");
  if (expects) add_up(precoding, "precoding=norms");
  const std::pair<const char*, bool> askers[] = {{"equal_norms", algorithm.filter.equal_norms},
                                                 {"fill_budget", algorithm.fill_budget}};
  for (const auto& [name, asks] : askers) {
    if (!expects || !asks) continue;
    fail(ExitCode::kConfiguration,
         "{} scales without this round's norms, and {} = true needs them. HINT: {}=false", precoding, name,
         name);
  }
}

/// Throws Error (configuration) where one part asks for what another does not give.
void check_together(const Algorithm& algorithm, const Parts& parts, const Parts& given) {
  const auto compressor = parts.compressor->traits();
  const auto feedback = parts.feedback->traits();
  const auto receiver = parts.receiver->traits();
  const auto its_name = called("receiver", algorithm.receiver, given.receiver != nullptr);
  if (receiver.weighs && !compressor.linear) {
    fail(ExitCode::kConfiguration,
         "{} weighs an estimate, which must be linear in what is received, and {} is not. HINT: {}", its_name,
         called("compressor", algorithm.compressor.name, given.compressor != nullptr),
         given.compressor
             ? "linear = true in its traits where that holds, or a receiver that scales what is received"
         : uses_setting(algorithm.compressor, "transport") ? "transport=alternating or two_phase"
                                                           : "receiver=unbiased");
  }
  if ((receiver.weighs || receiver.scales) && !compressor.scales) {
    fail(ExitCode::kConfiguration,
         "{} scales what is received, and the estimate of {} does not follow its scale. HINT: "
         "receiver=unbiased",
         its_name, called("compressor", algorithm.compressor.name, given.compressor != nullptr));
  }
  if (feedback.weighs && receiver.scales) {
    fail(ExitCode::kConfiguration,
         "{} keeps what the receiver's weight left out, and {} has no weight that workers know. HINT: "
         "receiver=matched",
         called("feedback", algorithm.feedback, given.feedback != nullptr), its_name);
  }
  if (feedback.holds && (!compressor.linear || parts.compressor->pass_shares().size() > 1)) {
    fail(ExitCode::kConfiguration,
         "{} holds what is sent in one pass and is linear in the messages, and {} is not. HINT: {}",
         called("feedback", algorithm.feedback, given.feedback != nullptr),
         called("compressor", algorithm.compressor.name, given.compressor != nullptr),
         given.compressor ? "linear = true in its traits where that holds, or feedback=none"
                          : "transport=alternating, or compressor=sweep");
  }
  if (feedback.holds && parts.channel->traits().digital) {
    fail(ExitCode::kConfiguration,
         "{} holds numbers that add up on the air, and {} carries bits. HINT: feedback=none, or channel=awgn",
         called("feedback", algorithm.feedback, given.feedback != nullptr),
         called("channel", algorithm.channel, given.channel != nullptr));
  }
  if (algorithm.memory != "float32" && !(feedback.residual && compressor.factored)) {
    fail(ExitCode::kConfiguration,
         "memory = '{}' goes with a compressor of factors and a feedback that keeps what they leave, and {} "
         "with {} is none. HINT: memory=float32",
         algorithm.memory, called("compressor", algorithm.compressor.name, given.compressor != nullptr),
         called("feedback", algorithm.feedback, given.feedback != nullptr));
  }
}

}  // namespace

Parts make_parts(const Algorithm& algorithm, Parts parts) {
  check_options(algorithm);
  const auto given = parts;
  if (!parts.compressor) parts.compressor = make_compressor(algorithm.compressor);
  if (!parts.feedback)
    parts.feedback = make_feedback(algorithm.feedback, {algorithm.prediction, algorithm.feedback_strength});
  if (!parts.receiver) parts.receiver = make_receiver(algorithm.receiver, {algorithm.receiver_exponent});
  if (parts.channel) {
    check_link_of_own(algorithm.link);
    parts.channel = with_imperfections(std::move(parts.channel), algorithm.link);
  } else {
    parts.channel = make_channel(algorithm.channel, algorithm.link);
  }
  if (!parts.allocation) parts.allocation = make_allocation(algorithm.allocation);
  check_together(algorithm, parts, given);
  check_scales(algorithm, parts, given);
  return parts;
}

void validate(const Algorithm& algorithm) { (void)make_parts(algorithm); }

}  // namespace laser
