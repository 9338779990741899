#include "tensor_kinds.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <mutex>

#include "laser/aggregate/aggregator.hpp"
#include "laser/collective/collective.hpp"
#include "laser/compress/elementwise.hpp"
#include "laser/core/fail.hpp"
#include "laser/kernels/sketching.hpp"

namespace laser::known_answers {
namespace {

/// A list of numbers, or a list of equally long lists of numbers, as a float64 tensor.
at::Tensor tensor_of(const Json& value) {
  const bool nested = !value.empty() && value[0].is_array();
  const auto rows = nested ? static_cast<std::int64_t>(value.size()) : 1;
  std::vector<double> numbers;
  for (const auto& item : value) {
    if (!nested) {
      numbers.push_back(item.get<double>());
      continue;
    }
    if (item.size() != value[0].size()) fail(ExitCode::kData, "the rows of a matrix have different lengths");
    for (const auto& number : item) numbers.push_back(number.get<double>());
  }
  const auto tensor = at::tensor(numbers, at::kDouble);
  return nested ? tensor.view({rows, -1}) : tensor;
}

Json json_of(const at::Tensor& tensor) {
  if (tensor.dim() == 0) return tensor.item<double>();
  Json list = Json::array();
  for (std::int64_t i = 0; i < tensor.size(0); ++i) list.push_back(json_of(tensor[i]));
  return list;
}

Json json_of(const std::vector<double>& values) { return Json(values); }

/// [K, m, n] from a list of matrices; a single matrix is one worker.
at::Tensor matrices_of(const Json& value) {
  if (!value.at(0).at(0).is_array()) return tensor_of(value).unsqueeze(0);
  std::vector<at::Tensor> list;
  for (const auto& matrix : value) list.push_back(tensor_of(matrix));
  return at::stack(list);
}

/// Frobenius norm of every worker's factor [K, ...].
std::vector<double> norms_of(const at::Tensor& batch) {
  std::vector<double> norms;
  for (std::int64_t i = 0; i < batch.size(0); ++i) norms.push_back(batch[i].norm().item<double>());
  return norms;
}

/// A low-rank compressor in one noiseless conversation.
struct Conversation {
  Layer layer;
  NamedTensors shared, constants;
  std::unique_ptr<Compressor> compressor;
  Exchange exchange;

  Conversation(const at::Tensor& messages, const std::string& transport, NamedTensors start,
               std::int64_t round)
      : shared(std::move(start)) {
    Layout layout;
    layout.add("weight", {messages.size(1), messages.size(2)});
    layer = layout.layers[0];
    CompressorOptions options;
    options.rank = shared.begin()->second.size(0);
    options.transport = transport;
    options.compress = "always";
    compressor = make_compressor(options);
    exchange.layer = &layer;
    exchange.round = round;
    exchange.message = messages;
    exchange.shared = &shared;
    exchange.constants = &constants;
    form_products(*compressor, exchange);
  }

  /// One pass in which the exact mean of every block is received.
  Decoded pass(int number) {
    std::vector<Reception> received;
    for (const auto& block : compressor->encode(exchange, number).blocks) {
      received.push_back({block.mean(0), std::vector<double>(static_cast<std::size_t>(block.size(1)), 0.0)});
    }
    return compressor->decode(exchange, number, received);
  }

  [[nodiscard]] at::Tensor estimate(const Decoded& decoded) const {
    auto out = at::empty({layer.rows, layer.columns}, exchange.message.options());
    decoded.write(out);
    return out;
  }

