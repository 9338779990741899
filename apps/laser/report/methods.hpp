// How methods are named and ordered in everything a reader sees: the same everywhere, so that tables and
// figures of different reports can be laid side by side. It says nothing about what a method does.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace laser {

/// Place of a method in tables and legends: LASER first, the noiseless baseline after the
/// others, unknown names last.
int method_rank(std::string_view method);

/// True when `a` stands before `b`: by method_rank, then by name.
bool method_before(std::string_view a, std::string_view b);

/// "LASER" for "laser" and so on; a name we don't know stays as it is.
std::string method_name(std::string_view method);

/// "MNIST" for "mnist" and so on; a name we don't know stays as it is.
std::string task_name(std::string_view task);

/// The label of a line of results: name, the settings that tell it from other lines of the method, and
/// "(noiseless)" where there is no power budget.
std::string method_label(std::string_view method, const std::map<std::string, std::string>& axes,
                         const std::optional<double>& power);

}  // namespace laser
