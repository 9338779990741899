// What the parts that are written in Python have in common: an object that any thread may hold, and what it
// returned, checked.
#pragma once

#include <ATen/ATen.h>
#include <fmt/ranges.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <string>
#include <utility>

#include "bindings.hpp"
#include "laser/aggregate/parts.hpp"
#include "laser/core/fail.hpp"

namespace laser {

namespace py = pybind11;

inline std::string type_name(const py::object& value) {
  return py::str(py::type::of(value).attr("__name__"));
}

/// An object of Python that a thread without the interpreter's lock may hold and let go.
class [[gnu::visibility("hidden")]] Held {
 public:
  explicit Held(py::object object) : object_(std::move(object)) {}
  ~Held() {
    const py::gil_scoped_acquire lock;
    object_ = py::object();
  }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  [[nodiscard]] const py::object& get() const { return object_; }
  /// With the lock.
  [[nodiscard]] bool flag(const char* name) const { return object_.attr(name).cast<bool>(); }
  [[nodiscard]] std::string name() const { return type_name(object_); }
  /// Whether the object's class has a method of its own in the place of that of laser.<role>.
  [[nodiscard]] bool has_own(const char* role, const char* method) const {
    const py::object base = py::module_::import("laser.parts").attr(role);
    return !py::type::of(object_).attr(method).is(base.attr(method));
  }

 private:
  py::object object_;
};

inline std::string shape_text(at::IntArrayRef sizes) { return fmt::format("[{}]", fmt::join(sizes, ", ")); }

/// A tensor of numbers that a part returned, of the given type, contiguous. Throws Error (configuration).
inline at::Tensor tensor_from(const py::object& value, const std::string& who, at::ScalarType type) {
  if (!py::isinstance(value, py::module_::import("torch").attr("Tensor"))) {
    fail(ExitCode::kConfiguration, "{} returned {}, not a tensor. HINT: a torch.Tensor", who,
         type_name(value));
  }
  const auto tensor = value.cast<at::Tensor>().detach();
  if (!at::isFloatingType(tensor.scalar_type())) {
    fail(ExitCode::kConfiguration, "{} returned numbers of type {}. HINT: .float()", who,
         at::toString(tensor.scalar_type()));
  }
  return tensor.to(at::kCPU, type).contiguous();
}

inline void check_finite(const at::Tensor& tensor, const std::string& who) {
  if (!at::isfinite(tensor).all().item<bool>())
    fail(ExitCode::kNonFinite,
         "{} returned numbers that are not finite. HINT: what divides by a norm must stand a norm of 0", who);
}

/// What a part is told of the tensor and the round.
template <class... Arguments>
py::object exchange_object(Arguments&&... arguments) {
  return py::module_::import("laser.parts").attr("Exchange")(std::forward<Arguments>(arguments)...);
}
inline py::object exchange_for(const Exchange& exchange, const NamedTensors& shared) {
  const auto& layer = *exchange.layer;
  return exchange_object(layer.name, layer.rows, layer.columns, exchange.round, exchange.index, shared,
                         exchange.seed);
}

std::shared_ptr<const Compressor> python_compressor(py::object object);
std::shared_ptr<const Feedback> python_feedback(py::object object);
std::shared_ptr<const Receiver> python_receiver(py::object object);
std::shared_ptr<const Channel> python_channel(py::object object);
std::shared_ptr<const Allocation> python_allocation(py::object object);

}  // namespace laser
