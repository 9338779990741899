// `laser theory` as a user meets it: exit codes and texts of every subcommand, run as the built program.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "../record/temporary_folder.hpp"
#include "laser/record/safetensors.hpp"

namespace laser {
namespace {

struct Result {
  int code;
  std::string output;  // stdout and stderr
};

Result run(const std::string& arguments, const std::string& redirection = "2>&1") {
  const auto command =
      "LASER_HOME='" LASER_SOURCE_DIR "' " LASER_COMMAND " theory " + arguments + " " + redirection;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("can't start " + command);
  std::string output;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) output.push_back(static_cast<char>(c));
  const int status = pclose(pipe);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, output};
}

void expect_failure(const std::string& arguments, int code, const std::string& part) {
  const auto result = run(arguments);
  EXPECT_EQ(result.code, code) << arguments << "\n" << result.output;
  EXPECT_TRUE(contains(result.output, part)) << arguments << "\n" << result.output;
}

TEST(TheoryCommand, BadNumbersExitWith3AndSayWhatIsWrong) {
  expect_failure("split --m 10 --n 10 --power -3", 3,
                 "laser: the energy P is -3: it must be a finite number");
  expect_failure("split --m 10 --n 10 --power nan", 3, "the energy P is nan");
  expect_failure("lambda --m 8 --n 10 --power inf", 3, "the power P is inf");
  expect_failure("split --m 0 --n 10 --power 3", 3, "the number of rows m is 0: it must be at least 1");
  expect_failure("lambda --m 8 --n 10 --power 10 --rank 9", 3, "rank 9 does not fit a 8 x 10 matrix");
  expect_failure("ranks --m 4 --n 4 --kappa 1,-1 --power 3", 3, "entry 1 of kappa is -1");
  expect_failure("ranks --m 2 --n 2 --kappa 1,1,1 --power 3", 3, "rank 3 does not fit a 2 x 2 matrix");
  expect_failure("bounds --L 1 --T 10 --delta 2", 3,
                 "the compression quality delta is 2: it must lie in (0, 1]");
  expect_failure("bounds --L 1 --T 10 --M -1", 3, "the gradient noise factor M is -1");
  expect_failure("policy --T 4 --policy odd --power 1", 3,
                 "unknown power policy 'odd': choose one of constant");
  expect_failure("condition --m 8 --n 10 --rank 9", 3, "rank 9 does not fit a 8 x 10 matrix");
  expect_failure("condition --m 80 --n 100 --delta 2", 3, "the compression quality delta is 2");
  expect_failure("condition --m 80 --n 100 --workers 0", 3, "the number of workers k is 0");
  expect_failure("condition --m 80 --n 100 --tensors 0", 3, "the number of tensors L is 0");
  expect_failure("condition --m 80 --n 100 --M -1", 3, "the gradient noise factor M is -1");
  expect_failure("condition --m 80 --n 100 --L 0", 3, "the smoothness L is 0");
  expect_failure("volume --model vgg", 3, "unknown model 'vgg': choose one of mnist_linear");
}

TEST(TheoryCommand, BadUsageExitsWith2) {
  expect_failure("", 2, "A subcommand is required");
  expect_failure("bogus", 2, "there is no command 'laser theory bogus'");
  expect_failure("split --m 10 --power 3", 2, "missing: --n");
  expect_failure("split --m ten --n 10 --power 3", 2, "--m");
  expect_failure("split --m 10 --n 10 --power 3 --sideways", 2, "--sideways");
  expect_failure("split --m 10 --n 10 --power abc", 2, "--power has 'abc', which is no number. HINT: ");
  expect_failure("split --m 10 --n 10 --power 1:10:cube", 2, "the range of --power is FROM:TO:log");
  expect_failure("split --m 10 --n 10 --power 1:10:lin:2.5", 2,
                 "--power has 2.5 points: a whole number is needed");
  expect_failure("condition --m 4 --power 3", 2, "--m requires --n");
  expect_failure("condition --rank 4", 2, "theory condition needs a matrix or a power. HINT: --m 512");
  expect_failure("plan --model resnet18 --power 4000 --rounds 0", 2, "--rounds");
  expect_failure("plan --model resnet18 --power 4000 --rounds many", 2, "--rounds");
  expect_failure("verify --seed -1", 2, "--seed");
  expect_failure("verify --seed many", 2, "--seed");
}

