// GPT-2 against the same model in Python, against itself in other precisions and forms, and what it refuses.
#include "laser/model/gpt2.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "../power/expect_error.hpp"
#include "gpt2_weights.hpp"

namespace laser {
namespace {

namespace fs = std::filesystem;

/// These networks are too small for threads, which would only wait for one another on a busy machine.
const auto* const kOneThread = testing::AddGlobalTestEnvironment([] {
  struct OneThread final : testing::Environment {
    void SetUp() override { at::set_num_threads(1); }
  };
  return new OneThread;
}());

constexpr Gpt2Size kSmall{.layers = 3, .width = 48, .context = 24, .vocabulary = 101, .biases = false};

Gpt2Size with_biases(Gpt2Size size) {
  size.biases = true;
  return size;
}

/// Parameters that are nowhere at a special value: norms and biases too.
at::Tensor parameters_of(const Gpt2& model, std::uint64_t seed = 1) {
  auto parameters = at::empty({model.layout().size}, at::kFloat);
  model.initialise(parameters, seed);
  for (std::int64_t j = 0; j < parameters.numel(); ++j) {
    const StreamKey key{seed, Purpose::kTest, 7, 0, 0};
    parameters.data_ptr<float>()[j] +=
        static_cast<float>(0.2 * random_uniform(key, static_cast<std::uint64_t>(j)) - 0.1);
  }
  return parameters;
}

TokenBatch batch_of(const Gpt2Size& size, std::int64_t sequences, std::int64_t length,
                    std::uint32_t number = 0) {
  TokenBatch batch{at::empty({sequences, length}, at::kLong), at::empty({sequences, length}, at::kLong)};
  for (std::int64_t i = 0; i < sequences * length; ++i) {
    const auto draw = [&](std::uint32_t part) {
      return random_below({5, Purpose::kTest, number, part, 0}, static_cast<std::uint64_t>(i),
                          static_cast<std::uint32_t>(size.vocabulary));
    };
    batch.inputs.data_ptr<std::int64_t>()[i] = draw(0);
    batch.targets.data_ptr<std::int64_t>()[i] = draw(1);
  }
  return batch;
}

at::Tensor gradient_of(const Gpt2& model, const at::Tensor& parameters, const TokenBatches& batches,
                       double* loss = nullptr) {
  auto gradient = at::full({model.layout().size}, std::nan(""), parameters.options());  // is overwritten
  const auto value = model.gradient(parameters, batches, gradient);
  if (loss) *loss = value;
  return gradient;
}

double distance(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).norm().item<double>() / b.norm().item<double>();
}

StreamKey dropout_key(std::uint32_t round = 0, std::uint32_t worker = 0) {
  return {3, Purpose::kDropout, round, 0, worker};
}

// ---- Python ----

void write_file(const fs::path& path, const at::Tensor& tensor) {
  const auto whole = tensor.contiguous();
  std::ofstream(path, std::ios::binary)
      .write(static_cast<const char*>(whole.const_data_ptr()), static_cast<std::streamsize>(whole.nbytes()));
}

at::Tensor read_floats(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  auto values = at::empty({static_cast<std::int64_t>(bytes.size() / sizeof(float))}, at::kFloat);
  std::copy(bytes.begin(), bytes.end(), static_cast<char*>(values.data_ptr()));
  return values;
}

at::Tensor joined(const NamedWeights& weights) {
  std::vector<at::Tensor> parts;
  for (const auto& [name, tensor] : weights) parts.push_back(tensor.reshape({-1}));
  return at::cat(parts);
}

/// A model, and the folder in which Python finds it and leaves its answers.
struct ReferenceCase {
  Gpt2Size size;
  Gpt2Options options;
  fs::path folder;

