// What is not read is told: the law over every option and every method.
#include <gtest/gtest.h>

#include <algorithm>

#include "laser/core/error.hpp"
#include "laser/core/options.hpp"
#include "laser/train/experiment.hpp"
#include "laser/train/task.hpp"

namespace laser {
namespace {

/// Values that an option may have and by default has not.
std::vector<std::string> other_values(const Option& option) {
  if (option.kind == Option::Kind::kFlag) return {option.fallback == "true" ? "false" : "true"};
  if (option.kind == Option::Kind::kInteger)
    return {std::to_string(std::stoll(option.fallback) + 1), std::to_string(std::stoll(option.fallback) * 2)};
  if (option.kind == Option::Kind::kReal) return {"0.5", "0.25", "2"};
  if (option.kind == Option::Kind::kRealList) return {"[1, 2]", "[2]"};
  std::vector<std::string> words;
  for (std::size_t at = 0; at < option.range.size();) {
    const auto bar = std::min(option.range.find(" | ", at), option.range.size());
    const auto word = option.range.substr(at, bar - at);
    if (word != option.fallback) words.push_back(word);
    at = bar + 3;
  }
  return words;
}

TEST(Settings, AreToldExactlyWhereTheyChangeNothing) {
  Experiment plain;
  OptionList list;
  describe(list, plain);
  int read = 0, told = 0;
  for (const auto& recipe : recipes()) {
    for (const std::string task : {"mnist", "mnist_mlp", "cifar10", "wikitext2"}) {
      const Settings base{{"method", recipe.name}, {"task", task}};
      const auto before = experiment_hash(resolve(base));
      for (const auto& option : list.all()) {
        if (option.name == "method" || option.name == "task" || is_machine_setting(option.name)) continue;
        for (const auto& value : other_values(option)) {
          auto settings = base;
          settings.emplace_back(option.name, value);
          Experiment experiment;
          try {
            experiment = resolve(settings);
          } catch (const Error&) {  // does not go with the others: told already
            continue;
          }
          if (to_map(experiment) == to_map(resolve(base))) continue;  // this method's own value
          const bool changes = experiment_hash(experiment) != before;
          const auto unread = unread_settings(settings, experiment);
          EXPECT_EQ(unread.size(), changes ? 0U : 1U)
              << recipe.name << " " << task << " " << option.name << "=" << value;
          ++(changes ? read : told);
        }
      }
    }
  }
  EXPECT_GT(read, 500);
  EXPECT_GT(told, 500);
}

TEST(Settings, OfAFileThatARunWroteAreNotTold) {
  for (const auto& recipe : recipes()) {
    for (const auto& task : task_names()) {
      Settings asked{{"method", recipe.name}, {"task", task}};
      if (has_own_data(task)) asked.emplace_back("data", "mine");
      const auto experiment = resolve(asked);
      Settings all;
      for (const auto& [name, value] : to_map(experiment)) all.emplace_back(name, value);
      EXPECT_EQ(unread_settings(all, experiment), std::vector<std::string>{}) << recipe.name << " " << task;
    }
  }
}

TEST(Course, IsThatOfAnyNumberOfEpochsWhereTheyDoNotShapeIt) {
  const auto course = [](Settings settings, const char* epochs) {
    settings.emplace_back("epochs", epochs);
    return course_hash(resolve(settings));
  };
  const Settings same[] = {{},
                           {{"schedule", "multistep"}, {"milestones", "[3]"}},
                           {{"method", "sgd"}, {"power_policy", "linear_up"}}};
  const Settings shaped[] = {{{"schedule", "one_cycle"}}, {{"power_policy", "linear_up"}}};
  for (const auto& settings : same) EXPECT_EQ(course(settings, "5"), course(settings, "9"));
  for (const auto& settings : shaped) EXPECT_NE(course(settings, "5"), course(settings, "9"));
  EXPECT_NE(course({}, "5"), course({{"power", "2"}}, "5"));
}

}  // namespace
}  // namespace laser
