// What the server's steps may be: options with their ranges.
#include <functional>
#include <limits>

#include "laser/core/collect.hpp"
#include "laser/core/options.hpp"
#include "laser/receive/server_rule.hpp"
#include "laser/train/optimizer.hpp"

namespace laser {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

}  // namespace

void describe(OptionList& list, OptimizerOptions& o, const std::function<bool()>& language) {
  // What an option that is younger than published runs says by default is no part of their hashes.
  list.group("training", [&o, language] { return o.name != "sgd" || language(); });
  list.add_choice("optimizer", o.name, {"sgd", "adamw"}, "rule of the server's steps");
  list.group("training", [&o] { return o.name == "sgd"; });
  list.add_real("momentum", o.momentum, 0, 0.9999, false, "", "momentum of the server's SGD");
  list.group("training", [&o] { return o.name == "adamw"; });
  list.add_real("beta1", o.beta1, 0, 0.9999, false, "", "decay of the mean of the gradients");
  list.add_real("beta2", o.beta2, 0, 0.999999, false, "", "decay of the mean of their squares");
  list.add_real("epsilon", o.epsilon, 0, 1, true, "", "least divisor of a step");
  list.group("training", [&o] { return o.name == "adamw" && o.second_moment != "full"; });
  list.add_choice(
      "second_moment", o.second_moment, {"full", "factored"},
      "mean squares of all numbers, or of a matrix the product of its rows' and columns' means, which "
      "averages noise");
  list.group("training");
  list.add_real("weight_decay", o.weight_decay, 0, kInfinity, false, "", "L2 penalty, applied at the server");
  list.group("training", [&o, language] { return o.gradient_clip > 0 || language(); });
  list.add_real("gradient_clip", o.gradient_clip, 0, kInfinity, false, "",
                "longest estimate that the optimizer sees; 0: as it is");
  list.group("training", [&o] { return o.rule != "plain"; });
  list.add_choice("server_rule", o.rule, names_of(server_rules()),
                  "what the server makes of a tensor's update, so that its length does not follow the noise");
  list.add_choice("rule_acts_on", o.rule_acts_on, {"momentum", "received"},
                  "the average of the estimates (as Muon), or each as it was received (as Dion)");
  list.group("training");
}

}  // namespace laser
