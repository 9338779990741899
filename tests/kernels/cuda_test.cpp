// The GPU's kernels against the CPU's; skipped where there is no GPU.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "laser/kernels/cuda/check.hpp"
#include "laser/kernels/cuda/kernels.hpp"
#include "laser/kernels/normal.hpp"
#include "pass_case.hpp"

namespace laser {
namespace {

class Cuda : public ::testing::Test {
 protected:
  void SetUp() override {
    int devices = 0;
    if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) GTEST_SKIP() << "no NVIDIA GPU";
  }
};

/// A vector's numbers in device memory.
template <class T>
class OnDevice {
 public:
  explicit OnDevice(const std::vector<T>& values) : size_(values.size()) {
    cuda::check(cudaMalloc(&place_, std::max<std::size_t>(1, size_) * sizeof(T)), "test memory");
    cuda::check(cudaMemcpy(place_, values.data(), size_ * sizeof(T), cudaMemcpyHostToDevice), "to the GPU");
  }
  ~OnDevice() { cudaFree(place_); }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;
  [[nodiscard]] T* get() const { return static_cast<T*>(place_); }
  [[nodiscard]] std::vector<T> values() const {
    std::vector<T> values(size_);
    cuda::check(cudaMemcpy(values.data(), place_, size_ * sizeof(T), cudaMemcpyDeviceToHost), "from the GPU");
    return values;
  }

 private:
  std::size_t size_;
  void* place_ = nullptr;
};

/// Bits of each number.
template <class T>
std::vector<std::uint64_t> bits_of(const std::vector<T>& values) {
  std::vector<std::uint64_t> bits;
  for (const T& value : values) {
    std::uint64_t word = 0;
    std::copy_n(reinterpret_cast<const unsigned char*>(&value), sizeof(T),
                reinterpret_cast<unsigned char*>(&word));
    bits.push_back(word);
  }
  return bits;
}

TEST_F(Cuda, NormalsHaveTheBitsOfTheCpu) {
  const StreamKey key = {.seed = 3, .purpose = Purpose::kNoise, .round = 1, .layer = 2, .unit = 5};
  for (const std::uint64_t first : {0ull, 1ull, 17ull, 12345678901ull}) {
    for (const std::size_t size : {0u, 1u, 15u, 33u, 1'000'003u}) {
      std::vector<float> expected(size), sum(size, 2.0f);
      std::vector<double> wide(size, 2.0);
      std::vector<Bfloat16> half(size, to_bfloat16(2.0f));
      const OnDevice<float> filled(expected), added(sum);
      const OnDevice<double> added_wide(wide);
      const OnDevice<Bfloat16> added_half(half);
      cuda::fill_normal(filled.get(), size, key, first, nullptr);
      cuda::add_normal(added.get(), size, 0.3f, key, first, nullptr);
      cuda::add_normal(added_wide.get(), size, 0.3, key, first, nullptr);
      cuda::add_normal(added_half.get(), size, 0.3f, key, first, nullptr);
      fill_normal(std::span<float>(expected), key, first);
      add_normal(std::span<float>(sum), 0.3f, key, first);
      add_normal(std::span<double>(wide), 0.3, key, first);
      add_normal(std::span<Bfloat16>(half), 0.3f, key, first);
      EXPECT_EQ(bits_of(filled.values()), bits_of(expected)) << first << " " << size;
      EXPECT_EQ(bits_of(added.values()), bits_of(sum)) << first << " " << size;
      EXPECT_EQ(bits_of(added_wide.values()), bits_of(wide)) << first << " " << size;
      EXPECT_EQ(bits_of(added_half.values()), bits_of(half)) << first << " " << size;
    }
  }
}

/// A case whose arrays lie on the GPU.
template <class M, class G>
struct DeviceCase {
  using W = typename PassMatrix<M, G>::Work;
  OnDevice<M> memory;
  OnDevice<G> gradient;
  OnDevice<W> pending_left, pending_right, left_basis, right_basis, left, right;
  PassMatrix<M, G> matrix;

  explicit DeviceCase(const Case<M, G>& host)
      : memory(host.memory),
        gradient(host.gradient),
        pending_left(host.pending_left),
        pending_right(host.pending_right),
        left_basis(host.left_basis),
        right_basis(host.right_basis),
        left(host.left),
        right(host.right),
        matrix(host.matrix) {
    matrix.memory = memory.get();
    matrix.gradient = gradient.get();
    matrix.pending = {host.matrix.pending.rank, pending_left.get(), pending_right.get()};
    if (matrix.left_basis != nullptr) matrix.left_basis = left_basis.get();
    if (matrix.right_basis != nullptr) matrix.right_basis = right_basis.get();
    if (matrix.left_factor != nullptr) matrix.left_factor = left.get();
    if (matrix.right_factor != nullptr) matrix.right_factor = right.get();
  }
};

/// All shapes in one call, twice: against the reference, and for the same bits.
template <class M, class G>
void expect_agreement(std::size_t rank, double tolerance) {
  std::vector<std::unique_ptr<Case<M, G>>> hosts;
  for (const auto& [rows, columns] : kShapes) {
    for (const auto wanted : kAll) {
      hosts.push_back(std::make_unique<Case<M, G>>(rows, columns, 4, rank, wanted, 1));
    }
  }
  std::vector<std::vector<std::uint64_t>> bits[2];
  for (auto& run : bits) {
    std::vector<std::unique_ptr<DeviceCase<M, G>>> cases;
    std::vector<PassMatrix<M, G>> matrices;
    for (const auto& host : hosts) {
      cases.push_back(std::make_unique<DeviceCase<M, G>>(*host));
      matrices.push_back(cases.back()->matrix);
    }
    const OnDevice<double> squares(std::vector<double>(matrices.size()));
    cuda::fused_pass(std::span<const PassMatrix<M, G>>(matrices), squares.get(), nullptr);
    const std::vector<double> sums = squares.values();
    run.push_back(bits_of(sums));
    for (std::size_t i = 0; i < cases.size(); ++i) {
      run.push_back(bits_of(cases[i]->memory.values()));
      run.push_back(bits_of(cases[i]->left.values()));
      run.push_back(bits_of(cases[i]->right.values()));
      if (&run == &bits[0]) continue;
      auto& host = *hosts[i];
      reference::fused_pass(host.matrix);
      EXPECT_LT(difference(cases[i]->memory.values(), host.memory), tolerance) << i;
      EXPECT_LT(difference(cases[i]->left.values(), host.left), tolerance) << i;
      EXPECT_LT(difference(cases[i]->right.values(), host.right), tolerance) << i;
      EXPECT_NEAR(sums[i] / host.matrix.sum_of_squares, 1, tolerance) << i;
    }
  }
  EXPECT_EQ(bits[0], bits[1]);
}

TEST_F(Cuda, FusedPassAgreesWithTheReference) {
  for (const std::size_t rank : {1u, 4u, 7u, 32u}) {
    expect_agreement<float, float>(rank, 2e-5);
    expect_agreement<double, double>(rank, 1e-12);
    expect_agreement<float, Bfloat16>(rank, 2e-5);
    expect_agreement<Bfloat16, float>(rank, 1e-3);
    expect_agreement<Bfloat16, Bfloat16>(rank, 1e-3);
  }
}

}  // namespace
}  // namespace laser
