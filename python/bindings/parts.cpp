// Parts that are written in Python (python/laser/parts.py): each is asked with the interpreter's lock, by one
// thread at a time.
#include <ATen/core/grad_mode.h>

#include <tuple>

#include "laser/laws/laws.hpp"
#include "python_part.hpp"

namespace laser {
namespace {

using Problems = std::vector<std::tuple<std::string, std::string, std::string, std::string>>;

Problems problems_of(const std::string& role, const py::object& object) {
  const auto parts = parts_of({{role, object}});
  const py::gil_scoped_release unlocked;
  const at::NoGradGuard no_grad;
  std::vector<laws::Violation> violations;
  if (role == "compressor") violations = laws::check_compressor(parts.compressor);
  if (role == "feedback") violations = laws::check_feedback(parts.feedback);
  if (role == "receiver") violations = laws::check_receiver(parts.receiver);
  if (role == "channel") violations = laws::check_channel(parts.channel);
  if (role == "allocation") violations = laws::check_allocation(parts.allocation);
  Problems problems;
  for (const auto& v : violations) problems.emplace_back(v.law, v.sentence, v.what, v.surroundings);
  return problems;
}

}  // namespace

Parts parts_of(const PythonParts& objects) {
  Parts parts;
  for (const auto& [role, object] : objects) {
    if (role == "compressor") parts.compressor = python_compressor(object);
    if (role == "feedback") parts.feedback = python_feedback(object);
    if (role == "receiver") parts.receiver = python_receiver(object);
    if (role == "channel") parts.channel = python_channel(object);
    if (role == "allocation") parts.allocation = python_allocation(object);
  }
  return parts;
}

void bind_parts(py::module_& module) {
  module.def("check_part", &problems_of, py::arg("role"), py::arg("part"));
  module.def("part_word",
             [](std::uint64_t seed, std::uint32_t round, std::uint32_t tensor, std::uint32_t unit) {
               const StreamKey key{seed, Purpose::kPart, round, tensor, unit};
               return (std::uint64_t{random_word(key, 0)} << 32) | random_word(key, 1);
             });
}

}  // namespace laser