  void write(const at::Tensor& parameters, const TokenBatch& batch) const {
    fs::create_directory(folder);
    const auto weights = export_gpt2(size, parameters);
    std::string tensors;
    for (const auto& [name, tensor] : weights) {
      tensors += fmt::format("{}[\"{}\", [{}]]", tensors.empty() ? "" : ", ", name,
                             fmt::join(tensor.sizes().vec(), ", "));
    }
    std::ofstream(folder / "model.json") << fmt::format(
        R"({{"layers": {}, "width": {}, "heads": {}, "biases": {}, "tanh_gelu": {}, "sequences": {}, "length": {},)"
        R"( "tensors": [{}]}})",
        size.layers, size.width, options.heads, size.biases, options.tanh_gelu, batch.inputs.size(0),
        batch.inputs.size(1), tensors);
    write_file(folder / "parameters.bin", joined(weights));
    write_file(folder / "inputs.bin", batch.inputs);
    write_file(folder / "targets.bin", batch.targets);
  }
};

TEST(Gpt2, IsTheSameInPython) {
  std::string pattern = (fs::temp_directory_path() / "laser-test-XXXXXX").string();
  LASER_CHECK(mkdtemp(pattern.data()) != nullptr);
  const fs::path folder = pattern;
  const ReferenceCase cases[] = {
      {kSmall, {.heads = 4}, folder / "paper"},
      {with_biases(kSmall), {.heads = 6, .tanh_gelu = true}, folder / "standard"},
      {with_biases(kSmall), {.heads = 3, .recompute_blocks = true}, folder / "recomputed"},
  };
  auto command = fmt::format("{} {}/tests/python/gpt2_reference.py", LASER_TEST_PYTHON, LASER_SOURCE_DIR);
  const auto batch = batch_of(kSmall, 3, 20);
  for (const auto& one : cases) {
    one.write(parameters_of(Gpt2(one.size, one.options)), batch);
    command += fmt::format(" {}", one.folder.string());
  }
  const int status = std::system(command.c_str());
  if (WEXITSTATUS(status) == 77) {
    fs::remove_all(folder);
    GTEST_SKIP() << LASER_TEST_PYTHON " has no torch with numpy";
  }
  ASSERT_EQ(status, 0);
  for (const auto& one : cases) {
    const Gpt2 model(one.size, one.options);
    const auto parameters = parameters_of(model);
    const auto logits = model.logits(parameters, batch.inputs);
    EXPECT_LT((logits.reshape({-1}) - read_floats(one.folder / "logits.bin")).abs().max().item<double>(),
              1e-5)
        << one.folder;
    EXPECT_GT(logits.std().item<double>(), 0.1);  // there is something to compare
    double loss = 0;
    const auto gradient = joined(export_gpt2(one.size, gradient_of(model, parameters, {{batch}, {}}, &loss)));
    const auto expected = read_floats(one.folder / "gradients.bin");
    EXPECT_NEAR(loss, read_floats(one.folder / "loss.bin").item<double>(), 1e-5) << one.folder;
    EXPECT_LT((gradient - expected).abs().max().item<double>(), 1e-5) << one.folder;
    EXPECT_LT(distance(gradient, expected), 1e-5) << one.folder;
    EXPECT_NEAR(model.evaluate(parameters, std::span(&batch, 1)), loss, 1e-6);
  }
  fs::remove_all(folder);
}

// ---- by itself ----

TEST(Gpt2, HasThePapersParameters) {
  EXPECT_EQ(Gpt2({}).layout().size, 123'980'544);
  EXPECT_EQ(Gpt2({}).layout().layers.size(), 75u);
  EXPECT_EQ(Gpt2({.context = 1024, .vocabulary = 50257, .biases = true}).layout().size,
            124'439'808);  // the published one
}

TEST(Gpt2, StartsAsTheSpecificationSays) {
  const Gpt2 model({.layers = 2, .width = 128, .context = 64, .vocabulary = 500, .biases = true},
                   {.heads = 4});
  auto parameters = at::empty({model.layout().size}, at::kFloat), again = at::empty_like(parameters);
  model.initialise(parameters, 1);
  model.initialise(again, 1);
  EXPECT_TRUE(parameters.equal(again));
  model.initialise(again, 2);
  EXPECT_FALSE(parameters.equal(again));
  for (const auto& layer : model.layout().layers) {
    const auto values = parameters.narrow(0, layer.offset, layer.size);
    if (!layer.is_matrix()) {
      EXPECT_TRUE(values.eq(layer.name.ends_with(".bias") ? 0 : 1).all().item<bool>()) << layer.name;
      continue;
    }
    const double expected = layer.name.ends_with("c_proj.weight") ? 0.02 / 2 : 0.02;  // sqrt(2 x 2 layers)
    // The deviation of n normals has itself a relative deviation of 1 / sqrt(2 n): five of them.
    EXPECT_NEAR(values.std().item<double>() / expected, 1,
                5 / std::sqrt(2.0 * static_cast<double>(layer.size)))
        << layer.name;
  }
}

TEST(Gpt2, GradientIsTheDerivative) {
  const Gpt2 model(with_biases(kSmall), {.heads = 4});
  auto parameters = parameters_of(model).to(at::kDouble);
  const auto batch = batch_of(kSmall, 2, 9);
  const auto gradient = gradient_of(model, parameters, {{batch}, {}});
  for (const auto& layer : model.layout().layers) {
    const auto at_index = layer.offset + layer.size / 3;
    const auto loss_at = [&](double step) {
      auto moved = parameters.clone();
      moved[at_index] += step;
      return model.evaluate(moved, std::span(&batch, 1));
    };
    const double difference = (loss_at(1e-5) - loss_at(-1e-5)) / 2e-5;
    EXPECT_NEAR(gradient[at_index].item<double>(), difference, 1e-8) << layer.name;
  }
}

TEST(Gpt2, DoesNotLookAhead) {
  const Gpt2 model(kSmall, {.heads = 4});
  const auto parameters = parameters_of(model);
  auto inputs = batch_of(kSmall, 1, 10).inputs;
  const auto before = model.logits(parameters, inputs);
  inputs[0][6] = (inputs[0][6] + 1) % kSmall.vocabulary;
  const auto after = model.logits(parameters, inputs);
  EXPECT_LT((before - after).narrow(1, 0, 6).abs().max().item<double>(), 1e-6);
  EXPECT_GT((before - after).narrow(1, 6, 4).abs().amax(2).min().item<double>(), 1e-4);
}

TEST(Gpt2, StepsAddUp) {
  const Gpt2 model(kSmall, {.heads = 4});
  const auto parameters = parameters_of(model);
  const auto first = batch_of(kSmall, 2, 9, 1), second = batch_of(kSmall, 4, 24, 2);
  double losses[3];
  const auto sum = gradient_of(model, parameters, {{first}, {}}, losses) +
                   gradient_of(model, parameters, {{second}, {}}, losses + 1);
  const auto both = gradient_of(model, parameters, {{first, second}, {}}, losses + 2);
  EXPECT_LT(distance(both, sum), 1e-6);
  EXPECT_NEAR(losses[2], (losses[0] + losses[1]) / 2, 1e-6);
  const TokenBatch batches[] = {first, second};  // over tokens: 18 and 96 of them
  EXPECT_NEAR(model.evaluate(parameters, batches), (18 * losses[0] + 96 * losses[1]) / 114, 1e-6);
}

TEST(Gpt2, ManyRowsOfLogitsAreTheSameAsFew) {
  const Gpt2 model(kSmall, {.heads = 4});
  const auto parameters = parameters_of(model);
  const auto whole = batch_of(kSmall, 60, 24);  // 1440 rows, more than are held at a time
  const auto part = [&](std::int64_t first, std::int64_t count) {
    return TokenBatch{whole.inputs.narrow(0, first, count), whole.targets.narrow(0, first, count)};
  };
  const auto sum = gradient_of(model, parameters, {{part(0, 30), part(30, 30)}, {}});
  EXPECT_LT(distance(gradient_of(model, parameters, {{whole}, {}}) * 2, sum), 1e-5);
}

TEST(Gpt2, DropoutIsAFunctionOfItsAddress) {
  const Gpt2 model(with_biases(kSmall), {.heads = 4, .dropout = 0.2});
  const auto parameters = parameters_of(model);
  const auto batch = batch_of(kSmall, 3, 20);
  const auto first = gradient_of(model, parameters, {{batch}, dropout_key()});
  EXPECT_TRUE(first.equal(gradient_of(model, parameters, {{batch}, dropout_key()})));
  EXPECT_GT(distance(first, gradient_of(model, parameters, {{batch}, dropout_key(1, 0)})), 0.1);
  EXPECT_GT(distance(first, gradient_of(model, parameters, {{batch}, dropout_key(0, 1)})), 0.1);
  EXPECT_GT(distance(first * 2, gradient_of(model, parameters, {{batch, batch}, dropout_key()})),
            0.1);  // each step its own
  const Gpt2 again(with_biases(kSmall), {.heads = 4, .dropout = 0.2, .recompute_blocks = true});
  EXPECT_LT(distance(gradient_of(again, parameters, {{batch}, dropout_key()}), first), 1e-6);
}

// With dropout every gradient is that of a thinned network, whose mean over masks is near that
// of the whole one.
TEST(Gpt2, DropoutKeepsTheMean) {
  constexpr int kMasks = 300;
  const Gpt2 model(kSmall, {.heads = 4}), thinned(kSmall, {.heads = 4, .dropout = 0.1});
  const auto parameters = parameters_of(model);
  const auto batch = batch_of(kSmall, 3, 20);
  double loss = 0, mean = 0, squares = 0, value = 0;
  gradient_of(model, parameters, {{batch}, {}}, &loss);
  for (std::uint32_t round = 0; round < kMasks; ++round) {
    gradient_of(thinned, parameters, {{batch}, dropout_key(round)}, &value);
    mean += value / kMasks;
    squares += value * value / kMasks;
  }
  const double deviation = std::sqrt(squares - mean * mean);
  EXPECT_GT(deviation, 1e-3);  // something is dropped
  EXPECT_NEAR(mean, loss, 0.02 * loss);
}

TEST(Gpt2, WorkersAreTheSameForEveryNumberOfThreads) {
  const Gpt2 model(with_biases(kSmall), {.heads = 4, .dropout = 0.2});
  const auto parameters = parameters_of(model);
  std::vector<TokenBatches> workers;
  for (std::uint32_t i = 0; i < 3; ++i)
    workers.push_back(
        {{batch_of(kSmall, 2, 16, 2 * i), batch_of(kSmall, 2, 16, 2 * i + 1)}, dropout_key(9, i)});
  const auto threads = at::get_num_threads();
  at::Tensor banks[2];
  std::vector<double> losses[2];
  for (int run = 0; run < 2; ++run) {
    at::set_num_threads(run == 0 ? 1 : 4);
    banks[run] = at::full({3, model.layout().size}, std::nan(""), at::kFloat);
    losses[run].resize(3);
    model.gradients(parameters, workers, banks[run], losses[run]);
  }
  at::set_num_threads(threads);
  EXPECT_TRUE(banks[0].equal(banks[1]));
  EXPECT_EQ(losses[0], losses[1]);
  for (std::size_t i = 0; i < 3; ++i) {
    double loss = 0;
    EXPECT_LT(
        distance(banks[0][static_cast<std::int64_t>(i)], gradient_of(model, parameters, workers[i], &loss)),
        1e-5);
    EXPECT_NEAR(losses[0][i], loss, 1e-5);
  }
  auto models = parameters.repeat({3, 1});  // each with its own
  models[1] *= 1.1;
  model.gradients(models, workers, banks[1], losses[1]);
  EXPECT_TRUE(banks[0][0].equal(banks[1][0]));
  EXPECT_TRUE(banks[0][2].equal(banks[1][2]));
  double loss = 0;
  EXPECT_LT(distance(banks[1][1], gradient_of(model, models[1].contiguous(), workers[1], &loss)), 1e-5);
  EXPECT_NEAR(losses[1][1], loss, 1e-5);
}

TEST(Gpt2, Bfloat16IsNear) {
  const Gpt2 model(with_biases(kSmall), {.heads = 4}),
      half(with_biases(kSmall), {.heads = 4, .bfloat16 = true});
  const auto parameters = parameters_of(model);
  const auto batch = batch_of(kSmall, 3, 20);
  double loss = 0, half_loss = 0;
  const auto gradient = gradient_of(model, parameters, {{batch}, {}}, &loss);
  const auto half_gradient = gradient_of(half, parameters, {{batch}, {}}, &half_loss);
  EXPECT_EQ(half_gradient.scalar_type(), at::kFloat);
  const double error = distance(half_gradient, gradient);
  EXPECT_GT(error, 1e-5);  // it is computed in bfloat16
  EXPECT_LT(error, 0.03);  // 8 bits
  EXPECT_NEAR(half_loss, loss, 0.02);
}

TEST(Gpt2, LearnsAPattern) {
  const Gpt2Size size{.layers = 2, .width = 32, .context = 16, .vocabulary = 11, .biases = false};
  const Gpt2 model(size, {.heads = 4, .dropout = 0.05});
  auto parameters = at::empty({model.layout().size}, at::kFloat);
  model.initialise(parameters, 1);
  // Each sequence counts on by its own stride, which only its first two tokens tell.
  TokenBatch batch{at::empty({20, 15}, at::kLong), at::empty({20, 15}, at::kLong)};
  for (std::int64_t i = 0; i < 20; ++i) {
    for (std::int64_t t = 0; t < 15; ++t) {
      batch.inputs[i][t] = (i + t * (1 + i % 3)) % 11;
      batch.targets[i][t] = (i + (t + 1) * (1 + i % 3)) % 11;
    }
  }
  const double before = model.evaluate(parameters, std::span(&batch, 1));
  auto momentum = at::zeros_like(parameters), squares = at::zeros_like(parameters);
  for (std::uint32_t round = 1; round <= 150; ++round) {
    const auto gradient = gradient_of(model, parameters, {{batch}, dropout_key(round)});
    momentum.mul_(0.9).add_(gradient, 0.1);
    squares.mul_(0.99).addcmul_(gradient, gradient, 0.01);
    parameters.addcdiv_(momentum / (1 - std::pow(0.9, round)),
                        (squares / (1 - std::pow(0.99, round))).sqrt().add_(1e-8), -5e-3);
  }
  EXPECT_NEAR(before, std::log(11.0), 0.1);
  EXPECT_LT(model.evaluate(parameters, std::span(&batch, 1)), 0.25);
}

TEST(Gpt2, RefusesWhatDoesNotFit) {
  expect_error([] { return Gpt2(kSmall, {.heads = 5}); }, ExitCode::kConfiguration,
               "width 48 cannot have 5 heads");
  expect_error([] { return Gpt2(kSmall, {.heads = 0}); }, ExitCode::kConfiguration, "0 heads");
  expect_error([] { return Gpt2(kSmall, {.heads = 4, .dropout = 1}); }, ExitCode::kConfiguration,
               "dropout is 1");
  expect_error([] { return Gpt2(kSmall, {.heads = 4, .dropout = std::nan("")}); }, ExitCode::kConfiguration,
               "dropout is nan");
  const Gpt2 model(kSmall, {.heads = 4});
  const auto parameters = parameters_of(model);
  const auto with_token = [&](std::int64_t token) {
    auto batch = batch_of(kSmall, 2, 5);
    batch.inputs[1][3] = token;
    return batch;
  };
  expect_error([&] { return model.logits(parameters, with_token(101).inputs); }, ExitCode::kData,
               "token 101 does not exist: the model has a vocabulary of 101");
  expect_error(
      [&] {
        return gradient_of(model, parameters, {{with_token(-1)}, {}});
      },
      ExitCode::kData, "token -1");
  const auto wrong = with_token(50256);
  expect_error([&] { return model.evaluate(parameters, std::span(&wrong, 1)); }, ExitCode::kData,
               "token 50256");
  expect_error([&] { return model.logits(parameters, batch_of(kSmall, 1, 25).inputs); }, ExitCode::kData,
               "25 tokens does not fit the model's context of 24");
}

// ---- weights in the common layout ----

class Gpt2Weights : public testing::Test {
 protected:
  Gpt2Weights()
      : size_(with_biases(kSmall)),
        model_(size_, {.heads = 4}),
        parameters_(parameters_of(model_)),
        weights_(export_gpt2(size_, parameters_)) {}
  [[nodiscard]] at::Tensor imported() const {
    auto parameters = at::full_like(parameters_, -7);
    import_gpt2(weights_, size_, parameters);
    return parameters;
  }
  void expect(const std::string& part) const {
    auto parameters = at::full_like(parameters_, -7);
    expect_error(
        [&] {
          import_gpt2(weights_, size_, parameters);
          return 0;
        },
        ExitCode::kData, part);
    EXPECT_TRUE(parameters.eq(-7).all().item<bool>());  // nothing was written
  }
  Gpt2Size size_;
  Gpt2 model_;
  at::Tensor parameters_;
  NamedWeights weights_;
};

TEST_F(Gpt2Weights, ComeBack) {
  EXPECT_EQ(weights_.size(), model_.layout().layers.size());
  EXPECT_EQ(weights_.at("h.1.attn.c_attn.weight").sizes(), (at::IntArrayRef{48, 144}));
  EXPECT_EQ(weights_.at("h.1.mlp.c_proj.weight").sizes(), (at::IntArrayRef{192, 48}));
  EXPECT_EQ(weights_.at("wte.weight").sizes(), (at::IntArrayRef{101, 48}));
  EXPECT_TRUE(imported().equal(parameters_));
  const auto size = gpt2_size_of(weights_);
  EXPECT_EQ(gpt2_layout(size).size, gpt2_layout(size_).size);
  EXPECT_EQ(size.layers, 3);
  EXPECT_TRUE(size.biases);
  EXPECT_FALSE(gpt2_size_of(export_gpt2(kSmall, at::zeros({gpt2_layout(kSmall).size}))).biases);
}

TEST_F(Gpt2Weights, ComeInOtherForms) {
  NamedWeights other;
  for (const auto& [name, tensor] : weights_) other["transformer." + name] = tensor.to(at::kDouble);
  other["transformer.h.0.attn.bias"] = at::ones({1, 1, 24, 24});
  other["transformer.h.2.attn.masked_bias"] = at::zeros({});
  other["lm_head.weight"] = other.at("transformer.wte.weight").clone();
  weights_ = other;
  EXPECT_TRUE(imported().equal(parameters_));
  EXPECT_EQ(gpt2_size_of(weights_).layers, 3);
}

TEST_F(Gpt2Weights, AreRefusedWhereTheyDoNotFit) {
  const auto good = weights_;
  weights_.erase("h.2.mlp.c_fc.bias");
  expect("lack the tensor 'h.2.mlp.c_fc.bias'. HINT");
  weights_ = good;
  weights_["h.3.ln_1.weight"] = at::ones({48});
  expect("hold the tensor 'h.3.ln_1.weight', which this model does not have");
  weights_ = good;
  weights_["h.0.mlp.c_fc.weight"] = good.at("h.0.mlp.c_fc.weight").t();
  expect("the tensor 'h.0.mlp.c_fc.weight' is [192, 48]: this model needs [48, 192]");
  weights_ = good;
  weights_["wpe.weight"] = at::zeros({48});
  expect("'wpe.weight' has 1 dimensions");
  weights_ = good;
  weights_["ln_f.weight"] = at::ones({48}, at::kLong);
  expect("does not hold floating-point numbers");
  weights_ = good;
  weights_["lm_head.weight"] = good.at("wte.weight") + 1;
  expect("a head of its own is not supported");
  weights_ = good;
  weights_["transformer.wte.weight"] = good.at("wte.weight");
  expect("'wte.weight' with and without the prefix");
  expect_error([] { return gpt2_size_of({}); }, ExitCode::kData, "lack the tensor 'wte.weight'");
}

}  // namespace
}  // namespace laser
