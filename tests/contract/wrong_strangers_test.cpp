// What comes from outside and is wrong in its form, be it a part, gains, a layout or a collective: refused by
// name, with what to do, and what lasts between rounds is as it was.
#include <gtest/gtest.h>

#include <complex>
#include <functional>

#include "strangers.hpp"

namespace laser::contract {
namespace {

/// A part that is right until it is told otherwise.
constexpr double kPower = 1e6;  // over a digital link, too, every tensor has some bits
struct Turning {
  bool wrong = false;
};

class Renaming : public EverySecond, public Turning {  // a state of its own, which it hands on as another one
 public:
  explicit Renaming(NamedTensors other) : other_(std::move(other)) {}
  [[nodiscard]] NamedTensors initial_state(const Layer&, std::uint32_t, std::uint64_t,
                                           at::ScalarType type) const override {
    return {{"step", at::zeros({2}, type)}, {"turn", at::zeros({1}, type)}};
  }
  Decoded decode(Exchange& exchange, int pass, std::span<const Reception> received) const override {
    auto decoded = EverySecond::decode(exchange, pass, received);
    decoded.shared = wrong ? other_ : NamedTensors{};
    if (!wrong) {
      for (const auto& [name, tensor] : *exchange.shared) decoded.shared[name] = tensor + 1;
    }
    return decoded;
  }

 private:
  NamedTensors other_;
};

class Miscounting : public EverySecond, public Turning {  // a norm of its content too few
  Message encode(Exchange& exchange, int pass) const override {
    auto message = EverySecond::encode(exchange, pass);
    for (const auto& row : message.blocks[0].unbind())
      message.content_norm.push_back(row.norm().item<double>());
    if (wrong) message.content_norm.pop_back();
    return message;
  }
};

class Longer : public EverySecond, public Turning {  // its symbols are groups of their own
  Message encode(Exchange& exchange, int pass) const override {
    auto message = EverySecond::encode(exchange, pass);
    if (wrong) message.blocks[0] = message.blocks[0].transpose(1, 2).repeat({1, 2, 1});
    return message;
  }
};

class Wide : public Compressor, public Turning {  // as identity, with factors of its own that are no matrices
 public:
  [[nodiscard]] Traits traits() const override { return {.factored = true}; }
  Message encode(Exchange& exchange, int) const override {
    return {{exchange.message.flatten(1).unsqueeze(1)}};
  }
  Decoded decode(Exchange& exchange, int, std::span<const Reception> received) const override {
    return {received[0].values.view({exchange.layer->rows, exchange.layer->columns}), {}, {}};
  }
  [[nodiscard]] Factors own_factors(const Exchange& exchange) const override {
    const auto options = exchange.message.options();
    return {at::zeros({1, exchange.layer->rows + (wrong ? 1 : 0)}, options),
            at::zeros({1, exchange.layer->columns}, options)};
  }
};

class Narrowing : public Feedback, public Turning {  // it keeps the first row in the place of all
 public:
  void update(MemoryUpdate& memory) const override {
    memory.subtract_own();
    if (wrong) memory.numbers() = memory.numbers().slice(1, 0, 1).contiguous();
  }
};

class Halving : public Receiver, public Turning {  // it throws a half of the symbols away
 public:
  [[nodiscard]] ReceiverTraits traits() const override { return {.scales = true}; }
  void scale(Reception& heard, const at::Tensor&) const override {
    if (wrong) heard.values = heard.values.slice(1, 0, (heard.values.size(1) + 1) / 2);
  }
};

class Uneven : public Plain, public Turning {  // it leaves something of its draw out
 public:
  explicit Uneven(std::function<void(Link&)> spoil) : spoil_(std::move(spoil)) {}
  [[nodiscard]] Link draw(const StreamKey& key, std::vector<char> present) const override {
    auto link = Plain::draw(key, std::move(present));
    if (wrong) spoil_(link);
    return link;
  }

