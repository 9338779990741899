// Vectors made of what another range holds.
#pragma once

#include <functional>
#include <iterator>
#include <string>
#include <type_traits>
#include <vector>

namespace laser {

/// of(entry) for every entry of `range`, in order; `of` is a function or a pointer to a member.
template <class Range, class Of>
[[nodiscard]] auto collect(Range&& range, Of&& of) {
  std::vector<std::decay_t<std::invoke_result_t<Of&, decltype(*std::begin(range))>>> result;
  result.reserve(std::size(range));
  for (auto&& entry : range) result.push_back(std::invoke(of, entry));
  return result;
}

/// The member `name` of every entry of a table.
template <class Entries>
[[nodiscard]] std::vector<std::string> names_of(const Entries& entries) {
  return collect(entries, [](const auto& entry) { return std::string(entry.name); });
}

}  // namespace laser