TEST(TheoryCommand, FilesThatAreMissingOrCannotBeWritten) {
  expect_failure("plan --model /nonexistent.safetensors --power 10 --rank 2", 4,
                 "can't read /nonexistent.safetensors. HINT: ");
  expect_failure("verify --quick --out /proc/nowhere", 6, "/proc/nowhere");
}

TEST(TheoryCommand, EverySubcommandPrintsATableAndJson) {
  for (const std::string arguments :
       {"split --m 64 --n 576 --power 10:1000:log:1", "ranks --m 64 --n 576 --power 250 --kappa 0.7,0.2,0.1",
        "lambda --m 64 --n 576 --power 250 --rank 4", "bounds --L 1 --mu 0.1 --sigma2 1 --T 1000",
        "condition --power 250 --rank 4 --tensors 62", "condition --m 512 --n 4608 --rank 1,4",
        "condition --m 512 --n 4608 --power 250,1e9 --workers 16", "volume --model resnet18_cifar10 --rank 4",
        "policy --policy step_up --T 5 --power 3", "plan --model resnet18 --power 250 --rank 4",
        "plan --model gpt2 --power 250 --rank 4 --rounds 20000 --scheme laser_two_phase"}) {
    const auto table = run(arguments);
    EXPECT_EQ(table.code, 0) << arguments << "\n" << table.output;
    EXPECT_GE(std::count(table.output.begin(), table.output.end(), '\n'), 3) << arguments;
    const auto json = run(arguments + " --json", "");
    EXPECT_EQ(json.code, 0) << arguments;
    EXPECT_TRUE(nlohmann::json::accept(json.output)) << arguments << "\n" << json.output;
  }
}

TEST(TheoryCommand, NumbersAreThoseOfTheFormulas) {
  // Lemma 9: m n / P = 64 * 576 / 250; Lemma 10: 4 r max/P + 4 r^2 m n/P^2 for r = 1.
  const auto lambda =
      nlohmann::json::parse(run("lambda --m 64 --n 576 --power 250 --rank 1 --json", "").output);
  EXPECT_NEAR(lambda["rows"][0]["zsgd"].get<double>(), 147.456, 1e-9);
  EXPECT_NEAR(lambda["rows"][0]["one_shot_bound"].get<double>(), 9.216 + 2.359296, 1e-9);
}

// spec 8.34, with the numbers of tests/theory/condition_test.cpp.
TEST(TheoryCommand, ConditionTellsWhereTheorem1SpeaksAndWhomItFavours) {
  const auto json = nlohmann::json::parse(
      run("condition --m 512 --n 4608 --rank 4 --delta 0.9 --workers 4 --json", "").output);
  ASSERT_EQ(json["rows"].size(), 1U);
  const auto& row = json["rows"][0];
  const double alone = row["least_power"].get<double>() * 4;
  EXPECT_NEAR(alone, 1.64e6, 0.01e6);
  EXPECT_NEAR(row["least_power_equal"].get<double>() * 16, alone, 1);
  EXPECT_NEAR(row["lambda_most"].get<double>(), 0.045, 1e-12);
  EXPECT_NEAR(row["lambda_zsgd"].get<double>(), 512 * 4608 / alone, 1e-9);
  EXPECT_EQ(row["favours_early"], "LASER");
  EXPECT_EQ(row["favours_late"], "LASER");
  EXPECT_NEAR(row["late"].get<double>(), std::sqrt((1 + row["lambda_zsgd"].get<double>()) / 1.045), 1e-9);
  // What every message is sure of: much slower at the start, hardly better in the end.
  const auto both = nlohmann::json::parse(run("condition --m 512 --n 4608 --rank 4 --json", "").output);
  ASSERT_EQ(both["rows"].size(), 2U);
  EXPECT_NEAR(both["rows"][0]["least_power"].get<double>(), 1.89e8, 0.01e8);
  EXPECT_EQ(both["rows"][0]["favours_early"], "Z-SGD");
  EXPECT_EQ(both["rows"][0]["favours_late"], "LASER");
  EXPECT_GT(both["rows"][0]["rounds_from"].get<double>(), 1e6);
  // At a power: does it speak there?
  const auto at = nlohmann::json::parse(
      run("condition --m 512 --n 4608 --rank 4 --delta 0.9 --power 250,1e7 --json", "").output);
  EXPECT_EQ(at["rows"][0]["speaks"], false);
  EXPECT_EQ(at["rows"][1]["speaks"], true);
}

