// A compressor that is written in Python.
#include <cmath>

#include "python_part.hpp"

namespace laser {
namespace {

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

}  // namespace

std::shared_ptr<const Compressor> python_compressor(py::object object) {
  return std::make_shared<PythonCompressor>(std::move(object));
}

}  // namespace laser
