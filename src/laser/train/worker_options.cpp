#include "laser/train/worker_options.hpp"

#include <limits>

#include "laser/aggregate/describe.hpp"
#include "laser/aggregate/presence.hpp"
#include "laser/core/fail.hpp"
#include "laser/link/units.hpp"
#include "laser/train/task.hpp"

namespace laser {
namespace {

constexpr double kNoBound = std::numeric_limits<double>::infinity();

}  // namespace

void describe_links(OptionList& list, Experiment& e) {
  describe_links(list, e.algorithm);
  list.group("links", [&e] { return e.downlink.mode != "exact"; });
  list.add_choice("downlink", e.downlink.mode, {"exact", "common", "separate"},
                  "the broadcast: exact, noisy and the same for all, or with each worker's own noise");
  list.add_real("downlink_power", e.downlink.power, 0, kNoBound, false,
                "energy of a broadcast, noise variance 1", "of the server's steps");
  list.also_read([](const std::string& text) { return link::plain_power("downlink_power", text); });
  list.group("links", [&e] { return e.downlink.mode == "separate"; });
  list.add_integer("resync_rounds", e.downlink.resync_rounds, 0, 1000000000, "rounds",
                   "from one exact broadcast of the model to the next; 0: never");
}

void describe_shards(OptionList& list, Experiment& e) {
  list.group("shards", [&e] { return e.shards.kind != "iid"; });
  list.add_choice(
      "sharding", e.shards.kind, {"iid", "sorted", "dirichlet", "clients"},
      "examples spread at random, by label, with class shares drawn for each worker, or as the data say");
  list.group("shards", [&e] { return e.shards.kind == "dirichlet"; });
  list.add_real("concentration", e.shards.concentration, 0, 1e6, true, "",
                "alpha of dirichlet: small is unlike");
  list.group("shards", [&e] { return !e.shards.shares.empty(); });
  list.add_real_list("shard_shares", e.shards.shares, "relative",
                     "sizes of the shards, repeated over the workers");
  list.group("shards", [&e] { return e.shards.held_out != 0; });
  list.add_real("validation", e.shards.held_out, 0, 0.9, false, "share of the training examples",
                "held out of training; accuracies are then theirs, not the test set's");
}

void describe_local_work(OptionList& list, Experiment& e) {
  auto& local = e.local;
  list.group("local", [&local] { return local.enabled(); });
  list.add_real("local_learning_rate", local.learning_rate, 0, kNoBound, false, "",
                "step size of the workers' own steps, whose outcome they send; 0: they send gradients");
  list.add_integer("local_steps", local.steps, 1, 1000000, "", "of a worker between two rounds");
  list.group("local", [&local] { return local.enabled() && local.proximal > 0; });
  list.add_real("proximal", local.proximal, 0, kNoBound, false, "",
                "mu of FedProx: mu/2 ||w_i - w||^2 in the loss of a worker");
  list.group("local", [&e] { return e.algorithm.participation < 1 && e.local.asleep != "keep"; });
  list.add_choice("asleep", local.asleep, {"keep", "drop"},
                  "what workers that are not awake do with their error memory");
}

void validate_workers(const Experiment& e) {
  (void)shares_of(e.algorithm.power_shares, e.workers);
  const auto& local = e.local;
  if (!local.enabled() && local.steps > 1) {
    fail(ExitCode::kConfiguration, "local_steps = {} without a step size. HINT: local_learning_rate=0.05",
         local.steps);
  }
  if (!local.enabled() && local.proximal > 0) {
    fail(ExitCode::kConfiguration,
         "proximal = {} would have no effect on a gradient. HINT: local_learning_rate=0.05", local.proximal);
  }
  if (e.downlink.mode != "exact" && e.downlink.power <= 0) {
    fail(ExitCode::kConfiguration,
         "downlink = '{}' needs a downlink_power above 0. HINT: downlink_power=100000, or downlink=exact",
         e.downlink.mode);
  }
  if (e.shards.kind == "clients" && e.task != "tensors") {
    fail(ExitCode::kConfiguration,
         "sharding = 'clients' needs data that say whose an example is. HINT: task=tensors with "
         "'clients' in its file");
  }
  if (e.shards.kind == "clients" && !e.shards.shares.empty()) {
    fail(ExitCode::kConfiguration,
         "shard_shares and sharding = 'clients' don't go together: the data give the sizes");
  }
  const bool text = model_of(e.task, e.model) == ModelKind::kLanguage;
  if (text && (e.shards.kind != "iid" || !e.shards.shares.empty())) {
    fail(ExitCode::kConfiguration,
         "task = '{}' has no shards: every worker reads the whole text. HINT: leave sharding and "
         "shard_shares out",
         e.task);
  }
}

}  // namespace laser