  [[nodiscard]] at::Tensor residual() const {
    auto memory = exchange.message.clone(at::MemoryFormat::Contiguous);
    compressor->subtract_own(exchange, memory);
    return memory;
  }
};

Json compress_two_phase(const Json& inputs) {
  Conversation talk(matrices_of(inputs.at("M")), "two_phase",
                    {{"right", tensor_of(inputs.at("Q_warm")).t().contiguous()}}, 0);
  talk.pass(0);
  const auto decoded = talk.pass(1);
  const auto e = talk.residual();
  return {{"P_hat", json_of(talk.exchange.scratch.at("basis").t())},
          {"Q_bar", json_of(decoded.shared.at("right").t())},
          {"g", json_of(talk.estimate(decoded))},
          {"e", json_of(e)},
          {"e_norm", json_of(norms_of(e))},
          {"Qi_norm", json_of(norms_of(talk.exchange.scratch.at("factors")))}};
}

Json compress_alternating(const Json& inputs) {
  const auto messages = matrices_of(inputs.at("M"));
  const auto parity = inputs.at("parity").get<std::int64_t>() % 2;
  const auto warm = tensor_of(inputs.at(parity == 0 ? "P_warm" : "Q_warm")).t().contiguous();
  Conversation talk(messages, "alternating", {{parity == 0 ? "left" : "right", warm}}, parity);
  const auto decoded = talk.pass(0);
  return {{"basis", json_of(talk.exchange.scratch.at("basis").t())},
          {"sent_mean", json_of(decoded.shared.at(parity == 0 ? "right" : "left").t())},
          {"g", json_of(talk.estimate(decoded))},
          {"e", json_of(talk.residual())},
          {"sent_norm",
           json_of(norms_of(parity == 0 ? talk.exchange.products.right : talk.exchange.products.left))}};
}

Json compress_one_shot(const Json& inputs) {
  const auto messages = matrices_of(inputs.at("M"));
  if (messages.size(0) != 1) fail(ExitCode::kData, "compress_one_shot takes one matrix");
  const NamedTensors warm{{"right", tensor_of(inputs.at("Q_warm")).t().contiguous()}};
  Conversation talk(messages, "one_shot", warm, 0);
  const auto decoded = talk.pass(0);
  const auto right = talk.exchange.scratch.at("right")[0];  // [r, n]
  const auto columns = right.pow(2).sum(1);
  const auto singular = std::get<1>(at::linalg_svd(right, false)).pow(2);
  return {{"P_hat", json_of(talk.exchange.scratch.at("left")[0].t())},
          {"Q", json_of(right.t())},
          {"g", json_of(talk.estimate(decoded))},
          {"e", json_of(talk.residual()[0])},
          {"kappa_columns", json_of(columns / columns.sum())},
          {"kappa_canonical", json_of(singular / singular.sum())}};
}

/// Given draws, addressed by tensor and block; keeps the noise levels that were asked for.
class GivenNoise final : public NoiseSource {
 public:
  struct Address {
    std::uint32_t layer, unit;
    auto operator<=>(const Address&) const = default;
  };
  GivenNoise(std::map<Address, at::Tensor> draws, std::map<Address, double>& sigma)
      : draws_(std::move(draws)), sigma_(sigma) {}

  at::Tensor normal(at::IntArrayRef sizes, at::ScalarType, const StreamKey& key) override {
    return draws_.at({key.layer, key.unit}).reshape(sizes);
  }
  void add(at::Tensor& values, std::span<const double> noise_std, const StreamKey& key) override {
    {
      const std::lock_guard lock(mutex_);
      sigma_[{key.layer, key.unit}] = noise_std[0];
    }
    NoiseSource::add(values, noise_std, key);
  }