// Ceilings and lags of the paper's models (spec 5.3, 7).
TEST(TheoryCommand, PlanTellsCeilingAndLag) {
  const auto summary = [](const std::string& arguments) {
    return nlohmann::json::parse(run("plan --power 4000 --json " + arguments, "").output)["summary"];
  };
  const auto resnet = summary("--model resnet18 --rank 4 --rounds 3750");
  EXPECT_NEAR(resnet["gain_ceiling"].get<double>(), 11173962 / ((135670 + 28850) / 2.0), 1e-9);
  EXPECT_NEAR(resnet["lag"].get<double>(), 230.4, 1e-9);
  EXPECT_NEAR(resnet["rounds_over_lag"].get<double>(), 3750 / 230.4, 1e-9);
  // The parity that is shown does not matter, and with both factors a round both numbers are about half.
  EXPECT_EQ(summary("--model resnet18 --rank 4 --scheme laser_alt_odd")["gain_ceiling"],
            resnet["gain_ceiling"]);
  const auto both = summary("--model resnet18 --rank 4 --scheme laser_two_phase");
  EXPECT_NEAR(both["gain_ceiling"].get<double>(), 11173962 / 154910.0, 1e-9);
  EXPECT_NEAR(both["lag"].get<double>(), 230.4 / 2, 1);
  EXPECT_FALSE(both.contains("rounds_over_lag"));
  const auto gpt = summary("--model gpt2 --rank 4 --rounds 20000");
  EXPECT_NEAR(gpt["gain_ceiling"].get<double>(), 296, 1);
  EXPECT_NEAR(gpt["lag"].get<double>(), 378, 1);
  EXPECT_NEAR(summary("--model mnist_linear --rank 2")["gain_ceiling"].get<double>(), 9.8, 0.05);
  const auto text = run("plan --model resnet18 --power 4000 --rank 4 --rounds 3750");
  EXPECT_TRUE(contains(text.output, "T = 3750 rounds are 16.3 lags")) << text.output;
  // Nothing compressed: no memory, no lag, and still a line.
  const auto none = run("plan --model mnist_linear --power 10 --rank 16");
  EXPECT_EQ(none.code, 0);
  EXPECT_TRUE(contains(none.output, "there is no error memory and no lag")) << none.output;
}

/// A file of tensors, all of them given by their numbers.
class TensorsOfAFile {
 public:
  template <class Number>
  void add(const std::string& name, ElementType type, const std::vector<std::int64_t>& shape,
           const std::vector<Number>& numbers) {
    auto& bytes = bytes_[name];
    const auto raw = std::as_bytes(std::span(numbers));
    bytes.assign(raw.begin(), raw.end());
    tensors_[name] = {type, shape, bytes};
  }
  void write(const std::string& path) const { write_safetensors(path, tensors_, {}, Checksums::kNone); }

 private:
  std::map<std::string, std::vector<std::byte>> bytes_;
  StoredTensors tensors_;
};