 private:
  std::function<void(Link&)> spoil_;
};

NamedTensors copy_of(const NamedTensors& state) {
  NamedTensors copy;
  for (const auto& [name, tensor] : state) copy[name] = tensor.clone();
  return copy;
}

/// Two rounds, one in which the part is wrong, and that one once more: refused by name, nothing that lasts
/// has changed, and the rounds after it are those that would have been.
void expect_refused(Turning& part, const Parts& parts, const Algorithm& algorithm, const std::string& what) {
  Solo solo(3);
  Aggregator straight(small_layout(), algorithm, parts, 1, solo, at::kDouble);
  const auto expected = run_rounds(straight, 3, 0, 4, kPower);
  Aggregator aggregator(small_layout(), algorithm, parts, 1, solo, at::kDouble);
  run_rounds(aggregator, 3, 0, 2, kPower);
  const auto before = copy_of(aggregator.state());
  part.wrong = true;
  try {
    run_rounds(aggregator, 3, 2, 3, kPower);
    ADD_FAILURE() << "accepted: " << what;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kConfiguration) << error.what();
    EXPECT_NE(std::string(error.what()).find(what), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("HINT: "), std::string::npos) << error.what();
  }
  part.wrong = false;
  const auto after = aggregator.state();
  ASSERT_EQ(after.size(), before.size()) << what;
  for (const auto& [name, tensor] : before) EXPECT_TRUE(at::equal(after.at(name), tensor)) << what << name;
  EXPECT_TRUE(at::equal(run_rounds(aggregator, 3, 2, 4, kPower), expected.narrow(0, 2, 2))) << what;
}

TEST(WrongStrangers, WrongCompressorsAreRefusedAndChangeNothing) {
  const auto expect = [](auto part, const std::string& what, const std::string& channel = "awgn") {
    Parts parts;
    parts.compressor = part;
    auto algorithm = algorithm_of({}, channel);
    algorithm.scale_bits = 0;
    expect_refused(*part, parts, algorithm, what);
  };
  const auto one = at::zeros({1}, at::kDouble), two = at::zeros({2}, at::kDouble);
  const auto renaming = [](NamedTensors other) { return std::make_shared<Renaming>(std::move(other)); };
  expect(renaming({{"step", two}, {"tone", one}}), "has 'tone' [1], which it did not begin with");
  expect(renaming({{"step", one}, {"turn", one}}), "has 'step' [1], which began as [2]");
  expect(renaming({{"step", two.to(at::kFloat)}, {"turn", one}}), "has 'step' [2], which began as [2]");
  expect(renaming({{"step", two}}), "has lost 'turn'");
  expect(std::make_shared<Miscounting>(), "has 2 norms of its content. HINT: 3, one a worker");
  expect(std::make_shared<Longer>(), "and a digital link quantises at most 64", "digital");
  expect(std::make_shared<Wide>(), "own factors of tensor");
}

TEST(WrongStrangers, WrongFeedbacksAndReceiversAreRefusedAndChangeNothing) {
  Parts parts;
  const auto feedback = std::make_shared<Narrowing>();
  parts.feedback = feedback;
  expect_refused(*feedback, parts, algorithm_of({.rank = 2}),
                 "of Double in the place of the memory of tensor");
  parts = {};
  const auto receiver = std::make_shared<Halving>();
  parts.receiver = receiver;
  expect_refused(*receiver, parts, algorithm_of({.rank = 2}), "HINT: it changes the numbers [");
}

class Telling : public Plain, public Turning {  // it carries bits, and not everybody's
 public:
  [[nodiscard]] ChannelTraits traits() const override { return {.aligned = false, .digital = true}; }
  [[nodiscard]] std::vector<double> bits(const Link& link, double, std::span<const double>) const override {
    return std::vector<double>(link.active.size() - (wrong ? 1 : 0), 1e3);
  }
};

TEST(WrongStrangers, WrongChannelsAreRefusedAndChangeNothing) {
  const auto expect = [](auto part, const std::string& what) {
    Parts parts;
    parts.channel = part;
    auto algorithm = algorithm_of({.rank = 2});
    algorithm.loss_rate = 0.3;  // those who send and those who are heard are drawn apart
    expect_refused(*part, parts, algorithm, what);
  };
  const auto uneven = [](std::function<void(Link&)> spoil) {
    return std::make_shared<Uneven>(std::move(spoil));
  };
  expect(uneven([](Link& link) { link.gain.pop_back(); }), "2 numbers in 'gain'. HINT: 3, one a worker");
  expect(uneven([](Link& link) { link.active.pop_back(); }), "2 numbers in 'active'. HINT: 3, one a worker");
  expect(uneven([](Link& link) { link.active.push_back(1); }), "4 numbers in 'active'");
  expect(uneven([](Link& link) { link.met = {1}; }), "1 numbers in 'met'. HINT: 3, one a worker, or none");
  expect(uneven([](Link& link) { link.phase = {1}; }), "1 numbers in 'phase'");
  expect(uneven([](Link& link) { link.delay = {1}; }), "1 numbers in 'delay'");
  expect(uneven([](Link& link) { link.gain[1] = NAN; }), "a number that is not finite");
  expect(uneven([](Link& link) { link.air_noise = -1; }), "noise below 0");
  expect(std::make_shared<Telling>(), "the channel's bits() are not a number or not one a worker. HINT: 3");
}

/// Holds that it ends in an Error of this code that says so, and what to do.
void expect_told(const std::string& text, ExitCode code, const std::function<void()>& work) {
  try {
    work();
    ADD_FAILURE() << "accepted: " << text;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("HINT: "), std::string::npos) << error.what();
  }
}

