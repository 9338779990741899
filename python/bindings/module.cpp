#include <exception>

#include "bindings.hpp"
#include "laser/core/error.hpp"
#include "laser/train/versions.hpp"

namespace laser {

void bind_errors(pybind11::module_& module) {
  // Never destroyed: the translator may be called until the interpreter is gone.
  static auto* type = new pybind11::object(pybind11::exception<Error>(module, "Error", PyExc_RuntimeError));
  type->attr("__doc__") =
      "What the user can mend: what, where, and the next step. exit_code is that of the command 'laser'.";
  pybind11::register_exception_translator([](std::exception_ptr pointer) {
    try {
      if (pointer) std::rethrow_exception(pointer);
    } catch (const Error& error) {
      pybind11::object instance = (*type)(std::string(error.what()));
      instance.attr("exit_code") = static_cast<int>(error.code());
      PyErr_SetObject(type->ptr(), instance.ptr());
    }
  });
}

}  // namespace laser

PYBIND11_MODULE(_core, module) {
  module.doc() = "The C++ core of laser. Use it through the package.";
  module.attr("version") = laser::laser_version();
  laser::bind_errors(module);
  laser::bind_aggregation(module);
  laser::bind_channels(module);
  laser::bind_parts(module);
  laser::bind_tables(module);
  laser::bind_power(module);
  laser::bind_theory(module);
  laser::bind_training(module);
}
