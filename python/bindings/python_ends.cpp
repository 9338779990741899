// Feedbacks and receivers that are written in Python: what either end makes of a round.
#include <cmath>

#include "python_part.hpp"

namespace laser {
namespace {

/// [K, 1, 1] of bools.
at::Tensor heard_tensor(const std::vector<char>& heard) {
  auto result = at::empty({static_cast<std::int64_t>(heard.size()), 1, 1}, at::kBool);
  for (std::size_t i = 0; i < heard.size(); ++i) result.data_ptr<bool>()[i] = heard[i] != 0;
  return result;
}

class PythonFeedback final : public Feedback {
 public:
  explicit PythonFeedback(py::object object)
      : part_(std::move(object)),
        name_(part_.name()),
        traits_{.everywhere = part_.flag("everywhere"), .weighs = part_.flag("weighs"), .threads = false} {}
  [[nodiscard]] FeedbackTraits traits() const override { return traits_; }
  void update(MemoryUpdate& memory) const override {
    const py::gil_scoped_acquire lock;
    const auto who = name_ + ".update";
    at::Tensor& numbers = memory.numbers();  // [K, m, n]
    const py::object outcome =
        py::module_::import("laser.parts")
            .attr("Arrived")(py::cpp_function([&memory] { return memory.own(); }), memory.estimate().clone(),
                             memory.weight(), heard_tensor(memory.heard()));
    const auto kept =
        tensor_from(part_.get().attr("update")(numbers.clone(), outcome), who, numbers.scalar_type());
    if (kept.sizes() != numbers.sizes()) {
      fail(ExitCode::kConfiguration, "{} returned the shape {}. HINT: {}, that of the messages", who,
           shape_text(kept.sizes()), shape_text(numbers.sizes()));
    }
    check_finite(kept, who);
    for (std::size_t i = 0; i < memory.heard().size(); ++i) {
      const auto row = static_cast<std::int64_t>(i);
      if (memory.heard()[i] != 0) numbers[row].copy_(kept[row]);  // the others keep their whole message
    }
  }

 private:
  Held part_;
  std::string name_;
  FeedbackTraits traits_;
};

class PythonReceiver final : public Receiver {
 public:
  explicit PythonReceiver(py::object object)
      : part_(std::move(object)),
        name_(part_.name()),
        traits_{.scales = part_.has_own("Receiver", "scale"),
                .weighs = part_.has_own("Receiver", "weight"),
                .threads = false} {}
  [[nodiscard]] ReceiverTraits traits() const override { return traits_; }
  void scale(Reception& heard, const at::Tensor& /*exact*/) const override {
    const py::gil_scoped_acquire lock;
    const auto who = name_ + ".scale";
    const auto noise = at::tensor(heard.noise_std, at::kDouble).to(heard.values.scalar_type()).unsqueeze(1);
    const auto scaled =
        tensor_from(part_.get().attr("scale")(heard.values.clone(), noise), who, heard.values.scalar_type());
    if (scaled.sizes() != heard.values.sizes()) {
      fail(ExitCode::kConfiguration, "{} returned the shape {}. HINT: {}, as received", who,
           shape_text(scaled.sizes()), shape_text(heard.values.sizes()));
    }
    check_finite(scaled, who);
    heard.values.copy_(scaled);
  }
  [[nodiscard]] double weight(std::span<const Reception> blocks, std::span<const double> norms,
                              std::span<const char> active) const override {
    const auto groups = norms.size() / active.size();
    std::vector<double> energies;  // of the messages of the workers that are heard
    for (std::size_t i = 0; i < active.size(); ++i) {
      if (active[i] == 0) continue;
      double energy = 0;
      for (const double norm : norms.subspan(i * groups, groups)) energy += norm * norm;
      energies.push_back(energy);
    }
    const py::gil_scoped_acquire lock;
    const py::object value = part_.get().attr("weight")(noise_energy(blocks), energies);
    double weight = 0;
    try {
      weight = py::float_(value);
    } catch (const py::error_already_set&) {
      fail(ExitCode::kConfiguration, "{}.weight returned {}. HINT: a number", name_, type_name(value));
    }
    if (!std::isfinite(weight))
      fail(ExitCode::kNonFinite, "{}.weight returned {}. HINT: a finite number, 1 where nothing was sent",
           name_, weight);
    return weight;
  }

 private:
  Held part_;
  std::string name_;
  ReceiverTraits traits_;
};

}  // namespace

std::shared_ptr<const Feedback> python_feedback(py::object object) {
  return std::make_shared<PythonFeedback>(std::move(object));
}

std::shared_ptr<const Receiver> python_receiver(py::object object) {
  return std::make_shared<PythonReceiver>(std::move(object));
}

}  // namespace laser
