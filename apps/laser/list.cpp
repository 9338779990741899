// laser list [ROLE], laser explain NAME: the rows of the tables, with what each sets and reads.
#include <fmt/ranges.h>

#include <algorithm>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "command_tree.hpp"
#include "commands.hpp"
#include "laser/aggregate/algorithm.hpp"
#include "laser/aggregate/roles.hpp"
#include "laser/core/fail.hpp"
#include "laser/core/options.hpp"
#include "laser/report/table.hpp"
#include "laser/train/experiment.hpp"
#include "output.hpp"

namespace laser {
namespace {

/// A text behind its head, the lines after the first below the text.
void print_wrapped(const std::string& head, const std::string& text) {
  std::cout << head << wrap(text, std::string(head.size(), ' ')) << '\n';
}

void print_list(const std::string& asked) {
  std::vector<std::string> known;
  bool found = false;
  for (const auto& role : roles()) {
    known.push_back(role.plural);
    if (!asked.empty() && asked != role.plural && asked != role.setting) continue;
    std::cout << fmt::format("{}{}, {}\n", found ? "\n" : "", role.plural, role.sentence);
    for (const auto& row : role.rows) print_wrapped(fmt::format("  {:<18}", row.name), row.sentence);
    found = true;
  }
  if (!found) {
    const auto near = nearest_name(asked, known);
    fail(ExitCode::kUsage, "there is no role '{}'{} HINT: one of {}", asked,
         near.empty() ? "." : fmt::format("; did you mean '{}'?", near), fmt::join(known, ", "));
  }
  if (asked.empty())
    std::cout << "\n'laser explain NAME' tells what one of them sets and reads, and where it comes from.\n";
}

/// The options that only matter with this part, by trying it beside the others of its role.
std::vector<const Option*> options_of(const OptionList& list, const Role& role, const std::string& name) {
  std::vector<const Option*> result;
  const auto& choice = list.find(role.setting);
  // Some options matter only where they are not at their default.
  const auto used_with = [&](const Option& option, const std::string& value) {
    choice.set(value);
    if (option.used()) return true;
    another_value(option);
    const bool used = option.used();
    option.set(option.fallback);
    return used;
  };
  for (const auto& option : list.all()) {
    if (option.name == role.setting || !used_with(option, name)) continue;
    const bool always = std::all_of(role.rows.begin(), role.rows.end(),
                                    [&](const PartRow& row) { return used_with(option, row.name); });
    if (!always) result.push_back(&option);
  }
  choice.set(name);
  return result;
}

void print_part(const Role& role, const PartRow& row) {
  std::cout << fmt::format("{} = {}\n", role.setting, row.name);
  print_wrapped("  ", row.sentence);
  print_wrapped("  source: ", row.source);
  Experiment experiment;
  OptionList list;
  describe(list, experiment);
  if (role.setting == "method") {
    // Who plays which role, and whatever else it sets to another value than LASER has.
    const auto settings = to_map(resolve({{"method", row.name}})), lasers = to_map(resolve({}));
    std::string sets;
    for (const auto& option : list.all()) {
      const bool plays = option.name == "compressor" || option.name == "feedback" ||
                         option.name == "receiver" || option.name == "channel" || option.name == "allocation";
      const auto& value = settings.at(option.name);
      if (option.name != "method" && (plays || value != lasers.at(option.name)))
        sets += fmt::format("{}{}={}", sets.empty() ? "" : " ", option.name, value);
    }
    print_wrapped("  sets: ", sets);
    return;
  }
  const auto options = options_of(list, role, row.name);
  if (!options.empty()) std::cout << "  reads:\n";
  for (const auto* option : options) {
    print_wrapped(fmt::format("    {:<20}", option->name),
                  option->range.empty() ? option->sentence
                                        : fmt::format("{} [{}; default {}]", option->sentence, option->range,
                                                      option->fallback));
  }
  std::vector<std::string> methods;
  for (const auto& recipe : recipes()) {
    const auto settings = to_map(resolve({{"method", recipe.name}}));
    if (settings.at(role.setting) == row.name) methods.push_back(recipe.name);
  }
  if (!methods.empty()) print_wrapped("  in methods: ", fmt::format("{}", fmt::join(methods, ", ")));
}

/// Words of the pages, as docs/links.md has them.
constexpr std::pair<const char*, const char*> kWords[] = {
    {"symbol",
     "one real number that is sent, with noise of variance 1 where it is received; a channel use is its "
     "sending, by all workers at once"},
    {"d", "number of parameters of the model"},
    {"D", "real symbols that a worker sends in a round; d for raw gradients"},
    {"P", "power: energy of a worker in a round over the noise variance of a real symbol"},
    {"SNR", "signal-to-noise ratio of a symbol, P/D"},
    {"lambda", "channel influence factor: noise energy in the estimate over the energy of the message"},
    {"delta", "compression quality: the share of a message's energy that the compressor keeps"},
    {"lag",
     "rounds that a gradient waits in the error memory of a low-rank method before it is sent, 2/(r/m + "
     "r/n)"},
};

/// A word of the pages; false where none is called so.
bool print_word(const std::string& name, std::vector<std::string>& known) {
  for (const auto& [word, meaning] : kWords) {
    known.emplace_back(word);
    if (name != word) continue;
    print_wrapped(fmt::format("{}: ", word), meaning);
    std::cout << "  more words: docs/links.md\n";
    return true;
  }
  return false;
}

/// What a setting is and may be; false where none has this name.
bool print_setting(const std::string& name, std::vector<std::string>& known) {
  for (const auto& setting : all_settings()) {
    known.push_back(setting.name);
    if (setting.name != name) continue;
    std::cout << name << ", a setting\n";
    print_wrapped("  ", setting.sentence);
    print_wrapped("  values:  ", fmt::format("{}{}", setting.range.empty() ? "text" : setting.range,
                                             setting.unit.empty() ? "" : "; " + setting.unit));
    print_wrapped("  default: ", setting.fallback.empty() ? "empty" : setting.fallback);
    return true;
  }
  return false;
}

void print_explanation(const std::string& name) {
  std::vector<std::string> known;
  bool found = print_word(name, known);
  found = print_setting(name, known) || found;
  for (const auto& role : roles()) {
    for (const auto& row : role.rows) {
      known.push_back(row.name);
      if (row.name != name) continue;
      if (found) std::cout << '\n';
      print_part(role, row);
      found = true;
    }
  }
  if (found) return;
  const auto near = nearest_name(name, known);
  fail(ExitCode::kUsage, "nothing is called '{}'{} HINT: 'laser list' shows methods and parts", name,
       near.empty() ? "." : fmt::format("; did you mean '{}'?", near));
}

}  // namespace

void add_list(CLI::App& app, CommandLine&) {
  auto role = std::make_shared<std::string>(), name = std::make_shared<std::string>();
  auto* list = app.add_subcommand(
      "list", "Methods, compressors, feedbacks, receivers, channels, allocations, server rules");
  list->add_option("ROLE", *role, "one of them (default: all)");
  list->callback([role] { print_list(*role); });
  auto* explain = app.add_subcommand("explain",
                                     "What a method or part does, sets and reads, and where it comes from; "
                                     "what a setting may be; what a word means");
  explain->add_option("NAME", *name, "of a method, part or setting, or a word such as lambda or lag")
      ->required();
  explain->callback([name] { print_explanation(*name); });
}

}  // namespace laser
