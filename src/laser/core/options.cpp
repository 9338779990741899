#include "laser/core/options.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "laser/core/collect.hpp"
#include "laser/core/fail.hpp"

namespace laser {
namespace {

/// A whole number of any size, or digits that look like one.
bool is_whole(std::string_view text) {
  if (!text.empty() && (text.front() == '+' || text.front() == '-')) text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

template <class T>
bool read_number(std::string_view text, T& value) {
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  return problem == std::errc{} && end == text.data() + text.size();
}

double read_real(const std::string& name, std::string_view text) {
  double value = 0;
  if (!read_number(text, value) || std::isnan(value)) {
    const bool several = text.find_first_of(",:") != text.npos;
    fail(ExitCode::kConfiguration, "{} = '{}' is not a number{}", name, text,
         several ? fmt::format(". HINT: 'laser sweep {}={} --out DIR' trains one run for each", name, text)
                 : "");
  }
  return value;
}

std::vector<double> read_real_list(const std::string& name, std::string_view text) {
  if (text.size() >= 2 && text.front() == '[' && text.back() == ']') text = text.substr(1, text.size() - 2);
  std::vector<double> values;
  while (!text.empty()) {
    const auto comma = text.find(',');
    auto item = text.substr(0, comma);
    while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
    while (!item.empty() && item.back() == ' ') item.remove_suffix(1);
    values.push_back(read_real(name, item));
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
  }
  return values;
}

}  // namespace

std::string number_text(double value) { return fmt::format("{}", value); }

void OptionList::group(const std::string& name, std::function<bool()> used) {
  group_ = name;
  used_ = std::move(used);
}

Option& OptionList::add(const std::string& name, Option::Kind kind, const std::string& unit,
                        const std::string& range, const std::string& sentence) {
  Option option;
  option.name = name;
  option.group = group_;
  option.kind = kind;
  option.unit = unit;
  option.range = range;
  option.sentence = sentence;
  option.used = used_;
  options_.push_back(std::move(option));
  return options_.back();
}

void OptionList::add_integer(const std::string& name, std::int64_t& variable, std::int64_t low,
                             std::int64_t high, const std::string& unit, const std::string& sentence) {
  const bool bounded = high != std::numeric_limits<std::int64_t>::max();
  const auto range = bounded ? fmt::format("{} .. {}", low, high) : fmt::format("{} or more", low);
  auto& option = add(name, Option::Kind::kInteger, unit, range, sentence);
  option.fallback = std::to_string(variable);
  option.get = [&variable] { return std::to_string(variable); };
  option.set = [&variable, name, low, high, range](const std::string& text) {
    std::int64_t value = 0;
    if (!read_number(text, value)) {
      if (text.find_first_of(",:") != text.npos) (void)read_real(name, text);
      if (!is_whole(text)) fail(ExitCode::kConfiguration, "{} = '{}' is not a whole number", name, text);
      fail(ExitCode::kConfiguration, "{} = {} is out of range: it must be {} .. {}", name, text, low, high);
    }
    if (value < low || value > high) {
      fail(ExitCode::kConfiguration, "{} = {} is out of range: it must be {}", name, value, range);
    }
    variable = value;
  };
}

void OptionList::add_real(const std::string& name, double& variable, double low, double high, bool open_low,
                          const std::string& unit, const std::string& sentence) {
  std::string range = fmt::format("{} {}", open_low ? "above" : "at least", low);
  if (std::isfinite(high)) range += fmt::format(", at most {}", high);
  if (!std::isfinite(low)) range = "any number";
  auto& option = add(name, Option::Kind::kReal, unit, range, sentence);
  option.fallback = number_text(variable);
  option.get = [&variable] { return number_text(variable); };
  option.set = [&variable, name, low, high, open_low, range](const std::string& text) {
    const double value = read_real(name, text);
    if (value < low || value > high || (open_low && value == low) || std::isinf(value)) {
      fail(ExitCode::kConfiguration, "{} = {} is out of range: it must be {}", name, text, range);
    }
    variable = value;
  };
}

void OptionList::add_flag(const std::string& name, bool& variable, const std::string& sentence) {
  auto& option = add(name, Option::Kind::kFlag, "", "true | false", sentence);
  option.fallback = variable ? "true" : "false";
  option.get = [&variable] { return std::string(variable ? "true" : "false"); };
  option.set = [&variable, name](const std::string& text) {
    if (text != "true" && text != "false") {
      fail(ExitCode::kConfiguration, "{} = '{}' must be true or false", name, text);
    }
    variable = text == "true";
  };
}

void OptionList::add_choice(const std::string& name, std::string& variable,
                            const std::vector<std::string>& choices, const std::string& sentence) {
  auto& option = add(name, Option::Kind::kText, "", fmt::format("{}", fmt::join(choices, " | ")), sentence);
  option.fallback = variable;
  option.get = [&variable] { return variable; };
  option.set = [&variable, name, choices](const std::string& text) {
    if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
      const auto near = nearest_name(text, choices);
      fail(ExitCode::kConfiguration, "{} = '{}' is unknown; {}", name, text,
           near.empty() ? fmt::format("choose one of {}", fmt::join(choices, ", "))
                        : fmt::format("did you mean '{}'?", near));
    }
    variable = text;
  };
}

void OptionList::add_text(const std::string& name, std::string& variable, const std::string& sentence) {
  auto& option = add(name, Option::Kind::kText, "", "", sentence);
  option.fallback = variable;
  option.get = [&variable] { return variable; };
  option.set = [&variable](const std::string& text) { variable = text; };
}

void OptionList::add_real_list(const std::string& name, std::vector<double>& variable,
                               const std::string& unit, const std::string& sentence) {
  auto& option = add(name, Option::Kind::kRealList, unit, "[a, b, ...]", sentence);
  const auto text_of = [&variable] {
    std::vector<std::string> parts;
    parts.reserve(variable.size());
    for (const double value : variable) parts.push_back(number_text(value));
    return fmt::format("[{}]", fmt::join(parts, ", "));
  };
  option.fallback = text_of();
  option.get = text_of;
  option.set = [&variable, name](const std::string& text) { variable = read_real_list(name, text); };
}

void OptionList::also_read(const std::function<std::string(const std::string&)>& plain) {
  auto& option = options_.back();
  option.set = [plain, set = option.set](const std::string& text) { set(plain(text)); };
}

const Option& OptionList::find(std::string_view name) const {
  for (const auto& option : options_) {
    if (option.name == name) return option;
  }
  const auto names = names_of(options_);
  auto near = known_elsewhere_as(name);
  if (std::ranges::find(names, near) == names.end()) near = nearest_name(name, names);
  fail(ExitCode::kConfiguration, "unknown key '{}'{} HINT: 'laser train --all' lists all keys", name,
       near.empty() ? "." : fmt::format("; did you mean '{}'?", near));
}

void OptionList::check() const {
  for (const auto& option : options_) option.set(option.get());
}

std::string another_value(const Option& option) {
  const auto value = option.get();
  std::vector<std::string> tries{"true", "false", "1", "2", "0.5", "0.25", "[1, 2]", "another"};
  std::string_view rest = option.range;  // of a choice: "a | b | c"
  while (!rest.empty()) {
    const auto bar = rest.find(" | ");
    tries.emplace_back(rest.substr(0, bar));
    rest = bar == std::string_view::npos ? std::string_view{} : rest.substr(bar + 3);
  }
  for (const auto& text : tries) {
    try {
      option.set(text);
    } catch (const Error&) {
      continue;
    }
    if (option.get() != value) return option.get();
  }
  return value;
}

std::string known_elsewhere_as(std::string_view word) {
  static const std::map<std::string_view, const char*> kOurs{{"lr", "learning_rate"},
                                                             {"step_size", "learning_rate"},
                                                             {"gamma", "learning_rate"},
                                                             {"eta", "learning_rate"},
                                                             {"client_lr", "local_learning_rate"},
                                                             {"local_lr", "local_learning_rate"},
                                                             {"clients", "workers"},
                                                             {"num_clients", "workers"},
                                                             {"num_workers", "workers"},
                                                             {"n_workers", "workers"},
                                                             {"users", "workers"},
                                                             {"devices", "workers"},
                                                             {"k", "workers"},
                                                             {"world_size", "workers"},
                                                             {"snr", "snr_db"},
                                                             {"p", "power"},
                                                             {"P", "power"},
                                                             {"energy", "power"},
                                                             {"power_db", "power"},
                                                             {"local_epochs", "local_steps"},
                                                             {"tau", "local_steps"},
                                                             {"mu", "proximal"},
                                                             {"fedprox", "proximal"},
                                                             {"batch", "batch_size"},
                                                             {"bs", "batch_size"},
                                                             {"r", "rank"},
                                                             {"wd", "weight_decay"},
                                                             {"l2", "weight_decay"},
                                                             {"iterations", "epochs"},
                                                             {"rounds", "epochs"},
                                                             {"steps", "epochs"},
                                                             {"num_epochs", "epochs"},
                                                             {"dataset", "task"},
                                                             {"alpha", "concentration"},
                                                             {"dirichlet_alpha", "concentration"},
                                                             {"non_iid", "sharding"},
                                                             {"noniid", "sharding"},
                                                             {"partition", "sharding"},
                                                             {"client_fraction", "participation"},
                                                             {"fraction", "participation"},
                                                             {"ratio", "compression_factor"},
                                                             {"fading", "channel"},
                                                             {"noise", "power"},
                                                             {"random_seed", "seed"},
                                                             {"ema", "ema_decay"},
                                                             {"lr_schedule", "schedule"},
                                                             {"algorithm", "method"},
                                                             {"compression", "compressor"},
                                                             {"error_feedback", "feedback"},
                                                             {"clip", "gradient_clip"},
                                                             {"dtype", "precision"},
                                                             {"algo", "method"},
                                                             {"val", "validation"}};
  const auto found = kOurs.find(word);
  return found == kOurs.end() ? "" : found->second;
}

std::string nearest_name(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(word.size() / 2, 1) + 1;
  for (const auto& candidate : candidates) {
    std::vector<std::size_t> row(candidate.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= word.size(); ++i) {
      std::size_t diagonal = row[0];
      row[0] = i;
      for (std::size_t j = 1; j <= candidate.size(); ++j) {
        const std::size_t change = diagonal + (word[i - 1] == candidate[j - 1] ? 0 : 1);
        diagonal = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
      }
    }
    if (row.back() < best_distance) {
      best_distance = row.back();
      best = candidate;
    }
  }
  return best;
}

}  // namespace laser