TEST(TheoryCommand, APlanCountsTheParametersOfAFileAndNamesWhatIsNone) {
  const TemporaryFolder folder;
  std::vector<float> matrix(64), other(64), mask(64), zeros(64, 0.0F), ones(8, 1.0F);
  for (std::size_t i = 0; i < 64; ++i) {
    matrix[i] = static_cast<float>(i) * 0.5F;
    other[i] = static_cast<float>(i % 5);
    mask[i] = i % 8 <= i / 8 ? 1.0F : 0.0F;
  }
  std::vector<float> scores(128);  // of two heads, with a number far below zero where nothing may be seen
  for (std::size_t i = 0; i < 128; ++i) scores[i] = i % 8 <= i % 64 / 8 ? 0.0F : -10000.0F;
  TensorsOfAFile file;
  const auto real = [&](const std::string& name, const std::vector<std::int64_t>& shape,
                        const std::vector<float>& numbers) {
    file.add(name, ElementType::kF32, shape, numbers);
  };
  real("wte.weight", {8, 8}, matrix);
  real("h.0.weight", {8, 8}, other);
  real("h.0.down", {8, 8}, zeros);
  real("h.1.down", {8, 8}, zeros);  // equal because both begin at nothing
  real("h.0.norm", {8}, ones);
  real("h.1.norm", {8}, ones);
  real("scale", {}, {2.0F});
  const std::set<std::string> parameters{"lm_head.weight", "h.0.weight", "h.0.down", "h.1.down",
                                         "h.0.norm",       "h.1.norm",   "scale"};
  real("lm_head.weight", {8, 8}, matrix);
  real("h.0.attn.bias", {1, 1, 8, 8}, mask);
  real("h.1.attn.seen", {2, 8, 8}, scores);
  real("h.0.attn.masked_bias", {}, {-1e4F});
  real("bn.running_mean", {8}, ones);
  real("bn.running_var", {8}, ones);
  real("rotary.inv_freq", {8}, ones);
  real("ema_model.wte.weight", {8, 8}, other);
  real("optimizer.state.exp_avg", {8, 8}, other);
  file.add<std::int64_t>("bn.num_batches_tracked", ElementType::kI64, {}, {7});
  file.add<std::int64_t>("position_ids", ElementType::kI64, {1, 2}, {0, 1});
  file.add<std::uint8_t>("h.0.attn.mask", ElementType::kBool, {2, 2}, {1, 0, 1, 1});
  const auto path = folder / "model.safetensors";
  file.write(path);
  const auto names = [&](const std::string& options) {
    const auto result = run("plan --power 100 --rank 1 --json --model " + path + options, "");
    EXPECT_EQ(result.code, 0) << result.output;
    std::set<std::string> found;
    const auto table = nlohmann::json::parse(result.output);
    for (const auto& row : table["rows"]) found.insert(row["tensor"]);
    found.erase("total");
    return found;
  };
  EXPECT_EQ(names(""), parameters);
  EXPECT_EQ(names(" --all-tensors").size(), parameters.size() + 9) << "all but the whole numbers";
  EXPECT_EQ(names(" --skip h.0 --skip h.1"), (std::set<std::string>{"lm_head.weight", "scale"}));
  const auto text = run("plan --power 100 --rank 1 --model " + path).output;
  EXPECT_TRUE(contains(text, "Left out, 12 tensor(s) that are no parameters: ")) << text;
  TensorsOfAFile counters;
  counters.add<std::int64_t>("steps", ElementType::kI64, {}, {7});
  counters.write(path);
  expect_failure("plan --power 100 --model " + path, 4,
                 "holds no parameter: 1 tensor(s), all left out (steps: whole numbers)");
}

TEST(TheoryCommand, HelpNamesTheSubcommands) {
  const auto help = run("--help");
  EXPECT_EQ(help.code, 0);
  for (const char* name :
       {"split", "ranks", "lambda", "bounds", "condition", "volume", "policy", "plan", "verify"})
    EXPECT_TRUE(contains(help.output, name)) << name;
}

TEST(TheoryCommand, QuickVerificationHoldsAndWritesItsFiles) {
  const TemporaryFolder folder;
  const auto result = run("verify --quick --seed 7 --out " + folder / "out");
  EXPECT_EQ(result.code, 0) << result.output;
  EXPECT_TRUE(contains(result.output, " 0 fail.")) << result.output;
  EXPECT_TRUE(contains(result.output, " caught, 0 missed.")) << result.output;
  EXPECT_TRUE(contains(result.output, "lambda ten times too large")) << result.output;
  EXPECT_TRUE(contains(result.output, "Lemma 10 needs mutually orthogonal rank-one terms"));
  const auto json = nlohmann::json::parse(read_file(folder / "out/verify.json"));
  EXPECT_EQ(json["seed"], 7);
  EXPECT_EQ(json["holds"], true);
  EXPECT_TRUE(contains(read_file(folder / "out/verify.html"), "The theory, verified by simulation"));
}

}  // namespace
}  // namespace laser