 private:
  std::mutex mutex_;
  std::map<Address, at::Tensor> draws_;
  std::map<Address, double>& sigma_;
};

constexpr std::uint32_t kSecondPass = 16;  // unit of a pass's first block is 16 * pass

Json two_phase_given_noise(const Json& inputs) {
  const auto messages = matrices_of(inputs.at("M"));
  const auto biases = tensor_of(inputs.at("bias"));  // [k, b]
  const auto workers = messages.size(0), m = messages.size(1), n = messages.size(2);
  Layout layout;
  layout.add("weight", {m, n});
  layout.add("bias", {biases.size(1)});
  Algorithm algorithm;
  algorithm.compressor.transport = "two_phase";
  algorithm.compressor.compress = "always";
  const auto warm = tensor_of(inputs.at("Q_warm"));
  algorithm.compressor.rank = warm.size(1);
  algorithm.compressor.phase_share = inputs.value("phi", 0.5);
  std::map<GivenNoise::Address, double> sigma;
  auto noise = std::make_unique<GivenNoise>(
      std::map<GivenNoise::Address, at::Tensor>{
          {{0, 0}, tensor_of(inputs.at("Z_p")).t().contiguous()},
          {{0, kSecondPass}, tensor_of(inputs.at("Z_q")).t().contiguous()},
          {{1, kSecondPass}, tensor_of(inputs.at("Z_b"))}},
      sigma);
  Solo solo(workers);
  Aggregator aggregator(layout, algorithm, 0, solo, at::kDouble, std::move(noise));
  aggregator.load_state({{"shared/weight/right", warm.t().contiguous()}});
  auto estimate = at::zeros({layout.size}, at::kDouble);
  const double power = inputs.at("P").get<double>();
  aggregator.round(0, power, at::cat({messages.flatten(1), biases}, 1), estimate);

  const auto g = estimate.narrow(0, 0, m * n).view({m, n});
  const auto q = aggregator.state().at("shared/weight/right").t();            // Q~ [n, r]
  const auto basis = at::mm(at::mm(g, q), at::linalg_inv(at::mm(q.t(), q)));  // g = P^ Q~^T
  const auto largest = [](const std::vector<double>& v) { return *std::max_element(v.begin(), v.end()); };
  const double c_q = largest(norms_of(at::matmul(messages.transpose(1, 2), basis)));
  const double c_b = largest(norms_of(biases));
  const double sigma_q = sigma.at({0, kSecondPass}), sigma_b = sigma.at({1, kSecondPass});
  const auto energy = [&](double c, double s) { return std::pow(c / (static_cast<double>(workers) * s), 2); };
  return {{"sigma_p", sigma.at({0, 0})},
          {"P_hat", json_of(basis)},
          {"p_phase2", {energy(c_q, sigma_q), energy(c_b, sigma_b)}},
          {"sigma_q", sigma_q},
          {"sigma_b", sigma_b},
          {"Q_bar", json_of(q)},
          {"g", json_of(g)},
          {"e", json_of(aggregator.memory(0))},
          {"bias_decoded", json_of(estimate.narrow(0, m * n, biases.size(1)))}};
}

/// One round of a method on lists of vectors with given noise: decoded vectors, noise levels.
struct GivenRound {
  Json decoded = Json::array();
  std::vector<double> sigma;
};

GivenRound round_with_noise(const Json& inputs, const char* method, const std::string& allocation) {
  const auto& gradients = inputs.at("grads");
  const auto& draws = inputs.at("Z");
  Layout layout;
  std::map<GivenNoise::Address, at::Tensor> z;
  for (std::size_t l = 0; l < gradients.at(0).size(); ++l) {
    layout.add(std::to_string(l), {static_cast<std::int64_t>(gradients[0][l].size())});
    z[{static_cast<std::uint32_t>(l), 0}] = tensor_of(draws.at(l));
  }
  std::vector<at::Tensor> rows;
  for (const auto& worker : gradients) {
    std::vector<at::Tensor> parts;
    for (const auto& vector : worker) parts.push_back(tensor_of(vector));
    rows.push_back(at::cat(parts));
  }
  auto algorithm = laser::method(method);
  algorithm.allocation = allocation;
  std::map<GivenNoise::Address, double> sigma;
  Solo solo(static_cast<std::int64_t>(rows.size()));
  Aggregator aggregator(layout, algorithm, 0, solo, at::kDouble, std::make_unique<GivenNoise>(z, sigma));
  auto estimate = at::zeros({layout.size}, at::kDouble);
  aggregator.round(0, inputs.at("P").get<double>(), at::stack(rows), estimate);
  GivenRound result;
  for (std::size_t l = 0; l < layout.layers.size(); ++l) {
    const auto& layer = layout.layers[l];
    result.decoded.push_back(json_of(estimate.narrow(0, layer.offset, layer.size)));
    result.sigma.push_back(sigma[{static_cast<std::uint32_t>(l), 0}]);
  }
  return result;
}

Json zsgd_given_noise(const Json& inputs) {
  const auto zsgd = round_with_noise(inputs, "zsgd", inputs.value("allocation", "norm"));
  const auto signum = round_with_noise(inputs, "signum", "sqrt_dim");
  const auto& gradients = inputs.at("grads");
  std::vector<double> energies;
  for (std::size_t l = 0; l < zsgd.sigma.size(); ++l) {
    double largest = 0;
    for (const auto& worker : gradients)
      largest = std::max(largest, tensor_of(worker[l]).norm().item<double>());
    const double scale = static_cast<double>(gradients.size()) * zsgd.sigma[l];
    energies.push_back(largest == 0 ? 0.0 : std::pow(largest / scale, 2));
  }
  return {
      {"p", energies}, {"sigma", zsgd.sigma}, {"decoded", zsgd.decoded}, {"signum_decoded", signum.decoded}};
}

/// A word that hashes to the given bucket and sign.
std::uint32_t word_for(std::uint32_t bucket, std::uint32_t buckets, int sign) {
  const auto first = static_cast<std::uint32_t>(((std::uint64_t{bucket} << 32) + buckets - 1) / buckets);
  const auto word = sketch_sign(first) == sign ? first : first + 1;
  LASER_CHECK(sketch_bucket(word, buckets) == bucket && sketch_sign(word) == sign);
  return word;
}

Json sketch_randomk(const Json& inputs) {
  const auto vectors = tensor_of(inputs.at("vectors"));  // [k, d]
  const auto workers = vectors.size(0), d = vectors.size(1);
  const auto b = inputs.at("b").get<std::uint32_t>();
  std::vector<std::uint32_t> words;
  for (std::size_t j = 0; j < static_cast<std::size_t>(d); ++j) {
    words.push_back(
        word_for(inputs.at("bucket").at(j).get<std::uint32_t>(), b, inputs.at("sign").at(j).get<int>()));
  }
  auto buckets = at::zeros({workers, b}, at::kDouble);
  Json top = Json::array();
  for (std::int64_t i = 0; i < workers; ++i) {
    const auto row = vectors[i].contiguous();
    const std::span<const double> values(row.data_ptr<double>(), static_cast<std::size_t>(d));
    sketch<double>(values.data(), words, {buckets[i].data_ptr<double>(), b});
    top.push_back(largest_entries(values, inputs.at("topk").get<std::int64_t>()));
  }
  const auto mean = buckets.mean(0);
  auto decoded = at::empty({d}, at::kDouble);
  unsketch<double>({mean.data_ptr<double>(), b}, words, decoded.data_ptr<double>());
  const auto indices = at::tensor(inputs.at("randk_indices").get<std::vector<std::int32_t>>(), at::kInt);
  const auto messages = vectors.unsqueeze(1);  // [k, 1, d]
  auto memory = vectors.clone().unsqueeze(2);  // [k, d, 1]
  clear_coordinates(memory, indices);
  auto spread = at::empty({d}, at::kDouble);
  spread_coordinates(take_coordinates(messages, indices).mean(0), indices, spread);
  return {{"sketch_norms", json_of(norms_of(buckets))}, {"sketch_mean", json_of(mean)},
          {"sketch_decoded", json_of(decoded)},         {"randk_decoded", json_of(spread)},
          {"randk_e0", json_of(memory[0].view({-1}))},  {"topk_indices", top}};
}

}  // namespace

KindTable tensor_kinds() {
  return {{"compress_two_phase", compress_two_phase}, {"compress_alternating", compress_alternating},
          {"compress_one_shot", compress_one_shot},   {"two_phase_given_noise", two_phase_given_noise},
          {"zsgd_given_noise", zsgd_given_noise},     {"sketch_randomk", sketch_randomk}};
}

}  // namespace laser::known_answers
