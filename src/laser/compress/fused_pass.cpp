#include "laser/compress/fused_pass.hpp"

#include <ATen/ATen.h>

#include <cmath>

#include "laser/core/fail.hpp"
#include "laser/core/tensor_span.hpp"
#include "laser/kernels/fused_pass.hpp"
#include "laser/kernels/magnitude.hpp"

namespace laser {
namespace {

template <class T>
T* data_of(const at::Tensor& tensor) {
  if (!tensor.defined()) return nullptr;
  return static_cast<T*>(tensor.data_ptr());
}

/// The part of worker i of a factor that all share or each has its own of.
at::Tensor of_worker(const at::Tensor& factor, std::int64_t i) {
  return factor.defined() && factor.dim() == 3 ? factor[i] : factor;
}

void check(const PassTensor& t) {
  const auto& some = t.memory.defined() ? t.memory : t.gradient;
  LASER_CHECK(some.defined() && some.dim() == 3 && some.device().is_cpu());
  LASER_CHECK(!t.memory.defined() || t.memory.is_contiguous());
  if (t.gradient.defined()) {
    LASER_CHECK(t.gradient.sizes() == some.sizes() && t.gradient[0].is_contiguous());
  }
  for (const auto* factor :
       {&t.pending.left, &t.pending.right, &t.projection.left_basis, &t.projection.right_basis}) {
    LASER_CHECK(!factor->defined() || factor->is_contiguous());
  }
}

/// Rooms for the products.
template <class Work>
void make_products(PassTensor& t, std::int64_t workers, std::int64_t rows, std::int64_t columns) {
  t.products = {};
  if (!t.projection.wanted()) return;
  const auto& p = t.projection;
  const auto options = (p.left_basis.defined() ? p.left_basis : p.right_basis).options();
  const auto rank = (p.left_basis.defined() ? p.left_basis : p.right_basis).size(0);
  if (p.right_basis.defined()) t.products.left = at::empty({workers, rank, rows}, options);
  if (p.left_basis.defined() || p.compose) t.products.right = at::empty({workers, rank, columns}, options);
}

template <class Memory, class Gradient>
void pass_as(std::span<PassTensor> tensors, std::uint32_t first_worker) {
  using Matrix = PassMatrix<Memory, Gradient>;
  using Work = typename Matrix::Work;
  std::vector<Matrix> matrices;
  for (auto& t : tensors) {
    check(t);
    const auto& some = t.memory.defined() ? t.memory : t.gradient;
    const auto workers = some.size(0), rows = some.size(1), columns = some.size(2);
    make_products<Work>(t, workers, rows, columns);
    for (std::int64_t i = 0; i < workers; ++i) {
      Matrix m;
      m.rows = static_cast<std::size_t>(rows);
      m.columns = static_cast<std::size_t>(columns);
      if (t.memory.defined()) m.memory = data_of<Memory>(t.memory) + i * rows * columns;
      if (t.gradient.defined()) m.gradient = data_of<const Gradient>(t.gradient) + i * t.gradient.stride(0);
      m.scale = static_cast<Work>(t.scale);
      if (t.pending.defined()) {
        const auto left = of_worker(t.pending.left, i), right = of_worker(t.pending.right, i);
        m.pending = {static_cast<std::size_t>(left.size(0)), data_of<const Work>(left),
                     data_of<const Work>(right)};
      }
      m.left_basis = data_of<const Work>(t.projection.left_basis);
      m.right_basis = data_of<const Work>(t.projection.right_basis);
      m.compose = t.projection.compose;
      if (t.products.left.defined()) m.left_factor = data_of<Work>(t.products.left[i]);
      if (t.products.right.defined()) m.right_factor = data_of<Work>(t.products.right[i]);
      const auto& factor = t.products.left.defined() ? t.products.left : t.products.right;
      if (factor.defined()) m.rank = static_cast<std::size_t>(factor.size(1));
      m.rounding = t.rounding;
      m.rounding.unit = first_worker + static_cast<std::uint32_t>(i);
      m.squares = t.norms_wanted;
      matrices.push_back(m);
    }
  }
  fused_pass(std::span(matrices));
  std::size_t next = 0;
  for (auto& t : tensors) {
    t.norms.clear();
    const auto workers = (t.memory.defined() ? t.memory : t.gradient).size(0);
    for (std::int64_t i = 0; i < workers; ++i) {
      const double squares = matrices[next++].sum_of_squares;
      if (t.norms_wanted) t.norms.push_back(std::sqrt(squares));
    }
  }
}

}  // namespace

void fused_pass(std::span<PassTensor> tensors, std::uint32_t first_worker) {
  // Runs of one combination of types go together; a model has one, or two with a bfloat16 memory beside
  // tensors that have none.
  const auto types = [](const PassTensor& t) {
    const auto gradient = t.gradient.defined() ? t.gradient.scalar_type() : t.memory.scalar_type();
    return std::pair(t.memory.defined() ? t.memory.scalar_type() : at::kFloat, gradient);
  };
  for (std::size_t first = 0, last = 0; first < tensors.size(); first = last) {
    const auto [memory, gradient] = types(tensors[first]);
    while (last < tensors.size() && types(tensors[last]) == types(tensors[first])) ++last;
    const auto run = tensors.subspan(first, last - first);
    if (memory == at::kDouble || (!tensors[first].memory.defined() && gradient == at::kDouble)) {
      LASER_CHECK(gradient == at::kDouble);
      pass_as<double, double>(run, first_worker);
    } else if (memory == at::kBFloat16) {
      if (gradient == at::kBFloat16) {
        pass_as<Bfloat16, Bfloat16>(run, first_worker);
      } else {
        LASER_CHECK(gradient == at::kFloat);
        pass_as<Bfloat16, float>(run, first_worker);
      }
    } else {
      LASER_CHECK(memory == at::kFloat);
      if (gradient == at::kBFloat16) {
        pass_as<float, Bfloat16>(run, first_worker);
      } else {
        LASER_CHECK(gradient == at::kFloat);
        pass_as<float, float>(run, first_worker);
      }
    }
  }
}

double largest_magnitude(const at::Tensor& tensor) {
  if (!tensor.is_contiguous()) {
    double largest = 0;
    for (std::int64_t i = 0; i < tensor.size(0); ++i) {
      const double own = largest_magnitude(tensor[i]);
      if (!(own <= largest)) largest = own;
      if (std::isnan(largest)) break;
    }
    return largest;
  }
  const auto count = static_cast<std::size_t>(tensor.numel());
  if (tensor.scalar_type() == at::kBFloat16) {
    return largest_magnitude(std::span(static_cast<const Bfloat16*>(tensor.const_data_ptr()), count));
  }
  double largest = 0;
  with_span(tensor, [&](auto span) {
    largest = largest_magnitude(std::span<const element_of<decltype(span)>>(span));
  });
  return largest;
}

Factors products_of(const at::Tensor& message, const Projection& projection) {
  const auto workers = message.size(0), rows = message.size(1);
  Factors products;
  if (projection.right_basis.defined()) {
    // One product over all workers: [r, n] x [n, K m]; a thin factor on the left is what BLAS does well.
    const auto all = at::mm(projection.right_basis, message.reshape({workers * rows, -1}).t());
    products.left = all.view({-1, workers, rows}).transpose(0, 1).contiguous();
  }
  if (projection.compose) {
    products.right = at::bmm(products.left, message);
  } else if (projection.left_basis.defined()) {
    products.right = at::bmm(projection.left_basis.unsqueeze(0).expand({workers, -1, -1}), message);
  }
  return products;
}

Factors project(const at::Tensor& message, const Projection& projection) {
  if (!message.device().is_cpu() || !message[0].is_contiguous()) return products_of(message, projection);
  PassTensor tensor;
  tensor.gradient = message;
  tensor.projection = projection;
  fused_pass(std::span(&tensor, 1));
  return tensor.products;
}

void write_products(std::span<const ProductTensor> products) {
  if (products.empty()) return;
  if (!products[0].out.device().is_cpu()) {
    for (const auto& [factors, out] : products) {
      auto place = out;
      at::mm_out(place, factors.left.t(), factors.right);
    }
    return;
  }
  with_elements(products[0].out, [&](auto* first) {
    using T = std::remove_const_t<std::remove_pointer_t<decltype(first)>>;
    std::vector<ProductMatrix<T>> matrices;
    for (const auto& product : products) {
      const at::Tensor &left = product.factors.left, &right = product.factors.right, &out = product.out;
      LASER_CHECK(out.is_contiguous() && left.is_contiguous() && right.is_contiguous());
      matrices.push_back({static_cast<std::size_t>(out.size(0)),
                          static_cast<std::size_t>(out.size(1)),
                          {static_cast<std::size_t>(left.size(0)), left.data_ptr<T>(), right.data_ptr<T>()},
                          out.data_ptr<T>()});
    }
    write_products(std::span<const ProductMatrix<T>>(matrices));
  });
}

}  // namespace laser
