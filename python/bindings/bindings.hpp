// The parts of the extension module laser._core; each adds its functions to the module.
//
// Nothing is computed here: values are converted, names are taken from the core. What is for people
// (defaults, checks of shapes, documentation) is in python/laser.
#pragma once

#include <torch/csrc/utils/pybind.h>

#include <map>
#include <string>

#include "laser/aggregate/parts.hpp"
#include "laser/train/experiment.hpp"

namespace laser {

/// Objects of Python that play a role: "compressor", "feedback", "receiver", "channel", "allocation".
using PythonParts = std::map<std::string, pybind11::object>;

/// The parts that ask the objects.
Parts parts_of(const PythonParts& objects);

void bind_errors(pybind11::module_& module);
void bind_aggregation(pybind11::module_& module);
void bind_channels(pybind11::module_& module);
void bind_parts(pybind11::module_& module);
void bind_tables(pybind11::module_& module);
void bind_power(pybind11::module_& module);
void bind_theory(pybind11::module_& module);
void bind_training(pybind11::module_& module);

}  // namespace laser
