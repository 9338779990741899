// Parts that are written in Python (python/laser/parts.py): each is asked with the interpreter's lock, by one
// thread at a time.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/ranges.h>
#include <pybind11/stl.h>

#include <cmath>
#include <tuple>
#include <utility>

#include "bindings.hpp"
#include "laser/core/fail.hpp"
#include "laser/laws/laws.hpp"

namespace laser {
namespace {

namespace py = pybind11;

std::string type_name(const py::object& value) { return py::str(py::type::of(value).attr("__name__")); }

/// An object of Python that a thread without the interpreter's lock may hold and let go.
class Held {
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

std::string shape_text(at::IntArrayRef sizes) { return fmt::format("[{}]", fmt::join(sizes, ", ")); }

/// A tensor of numbers that a part returned, of the given type, contiguous. Throws Error (configuration).
at::Tensor tensor_from(const py::object& value, const std::string& who, at::ScalarType type) {
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

void check_finite(const at::Tensor& tensor, const std::string& who) {
  if (!at::isfinite(tensor).all().item<bool>())
    fail(ExitCode::kNonFinite, "{} returned numbers that are not finite", who);
}

/// What a part is told of the tensor and the round.
template <class... Arguments>
py::object exchange_object(Arguments&&... arguments) {
  return py::module_::import("laser.parts").attr("Exchange")(std::forward<Arguments>(arguments)...);
}
py::object exchange_for(const Exchange& exchange, const NamedTensors& shared) {
  const auto& layer = *exchange.layer;
  return exchange_object(layer.name, layer.rows, layer.columns, exchange.round, exchange.index, shared,
                         exchange.seed);
}

class PythonCompressor final : public Compressor {
 public:
  explicit PythonCompressor(py::object object)
      : part_(std::move(object)),
        name_(part_.name()),
        traits_{.linear = part_.flag("linear"),
                .splits = part_.flag("splits"),
                .exact = part_.flag("exact"),
                .scales = part_.flag("scales"),
                .threads = false} {}

  [[nodiscard]] Traits traits() const override { return traits_; }
  [[nodiscard]] bool applies(const Layer& layer) const override {
    const py::gil_scoped_acquire lock;
    return part_.get().attr("applies")(layer.rows, layer.columns).cast<bool>();
  }
  [[nodiscard]] NamedTensors initial_state(const Layer& layer, std::uint32_t index, std::uint64_t seed,
                                           at::ScalarType type) const override {
    const py::gil_scoped_acquire lock;
    Exchange exchange;
    exchange.layer = &layer;
    exchange.index = index;
    exchange.seed = seed;
    return state_from(part_.get().attr("initial_state")(exchange_for(exchange, {})), type);
  }

  Message encode(Exchange& exchange, int /*pass*/) const override {
    const py::gil_scoped_acquire lock;
    const auto who = name_ + ".encode";
    const at::Tensor message = exchange.message;
    const auto version = message._version();
    auto symbols = tensor_from(part_.get().attr("encode")(message, exchange_for(exchange, *exchange.shared)),
                               who, message.scalar_type());
    if (message._version() != version)
      fail(ExitCode::kConfiguration, "{} changed the messages, which are the memory. HINT: messages.clone()",
           who);
    const auto workers = message.size(0);
    if (symbols.dim() != 2 || symbols.size(0) != workers || symbols.size(1) < 1) {
      fail(ExitCode::kConfiguration,
           "{} returned symbols of shape {} for messages of shape {}. HINT: [{}, D], a row for each worker",
           who, shape_text(symbols.sizes()), shape_text(message.sizes()), workers);
    }
    if (!at::isfinite(symbols).all().item<bool>() && at::isfinite(message).all().item<bool>())
      fail(ExitCode::kNonFinite, "{} returned symbols that are not finite for '{}'", who,
           exchange.layer->name);
    if (symbols.data_ptr() == message.data_ptr()) symbols = symbols.clone();
    exchange.scratch["symbols"] = symbols;
    return {{symbols.unsqueeze(1)}, Message::Split::kByNorm, {}};
  }

  Decoded decode(Exchange& exchange, int /*pass*/, std::span<const Reception> received) const override {
    const py::gil_scoped_acquire lock;
    return decoded(exchange, received[0].values[0]);
  }

  void subtract_own(const Exchange& exchange, at::Tensor& memory) const override {
    const py::gil_scoped_acquire lock;
    const auto& symbols = exchange.scratch.at("symbols");
    if (part_.has_own("Compressor", "own")) {
      const auto who = name_ + ".own";
      const auto own = tensor_from(part_.get().attr("own")(symbols, exchange_for(exchange, *exchange.shared)),
                                   who, memory.scalar_type());
      if (own.sizes() != memory.sizes()) {
        fail(ExitCode::kConfiguration, "{} returned the shape {}. HINT: {}, a matrix for each worker", who,
             shape_text(own.sizes()), shape_text(memory.sizes()));
      }
      memory.sub_(own);
      return;
    }
    for (std::int64_t i = 0; i < symbols.size(0); ++i) memory[i].sub_(decoded(exchange, symbols[i]).estimate);
  }

 private:
  [[nodiscard]] NamedTensors state_from(const py::object& value, at::ScalarType type) const {
    NamedTensors result;
    if (value.is_none()) return result;
    if (!py::isinstance<py::dict>(value)) {
      fail(ExitCode::kConfiguration, "{} returned a state of type {}. HINT: a dict of names and tensors",
           name_, type_name(value));
    }
    for (const auto& [key, tensor] : value.cast<py::dict>()) {
      const auto name = key.cast<std::string>();
      result[name] =
          tensor_from(py::reinterpret_borrow<py::object>(tensor), name_ + "'s state '" + name + "'", type)
              .clone();
      check_finite(result[name], name_ + "'s state '" + name + "'");
    }
    return result;
  }

  [[nodiscard]] Decoded decoded(const Exchange& exchange, const at::Tensor& symbols) const {
    const auto who = name_ + ".decode";
    py::object value = part_.get().attr("decode")(symbols.clone(), exchange_for(exchange, *exchange.shared));
    Decoded result;
    result.shared = *exchange.shared;
    if (py::isinstance<py::tuple>(value)) {
      const auto both = value.cast<py::tuple>();
      if (both.size() != 2) {
        fail(ExitCode::kConfiguration, "{} returned {} values. HINT: the estimate, or (estimate, state)", who,
             both.size());
      }
      auto next = state_from(both[1], symbols.scalar_type());
      for (const auto& [name, tensor] : next) {
        if (!result.shared.contains(name)) {
          fail(
              ExitCode::kConfiguration,
              "{} returned a state '{}' that initial_state() does not have. HINT: return {{'{}': ...}} there",
              who, name, name);
        }
      }
      for (auto& [name, tensor] : result.shared) {
        const auto found = next.find(name);
        if (found == next.end() || found->second.sizes() != tensor.sizes()) {
          fail(ExitCode::kConfiguration,
               "{} returned a state without '{}' of shape {}. HINT: the names and shapes of initial_state()",
               who, name, shape_text(tensor.sizes()));
        }
        tensor = found->second;
      }
      value = both[0];
    }
    const auto& layer = *exchange.layer;
    result.estimate = tensor_from(value, who, symbols.scalar_type());
    if (result.estimate.sizes() != at::IntArrayRef({layer.rows, layer.columns})) {
      fail(ExitCode::kConfiguration, "{} returned the shape {} for '{}'. HINT: [{}, {}]", who,
           shape_text(result.estimate.sizes()), layer.name, layer.rows, layer.columns);
    }
    check_finite(result.estimate, who);
    return result;
  }

  Held part_;
  std::string name_;
  Traits traits_;
};

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
    if (!std::isfinite(weight)) fail(ExitCode::kNonFinite, "{}.weight returned {}", name_, weight);
    return weight;
  }

