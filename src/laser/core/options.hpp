// One home for every option: name, unit, range, sentence. Parsing, --help, the printed legend, the resolved
// configuration and unknown-key errors are all derived from the list that a struct's `describe` function
// fills. This is not a configuration file reader (train/settings.hpp is).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace laser {

/// One option bound to a variable. Values travel as text, so that files, command lines and
/// records share one path.
struct Option {
  /// What its values are.
  enum class Kind { kInteger, kReal, kFlag, kText, kRealList };
  std::string name;
  std::string group;
  Kind kind = Kind::kText;
  std::string unit;      // empty where there is none
  std::string range;     // as printed: "1 .. 1024", "a | b"
  std::string sentence;  // what it does
  std::string fallback;  // the default, as text
  std::string unsaid;    // the value that runs from before the option have: it is no part of their hashes
  std::function<std::string()> get;
  std::function<void(const std::string&)> set;  // throws Error (configuration)
  std::function<bool()> used;                   // whether it matters for the present configuration
  std::function<std::string()> counted;         // what hashes know it by; empty: its value
  bool restates = false;  // says again what another option says: it is no part of hashes
};

/// The options of a program run, in the order in which they are explained.
class OptionList {
 public:
  /// Options added from here on belong to `name` and matter only while `used` holds.
  void group(
      const std::string& name, std::function<bool()> used = [] { return true; });

  /// A whole number, `low` to `high`.
  void add_integer(const std::string& name, std::int64_t& variable, std::int64_t low, std::int64_t high,
                   const std::string& unit, const std::string& sentence);
  /// A number; `low` and `high` bound it, `open_low` excludes `low` itself.
  void add_real(const std::string& name, double& variable, double low, double high, bool open_low,
                const std::string& unit, const std::string& sentence);
  /// true or false.
  void add_flag(const std::string& name, bool& variable, const std::string& sentence);
  /// One of `choices`.
  void add_choice(const std::string& name, std::string& variable, const std::vector<std::string>& choices,
                  const std::string& sentence);
  /// Any text.
  void add_text(const std::string& name, std::string& variable, const std::string& sentence);
  /// Numbers, [a, b, ...].
  void add_real_list(const std::string& name, std::vector<double>& variable, const std::string& unit,
                     const std::string& sentence);

  /// The option added last is younger than published runs, which all have `value`: with it, it is no part of
  /// an experiment's hash.
  void younger_than_runs_with(const std::string& value) { options_.back().unsaid = value; }
  /// The option added last decides the value of another, which is what counts: it is no part
  /// of an experiment's hash.
  void restates_another() { options_.back().restates = true; }
  /// The option added last names a file: hashes know it by `content` and not by its name.
  void counts_as(const std::function<std::string()>& content) { options_.back().counted = content; }
  /// Texts for the option added last go through `plain` first: other ways of writing its values.
  void also_read(const std::function<std::string(const std::string&)>& plain);

  /// The option of that name. Throws Error (configuration) with the nearest known name if there is none.
  [[nodiscard]] const Option& find(std::string_view name) const;
  /// Gives the option of that name a value. Throws Error (configuration) where it does not take it, and as
  /// find().
  void set(std::string_view name, const std::string& text) const { find(name).set(text); }
  /// All options, in the order in which they are explained.
  [[nodiscard]] const std::vector<Option>& all() const { return options_; }
  /// Throws Error (configuration) where a variable holds what its option would not take, with the text that
  /// setting it gives: for values that came in as numbers and not as text.
  void check() const;

 private:
  Option& add(const std::string& name, Option::Kind kind, const std::string& unit, const std::string& range,
              const std::string& sentence);
  std::vector<Option> options_;
  std::string group_;
  std::function<bool()> used_ = [] { return true; };
};

/// A value that the option takes and does not have now, which it is left with; the present one where
/// there is no other.
std::string another_value(const Option& option);

/// The option of ours that other software, or another community, calls `word` ("lr": learning_rate); empty
/// for any other word.
std::string known_elsewhere_as(std::string_view word);

/// The candidate with the smallest edit distance to `word`, or "" if none is near (more than
/// half its letters off).
std::string nearest_name(std::string_view word, const std::vector<std::string>& candidates);

/// Shortest text that reads back as the same double ("0.1", "1e-05", "inf").
std::string number_text(double value);

}  // namespace laser