TEST(WrongStrangers, GainsOfOnesOwnAreAsManyAsTheySay) {
  const auto expect = [](const GainTrace& trace, const std::string& text) {
    LinkOptions link;
    link.trace = std::make_shared<const GainTrace>(trace);
    expect_told(text, ExitCode::kData, [&] { (void)make_channel("trace", link); });
  };
  const std::vector<std::complex<double>> six(6, {1, -1});
  auto broken = six;
  broken[4] = {0, NAN};
  EXPECT_NO_THROW((void)make_channel("trace", {.trace = std::make_shared<const GainTrace>(2, 3, 0, six)}));
  expect({2, 3, 4, six},
         "this trace has 6 gains, and says that it is one of 2 rounds, 3 workers and 4 antennas");
  expect({3, 3, 0, six}, "has 6 gains");
  expect({1, 3, 0, six}, "has 6 gains");
  expect({-2, -3, 0, six}, "has 6 gains");
  expect({2, 3, -1, six}, "has 6 gains");
  expect({std::int64_t{1} << 40, std::int64_t{1} << 40, 0, six}, "has 6 gains");
  expect({2, 3, 0, broken}, "gain 4 of this trace is not finite");
  // Beside a channel of one's own nobody would read them.
  auto algorithm = algorithm_of({.rank = 2});
  algorithm.link.trace = std::make_shared<const GainTrace>(2, 3, 0, six);
  Parts parts;
  parts.channel = std::make_shared<Plain>();
  Solo solo(3);
  expect_told("a trace of gains is read by channel=trace", ExitCode::kConfiguration,
              [&] { Aggregator(small_layout(), algorithm, parts, 1, solo); });
}

TEST(WrongStrangers, LayoutsByHandAreRight) {
  const auto expect = [](const std::string& text, const std::function<void(Layout&)>& spoil) {
    auto layout = small_layout();
    spoil(layout);
    Solo solo(3);
    expect_told(text, ExitCode::kConfiguration,
                [&] { Aggregator(layout, algorithm_of({.rank = 2}), 1, solo); });
  };
  expect("'tall' has 90 numbers from 85 on", [](Layout& layout) { ++layout.layers[1].offset; });
  expect("'wide' has 80 numbers from 0 on", [](Layout& layout) { layout.layers[0].size = 80; });
  expect("as a matrix [12, 7]", [](Layout& l) { std::swap(l.layers[0].rows, l.layers[0].columns); });
  expect("as a matrix [7, 13]", [](Layout& layout) { layout.layers[0].columns = 13; });
  expect("the model has 240 numbers, and its tensors have 239", [](Layout& layout) { ++layout.size; });
}

TEST(WrongStrangers, WorkersAreThere) {
  for (const std::int64_t workers : {0, -1}) {
    Solo solo(workers);
    expect_told(fmt::format("there are {} workers. HINT: 1 or more", workers), ExitCode::kConfiguration,
                [&] { Aggregator(small_layout(), algorithm_of({.rank = 2}), 1, solo); });
  }
  ThreadCollective::Board board(2);
  ThreadCollective third(board, 2);
  expect_told("this process holds 1 workers from number 2 on, of 2 in all", ExitCode::kConfiguration,
              [&] { Aggregator(small_layout(), algorithm_of({.rank = 2}), 1, third); });
}

/// A hint names what the part at hand can be told.
TEST(WrongStrangers, HintsFitWhatIsThere) {
  const auto expect = [](const std::string& text, const CompressorOptions& compressor,
                         const std::string& receiver, const std::string& memory = "float32") {
    auto algorithm = algorithm_of(compressor);
    algorithm.receiver = receiver;
    algorithm.memory = memory;
    expect_told(text, ExitCode::kConfiguration, [&] { validate(algorithm); });
  };
  expect("HINT: transport=alternating or two_phase", {.transport = "one_shot"}, "matched");
  expect("HINT: receiver=unbiased", {.name = "top_k_projection"}, "matched");
  expect("compressor = 'random_k' with feedback = 'local' is none", {.name = "random_k"}, "unbiased",
         "bfloat16");
}

}  // namespace
}  // namespace laser::contract
