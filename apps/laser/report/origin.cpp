#include "laser/report/origin.hpp"

#include <fmt/ranges.h>

#include <chrono>
#include <ctime>
#include <set>

namespace laser {
namespace {

constexpr std::size_t kDay = 10;  // characters of "2026-11-26", with which a time begins

std::set<std::string> values_of(std::span<const Run> runs, const std::string& key) {
  std::set<std::string> values;
  for (const auto& run : runs) {
    const auto found = run.versions.find(key);
    if (found != run.versions.end() && !found->second.empty()) values.insert(found->second);
  }
  return values;
}

}  // namespace

Origin origin_of(std::span<const Run> runs) {
  const auto commands = values_of(runs, "command"), times = values_of(runs, "started");
  Origin origin{
      .command = "", .date = "", .version = fmt::format("{}", fmt::join(values_of(runs, "laser"), ", "))};
  if (!commands.empty())
    origin.command = commands.size() == 1 ? *commands.begin() : fmt::format("{} commands", commands.size());
  if (times.empty()) return origin;
  const auto first = times.begin()->substr(0, kDay), last = times.rbegin()->substr(0, kDay);
  origin.date = first == last ? first : first + " to " + last;
  return origin;
}

Origin origin_now(const std::string& command, const std::string& version) {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm utc{};
  gmtime_r(&now, &utc);
  char day[kDay + 1];
  std::strftime(day, sizeof day, "%Y-%m-%d", &utc);
  return {command, day, version};
}

}  // namespace laser
