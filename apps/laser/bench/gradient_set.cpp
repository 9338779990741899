#include "laser/bench/gradient_set.hpp"

#include <ATen/ATen.h>

#include <string_view>

#include "laser/kernels/normal.hpp"
#include "laser/model/shapes.hpp"

namespace laser::bench {

GradientSet make_gradient_set(const std::string& model, std::int64_t workers) {
  GradientSet set;
  set.model = model;
  set.workers = workers;
  constexpr std::string_view kSquare = "square";
  if (model.starts_with(kSquare)) {
    const auto side = static_cast<std::int64_t>(std::stoll(model.substr(kSquare.size())));
    set.layout.add("weight", {side, side});
  } else {
    set.layout = model_layout(model);
  }
  set.bank = at::empty({workers, set.layout.size}, at::kFloat);
  for (std::int64_t i = 0; i < workers; ++i) {
    fill_normal(std::span(set.bank[i].data_ptr<float>(), static_cast<std::size_t>(set.layout.size)),
                {1, Purpose::kNoise, 0, 0, static_cast<std::uint32_t>(i)});
  }
  set.bank.mul_(1e-3);
  return set;
}

}  // namespace laser::bench
