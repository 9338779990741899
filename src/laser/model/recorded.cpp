#include "laser/model/recorded.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/custom_class.h>

#include <utility>

#include "laser/core/fail.hpp"

namespace laser {
namespace {

struct HeldBackward final : torch::CustomClassHolder {
  explicit HeldBackward(Backward function) : backward(std::move(function)) {}
  Backward backward;
};

struct RecordedFunction final : torch::autograd::Function<RecordedFunction> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& /*input*/,
                            const at::Tensor* value, Backward* backward) {
    context->saved_data[kHeld] =
        c10::IValue::make_capsule(c10::make_intrusive<HeldBackward>(std::move(*backward)));
    return *value;
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    LASER_CHECK(gradients.size() == 1 && context->saved_data.count(kHeld) == 1);
    const auto held = context->saved_data[kHeld].toCapsule();
    context->saved_data.clear();  // what it holds is free as soon as it has run
    at::Tensor result;
    if (gradients[0].defined()) result = static_cast<const HeldBackward&>(*held).backward(gradients[0]);
    return {result, {}, {}};
  }
  static constexpr const char* kHeld = "backward";
};

}  // namespace

at::Tensor recorded(const at::Tensor& value, const at::Tensor& input, Backward backward) {
  if (!at::GradMode::is_enabled()) return value;
  LASER_CHECK(input.requires_grad());
  return RecordedFunction::apply(input, &value, &backward);
}

at::Tensor recorded_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                           at::ScalarType type) {
  at::Tensor inputs, matrix, value;
  {
    const at::NoGradGuard no_grad;
    inputs = x.detach().to(type);
    matrix = weight.detach().to(type);
    value = at::linear(inputs, matrix, bias.defined() ? bias.detach().to(type) : bias);
  }
  return recorded(value, x,
                  [inputs, matrix, weight, bias, old_type = x.scalar_type()](const at::Tensor& gradient) {
                    const auto outer = gradient.reshape({-1, gradient.size(-1)});
                    const auto inner = inputs.reshape({-1, inputs.size(-1)});
                    auto& weight_gradient = weight.mutable_grad();
                    if (outer.scalar_type() == weight_gradient.scalar_type()) {
                      weight_gradient.addmm_(outer.t(), inner);
                    } else {
                      weight_gradient.add_(at::mm(outer.t(), inner));
                    }
                    if (bias.defined()) bias.mutable_grad().add_(outer.sum(0));
                    return at::mm(outer, matrix).view(inputs.sizes()).to(old_type);
                  });
}

at::Tensor recorded_embedding(const at::Tensor& weight, const at::Tensor& ids) {
  at::Tensor value;
  {
    const at::NoGradGuard no_grad;
    value = at::embedding(weight.detach(), ids);
  }
  return recorded(value, weight, [weight, ids](const at::Tensor& gradient) {
    // A dense gradient would be as large as the matrix.
    weight.mutable_grad().index_put_({ids}, gradient, true);
    return at::Tensor();
  });
}

at::Tensor recorded_again(const std::function<at::Tensor(const at::Tensor&)>& layer, const at::Tensor& x) {
  at::Tensor value;
  {
    const at::NoGradGuard no_grad;
    value = layer(x.detach());
  }
  return recorded(value, x, [layer, input = x.detach()](const at::Tensor& gradient) {
    const at::AutoGradMode with_grad(true);
    auto again = input.detach();
    again.requires_grad_(true);
    torch::autograd::backward({layer(again)}, {gradient});
    return again.grad();
  });
}

}  // namespace laser