 private:
  Held part_;
  std::string name_;
  ReceiverTraits traits_;
};

class PythonChannel final : public Channel {
 public:
  explicit PythonChannel(py::object object)
      : part_(std::move(object)),
        name_(part_.name()),
        noisy_(part_.flag("noisy")),
        fades_(part_.has_own("Channel", "gains")),
        shares_power_(part_.flag("shares_power")) {}
  [[nodiscard]] ChannelTraits traits() const override {
    return {.noisy = noisy_, .shares_power = shares_power_, .fades = fades_};
  }
  [[nodiscard]] Link draw(const StreamKey& key, std::vector<char> present) const override {
    if (!fades_) return Channel::draw(key, std::move(present));
    const py::gil_scoped_acquire lock;
    const py::object moment = exchange_object("", 0, 0, key.round, key.layer, NamedTensors{}, key.seed);
    Link link{numbers_from(part_.get().attr("gains")(present.size(), moment), ".gains", present.size()),
              std::move(present)};
    for (std::size_t i = 0; i < link.gain.size(); ++i) {
      if (link.gain[i] == 0) link.active[i] = 0;
    }
    return link;
  }

 private:
  [[nodiscard]] std::vector<double> numbers_from(const py::object& value, const char* method,
                                                 std::size_t count) const {
    std::vector<double> numbers;
    try {
      for (const auto& item : value) numbers.push_back(py::float_(py::reinterpret_borrow<py::object>(item)));
    } catch (const py::error_already_set&) {
      fail(ExitCode::kConfiguration, "{}{} returned no numbers. HINT: a list of {}", name_, method, count);
    }
    bool fits = numbers.size() == count;
    for (const double number : numbers) fits = fits && std::isfinite(number) && number >= 0;
    if (!fits) {
      fail(ExitCode::kConfiguration, "{}{} returned {}. HINT: {} finite number{}, 0 or above", name_, method,
           fmt::format("[{}]", fmt::join(numbers, ", ")), count, count == 1 ? "" : "s");
    }
    return numbers;
  }

