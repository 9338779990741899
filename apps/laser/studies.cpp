#include "studies.hpp"

#include <fmt/ranges.h>

#include "laser/channel/channel.hpp"
#include "laser/core/fail.hpp"
#include "laser/core/options.hpp"

namespace laser {
namespace {

using Values = std::vector<std::string>;
using Grids = std::vector<std::vector<Axis>>;

/// "first", ..., each `factor` times the one before.
Axis powers(double first, double factor, int count) {
  Axis axis{"power", {}};
  for (int i = 0; i < count; ++i, first *= factor) axis.values.push_back(fmt::format("{}", first));
  return axis;
}

// Small scale: a quarter of the width, a quarter of the rank, a sixteenth of the power. That leaves the
// compression ratio, the power per parameter and lambda as they are. Methods alternate and the ends come
// early, so that a study which is cut short compares something.
Axis small_powers() { return {"power", {"250", "15.625", "4000", "62.5", "1000", "16000"}}; }

/// The paper takes the best rate at every power, from the same grid for every method.
Axis learning_rates() { return {"learning_rate", {"0.001", "0.005", "0.01", "0.05"}}; }

/// Power needed for an accuracy: the two methods of the paper's tables.
Study gain(const char* name, const char* sentence, const char* data, double first) {
  const Axis methods{"method", {"laser", "zsgd"}};
  const std::string config = data;
  return {name,
          sentence,
          {{"small", config + "-small.toml", {{small_powers(), methods}}},
           {"paper", config + ".toml", {{methods, powers(first, 2, 10), learning_rates()}}}}};
}

/// Accuracy over power: all methods of the paper's figures, the noiseless baseline beside them.
Study comparison(const char* name, const char* sentence, const char* data, double first) {
  const Axis all{"method", {"laser", "zsgd", "sketch", "randomk", "signum"}};
  const Axis baseline{"method", {"sgd"}};
  const std::string config = data;
  return {name,
          sentence,
          {{"small",
            config + "-small.toml",
            {{small_powers(), {"method", {"laser", "zsgd"}}},
             {baseline},
             {{"power", {"250", "15.625", "4000"}}, {"method", {"sketch", "randomk", "signum"}}}}},
           {"paper",
            config + ".toml",
            {{all, powers(first, 2, 10), learning_rates()}, {baseline, learning_rates()}}}}};
}

/// The budget over time; by rounds at small scale, which has few epochs.
Study policies(const char* name, const char* sentence, const Values& moving) {
  const Axis methods{"method", {"laser", "zsgd"}};
  Axis policy{"power_policy", {"constant"}};
  policy.values.insert(policy.values.end(), moving.begin(), moving.end());
  return {name,
          sentence,
          {{"small",
            "cifar10-small.toml",
            {{methods, policy, {"power_period", {"round"}}, {"power", {"15.625", "250", "4000"}}}}},
           {"paper", "cifar10.toml", {{methods, policy, powers(250, 2, 10)}}}}};
}

Study ranks() {
  const Axis laser{"method", {"laser"}};
  return {"fig5",
          "CIFAR-10: accuracy over the rank at three powers (Figure 5)",
          {{"small",
            "cifar10-small.toml",
            {{laser, {"rank", {"1", "2", "4", "8"}}, {"power", {"15.625", "250", "8000"}}}}},
           {"paper",
            "cifar10.toml",
            {{laser, {"rank", {"1", "2", "4", "8", "16", "32"}}, {"power", {"250", "4000", "128000"}}}}}}};
}

/// Figure 6: training without noise, one worker; the spectrum's rank falls with the width.
Study spectra() {
  const Grids::value_type alone{{"method", {"sgd"}}, {"workers", {"1"}}};
  auto small = alone, paper = alone;
  small.insert(small.end(), {{"batch_size", {"64"}}, {"spectrum_rank", {"2"}}});
  paper.insert(paper.end(), {{"batch_size", {"1024"}}, {"spectrum_rank", {"8"}}});
  return {"fig6",
          "CIFAR-10: share of the gradients' energy in few singular values (Figure 6)",
          {{"small", "cifar10-small.toml", {small}}, {"paper", "cifar10.toml", {paper}}}};
}

/// Language models: LASER and Z-SGD over the powers, and for Figure 1 the others beside them.
Study language(const char* name, const char* sentence, bool all) {
  const Axis both{"method", {"laser", "zsgd"}}, others{"method", {"sketch", "randomk", "signum"}};
  const Axis small = powers(4, 4, 6), paper = powers(10000, 4, 6);
  Study study{name,
              sentence,
              {{"small", "fig1-small.toml", {{both, small}}}, {"paper", "fig1.toml", {{both, paper}}}}};
  if (!all) return study;
  const Axis baseline{"method", {"sgd"}};
  study.scales[0].grids.push_back({baseline});
  study.scales[0].grids.push_back({others, {"power", {small.values[1], small.values[4]}}});
  study.scales[1].grids.push_back({baseline});
  study.scales[1].grids.push_back({others, paper});
  return study;
}

/// This project's own methods against the paper's, all of them tuned alike.
Study beyond() {
  const Axis methods{
      "method",
      {"laser", "zsgd", "laser_matched", "zsgd_matched", "zsgd_momentum", "zsgd_adaptive", "laser_momentum"}};
  return {"beyond",
          "the methods of docs/beyond.md against tuned baselines: power for an accuracy",
          {{"mnist",
            "beyond-mnist.toml",
            {{methods, {"power", {"0.01", "0.03", "0.1", "0.3", "1", "3", "10", "30"}}}},
            true},
           {"mlp", "beyond-mlp.toml", {{methods, {"power", {"0.1", "0.3", "1", "3", "10"}}}}, true}}};
}

/// Every channel with a noise of its own; the methods at their own step sizes.
Study all_channels() {
  const Axis methods{"method", {"laser", "zsgd", "zsgd_matched"}};
  Axis channel{"channel", {}};
  for (const auto& entry : channels()) {
    if (!entry.needs.empty()) continue;
    const auto one = make_channel(entry.name);
    if (one->traits().noisy && !one->traits().digital) channel.values.push_back(entry.name);
  }
  return {"channels",
          "MNIST: accuracy over all channels of docs/channels.md at P = 0.1, 1, 10",
          {{"mnist", "beyond-mnist.toml", {{methods, channel, powers(0.1, 10, 3)}}}}};
}

/// Shards that differ: all methods, and LASER without its memory of errors, at their own step sizes.
Study heterogeneity() {
  const Axis methods{"method",
                     {"laser", "zsgd", "randomk", "sketch", "adsgd", "signum", "laser_matched",
                      "laser_momentum", "zsgd_matched", "zsgd_momentum", "zsgd_adaptive"}};
  const auto budgets = powers(0.1, 10, 3);
  const Grids::value_type noisy{methods, budgets},
      without_memory{{"method", {"laser"}}, {"feedback", {"none"}}, budgets}, noiseless{{"method", {"sgd"}}};
  const Grids::value_type by_label{{"sharding", {"sorted", "iid"}}},
      drawn{{"sharding", {"dirichlet"}}, {"concentration", {"0.1", "0.3", "1"}}};
  Grids grids;
  for (const auto& shards : {by_label, drawn}) {
    for (const auto& who : {noisy, without_memory, noiseless}) {
      auto grid = shards;
      grid.insert(grid.end(), who.begin(), who.end());
      grids.push_back(std::move(grid));
    }
  }
  return {"heterogeneity",
          "MNIST: accuracy where the workers' data differ, by label and by Dirichlet shares",
          {{"mnist", "beyond-mnist.toml", grids}}};
}

/// The gain at the paper's number of rounds: what is scaled down is the images or tokens of a round, since
/// the error memory's lag counts rounds and does not shrink with the model (docs/deep-networks.md).
Study headline() {
  const Values paper{"0.001", "0.005", "0.01", "0.05"};
  const auto by_four = [](double first, int count) { return powers(first, 4, count).values; };
  GainPlan mlp{"ema",
               {{"laser", by_four(0.0625, 5)}, {"zsgd", by_four(1, 6)}},
               {"0.00025", "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.02", "0.05"},
               paper,
               {1, 2, 4, 8, 16},
               {86, 88, 90, 91, 92, 93, 94, 95, 96},
               {{"laser", by_four(0.25, 3)}, {"zsgd", by_four(4, 4)}},
               {{"laser", "0.005"}, {"zsgd", "0.0025"}}};
  GainPlan cifar10{"ema",
                   {{"laser", by_four(16, 2)}, {"zsgd", by_four(256, 2)}},
                   {"0.001", "0.0025", "0.005", "0.01", "0.02"},
                   {},
                   {5},
                   {40, 42, 44, 45, 46, 47, 48, 50, 52, 55, 60},
                   {{"laser", {"16"}}, {"zsgd", {"256"}}},
                   {{"laser", "0.01"}, {"zsgd", "0.0025"}}};
  GainPlan cifar100 = cifar10;
  cifar100.targets = {5, 10, 15, 20, 25, 30, 35};
  GainPlan gpt2{"perplexity",
                {{"laser", by_four(64, 4)}, {"zsgd", by_four(64, 6)}},
                {"0.0003", "0.001", "0.003"},
                {"0.001"},
                {5, 10, 20, 50},
                {200, 150, 120, 100, 90, 80, 70, 60, 50, 45, 40},
                {{"laser", {"256"}}, {"zsgd", {"1024"}}},
                {{"laser", "0.001"}, {"zsgd", "0.001"}}};
  return {"headline",
          "power that Z-SGD needs over LASER's, at the paper's number of rounds, step sizes chosen",
          {{"mlp", "headline-mlp.toml", {}, false, mlp},
           {"cifar10", "headline-cifar10.toml", {}, false, cifar10},
           {"cifar100", "headline-cifar100.toml", {}, false, cifar100},
           {"gpt2", "headline-gpt2.toml", {}, false, gpt2}}};
}

/// Federated averaging: local steps, data alike and unlike. "rounds": as many rounds and as much energy for
/// all, some 190 rounds. "air": who sends fewer symbols has more rounds, each with less energy, until all
/// have spent the air time and the energy of Z-SGD's (LASER 6.8 and Random-K 5 times as many).
Study federated() {
  struct Steps {
    const char *local, *epochs, *laser, *randomk;  // epochs that make the rounds
  };
  std::vector<StudyPart> parts;
  const Values rates{"0.03", "0.1", "0.3", "1", "3", "10"};
  for (const auto& [local, epochs, laser, randomk] :
       {Steps{"1", "1", "7", "5"}, Steps{"5", "5", "34", "25"}, Steps{"20", "19", "129", "95"}}) {
    for (const char* sharding : {"iid", "dirichlet"}) {
      const auto group = fmt::format("steps-{}-{}", local, sharding);
      const auto add = [&](const char* name, const char* passes, const Values& methods, const char* power) {
        parts.push_back({fmt::format("{}-{}", group, name),
                         group,
                         {{"local_steps", local}, {"sharding", sharding}, {"epochs", passes}},
                         methods,
                         {power},
                         rates});
      };
      add("rounds", epochs, {"laser", "zsgd", "randomk", "zsgd_adaptive"}, "10");
      add("air-laser", laser, {"laser"}, "1.47");
      add("air-randomk", randomk, {"randomk"}, "2");
    }
  }
  return {"federated",
          "MNIST: federated averaging at equal energy and at equal air time, data alike and unlike",
          {{"mlp", "federated.toml", {}, false, {}, parts}}};
}

/// Analog and digital links at equal energy, transmit power and air time, and links that are not perfect.
Study links() {
  // An air time of LASER at rank 2 is 900 symbols a round, of Z-SGD 25,450: 28.28 times as much. The powers
  // rise by the same factor, so that the long at one power and the short at the power below have the same
  // ratio a symbol.
  const Values digital{"digital_qsgd", "digital_powersgd", "ddsgd"};
  const auto with = [&](Values methods) {
    methods.insert(methods.end(), digital.begin(), digital.end());
    return methods;
  };
  const Values powers{"1.1255", "31.827", "900", "25450"};
  std::map<std::string, Values> powers_of;  // at the smallest power nobody has a bit for a hundred parameters
  for (const auto& method : digital) powers_of[method] = {"31.827", "900", "25450"};
  const Values rates{"0.0004", "0.003", "0.025", "0.2", "1.5"};
  std::vector<StudyPart> parts;
  for (const auto& [workers, batch] :
       {std::pair{"16", "32"}, {"4", "128"}, {"64", "8"}}) {  // 512 images a round
    const auto group = fmt::format("k-{}", workers);
    const auto add = [&](const char* air, Settings settings, const Values& methods) {
      settings.insert(settings.begin(), {{"workers", workers}, {"batch_size", batch}});
      parts.push_back(
          {fmt::format("{}-{}", group, air), group, settings, with(methods), powers, rates, powers_of});
    };
    add("short", {{"air_rank", "2"}}, {"laser", "randomk"});
    add("long", {{"air_rank", "0"}}, {"zsgd", "zsgd_adaptive"});
  }
  const Axis methods{"method", {"laser", "zsgd", "zsgd_adaptive"}}, power{"power", {"1"}};
  const Axis fading{"channel", {"csir"}};
  return {"links",
          "MNIST: analog against digital links at equal energy, transmit power and air time",
          {{"mlp", "links-mlp.toml", {}, false, {}, parts},
           {"imperfect",
            "links-imperfect.toml",
            {{methods, power, {"channel", {"awgn", "csir"}}},
             {methods, power, {"phase_error", {"0.2", "0.5", "1"}}},
             {methods, power, {"timing_error", {"0.1", "0.3", "1"}}},
             {methods, power, {"peak_ratio", {"4", "2", "1"}}},
             {methods, power, fading, {"channel_error", {"0.01", "0.1", "0.3"}}},
             {methods, power, fading, {"path_loss_exponent", {"2", "3", "4"}}},
             {methods, power, fading, {"shadowing_db", {"4", "8", "12"}}}}}}};
}

}  // namespace

const std::vector<Study>& studies() {
  static const std::vector<Study> table{
      {"table4",
       "MNIST, all methods at P = 0.1, 1, 10 (Table 4)",
       {{"paper",
         "table4.toml",
         {{{"method", {"laser", "randomk", "sketch", "zsgd", "adsgd", "signum", "sgd"}},
           {"power", {"0.1", "1", "10"}}}}}}},
      language("fig1", "WikiText: perplexity of GPT-2 over power, all methods (Figure 1)", true),
      language("table1", "WikiText: power needed for a perplexity, LASER and Z-SGD (Table 1)", false),
      {"table5", "GPT-2: data sent in an iteration (Table 5; computed at once)", {}, print_volume_study},
      gain("table3", "CIFAR-10: power needed for an accuracy, LASER and Z-SGD (Table 3)", "cifar10", 250),
      gain("table12", "CIFAR-100: power needed for an accuracy, LASER and Z-SGD (Table 12)", "cifar100", 500),
      comparison("fig2", "CIFAR-10: accuracy over power, all methods (Figure 2)", "cifar10", 250),
      policies("fig3", "CIFAR-10: budgets that fall over time (Figure 3)", {"linear_down", "step_down"}),
      comparison("fig4", "CIFAR-100: accuracy over power, all methods (Figure 4)", "cifar100", 500),
      ranks(),
      spectra(),
      policies("fig7", "CIFAR-10: budgets that rise over time (Figure 7)", {"linear_up", "step_up"}),
      headline(),
      beyond(),
      all_channels(),
      heterogeneity(),
      federated(),
      links(),
  };
  return table;
}

const Study& find_study(const std::string& name) {
  Values names;
  for (const auto& study : studies()) {
    if (study.name == name) return study;
    names.push_back(study.name);
  }
  const auto near = nearest_name(name, names);
  fail(ExitCode::kUsage, "unknown study '{}'{} HINT: 'laser reproduce --help' lists them", name,
       near.empty() ? "." : fmt::format("; did you mean '{}'?", near));
}

const StudyScale& find_scale(const Study& study, const std::string& name) {
  if (name.empty()) return study.scales.front();
  Values names;
  for (const auto& scale : study.scales) {
    if (scale.name == name) return scale;
    names.push_back(scale.name);
  }
  fail(ExitCode::kUsage, "{} has no scale '{}'. HINT: --scale {}", study.name, name,
       fmt::join(names, ", or --scale "));
}

Grids with_seeds(const Grids& grids, std::int64_t seeds) {
  Axis axis{"seed", {}};
  for (std::int64_t s = 1; s <= seeds; ++s) axis.values.push_back(std::to_string(s));
  Grids result = grids;
  for (auto& grid : result) grid.insert(grid.begin(), axis);
  return result;
}

}  // namespace laser
