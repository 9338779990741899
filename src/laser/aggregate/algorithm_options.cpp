// What an algorithm may say: the options with their ranges, and what goes together.
#include <algorithm>
#include <map>
#include <string>

#include "laser/aggregate/algorithm.hpp"
#include "laser/aggregate/describe.hpp"
#include "laser/aggregate/presence.hpp"
#include "laser/channel/channel.hpp"
#include "laser/compress/compressor.hpp"
#include "laser/core/collect.hpp"
#include "laser/core/fail.hpp"
#include "laser/core/named_choice.hpp"
#include "laser/core/number_or_word.hpp"
#include "laser/core/options.hpp"
#include "laser/feedback/feedback.hpp"
#include "laser/power/allocation.hpp"
#include "laser/receive/receiver.hpp"

namespace laser {

namespace {

/// What a round reads of an algorithm and a method may say.
void describe_method(OptionList& list, Algorithm& algorithm) {
  describe(list, algorithm.compressor);
  describe_round(list, algorithm);
  describe_channel(list, algorithm);
}

/// What a method means where its row says nothing of a setting that other rows speak of: the default, and no
/// feedback.
const std::map<std::string, std::string>& unless_said() {
  static const auto values = [] {
    Algorithm plain;
    OptionList defaults;
    describe_method(defaults, plain);
    std::map<std::string, std::string> result;
    for (const auto& recipe : recipes()) {
      for (const auto& [setting, value] : recipe.settings) result[setting] = defaults.find(setting).fallback;
    }
    result["feedback"] = "none";
    return result;
  }();
  return values;
}

}  // namespace

double air_symbols(const Layer& layer, std::int64_t air_rank) {
  if (air_rank == 0 || !compression_saves(layer, air_rank)) return static_cast<double>(layer.size);
  return static_cast<double>(effective_rank(layer, air_rank) * (layer.rows + layer.columns)) / 2;
}

void describe_round(OptionList& list, Algorithm& a) {
  list.group("round");
  list.add_choice(
      "feedback", a.feedback, names_of(feedbacks()),
      "what a worker keeps of its message for later; 'laser list feedback' has a sentence on each");
  list.group("round", [&a] { return row_reads(feedbacks(), a.feedback, "feedback_strength"); });
  list.add_real("feedback_strength", a.feedback_strength, 0, 1, true, "",
                "c: share of what is left that the feedback 'fitted' keeps");
  list.group("round");
  list.add_choice(
      "receiver", a.receiver, names_of(receivers()),
      "scaling of what is received; matched: 1 / (1 + noise / signal), from norms that are known");
  list.group("round", [&a] {
    return row_reads(receivers(), a.receiver, "receiver_exponent") && a.receiver_exponent != 1;
  });
  list.add_real("receiver_exponent", a.receiver_exponent, 0, 1, false, "",
                "a: the matched weight is (1 + noise / signal)^-a");
  list.group("round", [&a] { return a.worker_momentum != 0; });
  list.add_real("worker_momentum", a.worker_momentum, 0, 0.99999, false, "",
                "beta: a worker sends u <- beta u + (1 - beta) g, not g");
  list.group("round", [&a] { return a.worker_momentum != 0 && a.filter.lead != "0"; });
  list.add_text(
      "lead", a.filter.lead,
      "nu: a worker sends u + nu (g - u), which takes back the delay of holding; auto: rounds that a "
      "symbol is held x (1 - beta)");
  list.also_read([](const std::string& text) {
    (void)number_or_word("lead", text, {"auto"}, 0, 1);
    return text.empty() ? std::string("0") : text;
  });
  list.group("round", [&a] { return a.filter.preconditioner != "none"; });
  list.add_choice("preconditioner", a.filter.preconditioner, {"none", "second_moment"},
                  "a worker's matrices times (n S + delta I)^-p, S its own running mean of g^T g / |g|^2");
  list.add_real("preconditioner_power", a.filter.preconditioner_power, 0, 1, false, "", "p");
  list.add_real("preconditioner_floor", a.filter.preconditioner_floor, 0, 1e6, true, "", "delta");
  list.add_integer("preconditioner_refresh", a.filter.preconditioner_refresh, 1, 1000000, "rounds",
                   "until it is formed first, and then whenever the run is four times as long");
  list.group("round", [&a] { return a.filter.equal_norms; });
  list.add_flag(
      "equal_norms", a.filter.equal_norms,
      "symbols are scaled to the workers' mean norm, so that all spend the whole budget: for workers "
      "with like data");
  list.group("round", [&a] { return row_reads(feedbacks(), a.feedback, "prediction"); });
  list.add_text(
      "prediction", a.prediction,
      "rho: workers send their message - rho x the estimate that all hold; a number from 0 to 1, or "
      "matched: what makes the rest shortest");
  list.also_read([](const std::string& text) {
    (void)number_or_word("prediction", text, {"matched"}, 0, 1);
    return text.empty() ? std::string("0") : text;
  });
  list.group("round", [&a] {
    return uses_setting(a.compressor, "memory") && row_reads(feedbacks(), a.feedback, "memory");
  });
  list.add_choice("memory", a.memory, {"float32", "bfloat16"},
                  "numbers of the error memory; bfloat16 halves it, rounded up or down at random");
}

void describe_channel(OptionList& list, Algorithm& a) {
  describe_channel(list, a.channel);
  const auto noisy = [&a] {  // of numbers: a digital link shares its energy by its symbols, and has one mode
    const auto channel = channel_traits(a.channel);
    return channel.noisy && !channel.digital;
  };
  list.group("channel", noisy);
  list.add_choice("channel_mode", a.channel_mode, {"fast", "physical"},
                  "exact mean + noise, or every transmitted signal formed and measured");
  list.add_choice("allocation", a.allocation, names_of(allocations()),
                  "how the budget is shared over the tensors");
  // An option that is younger than published runs is no part of their hashes while it says what they did.
  list.group("channel", [&a, noisy] { return a.fill_budget && noisy(); });
  list.add_flag("fill_budget", a.fill_budget,
                "one factor on all energies, so that the worker that sends most spends its whole budget");
  list.group("channel", [&a, noisy] { return a.precoding != "norms" && noisy(); });
  list.add_choice(
      "precoding", a.precoding, {"norms", "expected"},
      "what symbols are scaled by: this round's norms, or the roots of their mean squares over the "
      "rounds before, with which the budget holds on average and not in every round");
}

void describe_links(OptionList& list, Algorithm& a) {
  describe_link(list, a.channel, a.link);
  list.group("links", [&a] { return row_reads(channels(), a.channel, "air_rank"); });
  list.add_integer("air_rank", a.air_rank, 0, 64, "",
                   "digital link: the workers share as many symbols a round as LASER sends at this rank; 0: "
                   "as Z-SGD, one a parameter");
  list.add_real("scale_bits", a.scale_bits, 0, 64, false, "bits",
                "digital link: bits for the scale of each group of symbols; 0: scales are known everywhere, "
                "as norms are");
  list.group("links", [&a] { return channel_traits(a.channel).fades; });
  list.add_choice("fading_draw", a.fading_draw, {"round", "tensor"},
                  "one draw of the gains a round, or one for each tensor");
  list.group("links", [&a] { return channel_traits(a.channel).noisy && !a.power_shares.empty(); });
  list.add_real_list("power_shares", a.power_shares, "relative",
                     "budgets of the workers, repeated over them; their mean is the power");
  list.group("links", [&a] { return a.participation != 1; });
  list.add_real("participation", a.participation, 0, 1, true, "",
                "share of the workers that take part in a round; the others keep their memory");
  list.group("links", [&a] { return a.loss_rate != 0; });
  list.add_real("loss_rate", a.loss_rate, 0, 1, false, "",
                "probability that a worker's message of a round is lost; it keeps all of it");
  list.group("links", [&a] { return a.exchange != "fast"; });
  list.add_choice(
      "exchange", a.exchange, {"fast", "exact"},
      "several processes add up sums of their workers, or all symbols as one process does: the same "
      "bits for k times the traffic");
}

void check_options(const Algorithm& algorithm) {
  auto checked = algorithm;
  OptionList list;
  describe(list, checked.compressor);
  describe_round(list, checked);
  describe_channel(list, checked);
  describe_links(list, checked);
  list.check();
  (void)shares_of(algorithm.power_shares, std::max<std::int64_t>(1, std::ssize(algorithm.power_shares)));
  if (algorithm.loss_rate >= 1) {
    fail(ExitCode::kConfiguration, "loss_rate = 1 loses every message. HINT: a value below 1");
  }
}

void apply(const Recipe& recipe, Algorithm& algorithm) {
  OptionList list;
  describe_method(list, algorithm);
  for (const auto& [setting, value] : unless_said()) list.set(setting, value);
  for (const auto& [setting, value] : recipe.settings) list.set(setting, value);
}

Algorithm method(const std::string& name) {
  Algorithm algorithm;
  apply(find_recipe(name), algorithm);
  return algorithm;
}

}  // namespace laser