  void scale(const Link& link, std::span<const double> norms, std::span<const double> energies,
             Superposition& result) const override {
    constexpr double kRounding = 1e-9;
    const py::gil_scoped_acquire lock;
    std::vector<double> gains = link.gain, asked(norms.begin(), norms.end()),
                        budget(energies.begin(), energies.end());
    for (std::size_t i = 0; i < gains.size(); ++i) {
      if (link.active[i] == 0) gains[i] = asked[i] = 0;
    }
    const py::object value = part_.get().attr("scale")(gains, asked, budget);
    if (!py::isinstance<py::tuple>(value) || value.cast<py::tuple>().size() != 2) {
      fail(ExitCode::kConfiguration,
           "{}.scale returned no pair. HINT: (amplitudes of the workers, the server's factor)", name_);
    }
    const auto both = value.cast<py::tuple>();
    const auto amplitudes = numbers_from(both[0], ".scale, the amplitudes,", gains.size());
    result.receive_scale = numbers_from(py::make_tuple(both[1]), ".scale, the server's factor,", 1)[0];
    double spent = 0, allowed = 0;
    for (std::size_t i = 0; i < gains.size(); ++i) {
      if (link.active[i] == 0) continue;
      result.amplitude[i] = amplitudes[i];
      const double energy = std::pow(amplitudes[i] * norms[i], 2);
      spent += energy;
      allowed += energies[i];
      if (noisy_ && !shares_power_ && energy > energies[i] * (1 + kRounding)) {
        fail(ExitCode::kConfiguration,
             "{}.scale lets worker {} spend {:g} where it may spend {:g}. HINT: amplitude <= "
             "sqrt(energies[i]) / norms[i]",
             name_, i, energy, energies[i]);
      }
    }
    if (noisy_ && shares_power_ && spent > allowed * (1 + kRounding)) {
      fail(ExitCode::kConfiguration, "{}.scale lets the workers spend {:g} where all may spend {:g}", name_,
           spent, allowed);
    }
  }

  Held part_;
  std::string name_;
  bool noisy_, fades_, shares_power_;
};

class PythonAllocation final : public Allocation {
 public:
  explicit PythonAllocation(py::object object) : part_(std::move(object)), name_(part_.name()) {}
  [[nodiscard]] std::vector<double> weights(const WorkerBlocks& blocks) const override {
    const py::gil_scoped_acquire lock;
    const auto tensor = [](auto numbers, at::ScalarType type) {
      return at::tensor(at::ArrayRef(numbers.data(), numbers.size()), type);
    };
    const py::object told =
        py::module_::import("laser.parts")
            .attr("Blocks")(tensor(blocks.raw_norms, at::kDouble), tensor(blocks.sent_norms, at::kDouble),
                            tensor(blocks.symbols, at::kDouble), tensor(blocks.held, at::kDouble));
    py::object value = part_.get().attr("weights")(told);
    if (py::isinstance(value, py::module_::import("torch").attr("Tensor"))) value = value.attr("tolist")();
    std::vector<double> result;
    try {
      result = value.cast<std::vector<double>>();
    } catch (const py::cast_error&) {
      fail(ExitCode::kConfiguration, "{}.weights returned {}. HINT: [{}], a number for each tensor", name_,
           type_name(value), blocks.symbols.size());
    }
    if (result.size() != blocks.symbols.size()) {
      fail(ExitCode::kConfiguration,
           "{}.weights returned {} numbers for {} tensors. HINT: one for each, in their order", name_,
           result.size(), blocks.symbols.size());
    }
    return result;
  }

 private:
  Held part_;
  std::string name_;
};

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
    if (role == "compressor") parts.compressor = std::make_shared<PythonCompressor>(object);
    if (role == "feedback") parts.feedback = std::make_shared<PythonFeedback>(object);
    if (role == "receiver") parts.receiver = std::make_shared<PythonReceiver>(object);
    if (role == "channel") parts.channel = std::make_shared<PythonChannel>(object);
    if (role == "allocation") parts.allocation = std::make_shared<PythonAllocation>(object);
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
