// What a run will hold: the paper's GPT-2 to the byte, and refusal with the numbers.
#include "laser/train/memory_budget.hpp"

#include <gtest/gtest.h>

#include "laser/core/error.hpp"
#include "laser/core/machine_limits.hpp"
#include "laser/model/shapes.hpp"

namespace laser {
namespace {

double bytes_of(const std::vector<MemoryItem>& items, const std::string& name) {
  for (const auto& item : items) {
    if (item.name == name) return item.bytes;
  }
  return 0;
}

/// A task of the paper's size that computes nothing.
class Shape final : public Task {
 public:
  [[nodiscard]] const Layout& layout() const override { return layout_; }
  [[nodiscard]] std::int64_t rounds_per_epoch() const override { return 1; }
  [[nodiscard]] at::Tensor initial_parameters() const override { return {}; }
  void gradients(const at::Tensor&, std::int64_t, at::Tensor&, std::span<double>,
                 std::span<const char>) override {}
  Evaluation evaluate(const at::Tensor&, const at::Tensor&) override { return {}; }
  [[nodiscard]] bool averages() const override { return false; }

 private:
  Layout layout_ = gpt2_layout();
};

TEST(MemoryBudget, OfThePapersModelIsCountedAndRefusedWhereItCannotFit) {
  const Shape shape;
  const double d = 123980544, matrices = d - 25 * 768;
  const auto items = memory_budget(resolve({{"task", "wikitext103"}}), shape, 4);
  EXPECT_DOUBLE_EQ(bytes_of(items, "error memory"), 4 * matrices * 4);
  EXPECT_DOUBLE_EQ(bytes_of(items, "gradients"), 4 * d * 4);
  EXPECT_DOUBLE_EQ(bytes_of(items, "optimizer"), 2 * d * 4);
  EXPECT_DOUBLE_EQ(bytes_of(items, "factors"), 6 * (818432 - 25 * 768) * 4);
  EXPECT_DOUBLE_EQ(bytes_of(items, "diagnosis"), 2 * d * 8);
  const auto half = memory_budget(resolve({{"task", "wikitext103"}, {"memory", "bfloat16"}}), shape, 4);
  EXPECT_DOUBLE_EQ(bytes_of(half, "error memory"), 4 * matrices * 2);
  const auto plain = memory_budget(resolve({{"task", "wikitext103"}, {"method", "zsgd"}}), shape, 4);
  EXPECT_DOUBLE_EQ(bytes_of(plain, "error memory"), 0);
  EXPECT_NE(memory_legend(items, 0).find("error memory        1.98 GB      4 workers"), std::string::npos)
      << memory_legend(items, 0);

  const double sum = total_bytes(items);
  EXPECT_NO_THROW(check_memory(items, 1, sum));
  EXPECT_NO_THROW(check_memory(items, 1, std::nullopt)) << "nobody knows how much there is";
  EXPECT_THROW(check_memory(items, 2, 2 * sum - 1), Error) << "two runs at a time";
  try {
    check_memory(items, 1, 4e9);
    FAIL() << "8.4 GB fitted into 4";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kConfiguration);
    EXPECT_NE(std::string(error.what()).find("error memory 1.98 GB"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("4.00 GB are free"), std::string::npos) << error.what();
  }
}

TEST(MemoryBudget, TheMachineSaysWhatIsFree) {
  const auto available = available_memory();
  ASSERT_TRUE(available);
  EXPECT_GT(*available, 1e6);
}

}  // namespace
}  // namespace laser
