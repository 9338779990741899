// D-DSGD's places and mean against their formula (spec 4.2), by sorting.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "laser/compress/elementwise.hpp"
#include "laser/core/layout.hpp"
#include "laser/kernels/normal.hpp"

namespace laser {
namespace {

constexpr std::int64_t kSize = 240;

/// What a worker sends of `message` [12, 20] with so many bits, and what it keeps; what it takes of the bits.
struct Sent {
  at::Tensor values, left;
  double bits = -1;
};
Sent send(const at::Tensor& message, std::vector<double> bits) {
  Layout layout;
  layout.add("weight", {12, 20});
  const NamedTensors shared;
  const auto compressor = make_top_k_mean({});
  Exchange exchange;
  exchange.layer = &layout.layers[0];
  exchange.message = message.view({1, 12, 20});
  exchange.shared = &shared;
  exchange.bits = std::move(bits);
  const auto sent = compressor->encode(exchange, 0);
  auto left = exchange.message.clone();
  compressor->subtract_own(exchange, left);
  return {sent.blocks[0].view({kSize}), left.view({kSize}), sent.bits.empty() ? -1 : sent.bits[0]};
}

at::Tensor normals(std::uint32_t round, double mean) {
  auto values = at::empty({kSize}, at::kDouble);
  fill_normal(std::span(values.data_ptr<double>(), kSize), {9, Purpose::kTest, round, 0, 0});
  return values + mean;
}

// By hand: (5 choose 2) = 10, (240 choose 1) = 240, (240 choose 2) = 28680; Pascal's triangle beyond.
TEST(Places, BitsAreTheLogarithmOfTheBinomial) {
  EXPECT_NEAR(bits_of_places(5, 2), std::log2(10.0), 1e-12);
  EXPECT_NEAR(bits_of_places(240, 1), std::log2(240.0), 1e-12);
  EXPECT_NEAR(bits_of_places(240, 2), std::log2(28680.0), 1e-11);
  EXPECT_NEAR(bits_of_places(240, 240), 0, 1e-12);
  EXPECT_NEAR(std::exp2(bits_of_places(40, 17)) /
                  (std::exp2(bits_of_places(39, 16)) + std::exp2(bits_of_places(39, 17))),
              1, 1e-11);
}

TEST(Places, TheMostThatFitAreSentAndNeverMoreThanHalf) {
  for (const std::int64_t size : {1, 2, 3, 240, 7850}) {
    const auto most = std::max<std::int64_t>(1, size / 2);
    EXPECT_EQ(places_within(size, 1e9), most);
    for (double bits = 0; bits < 1.1 * static_cast<double>(size);
         bits += 0.5 + 0.01 * static_cast<double>(size)) {
      const auto count = places_within(size, bits);
      if (count > 0) {
        EXPECT_LE(1 + bits_of_places(size, count), bits);
      }
      if (count < most) {
        EXPECT_GT(1 + bits_of_places(size, count + 1), bits) << size << " " << bits;
      }
    }
  }
}

TEST(TopKMean, SendsThePlacesOfTheSideOfLargerMean) {
  for (const double mean : {0.4, -0.4}) {
    const auto message = normals(0, mean);
    const double budget = 1 + bits_of_places(kSize, 25) + 1e-6;
    const auto sent = send(message, {budget});
    EXPECT_NEAR(sent.bits, budget, 1e-5);
    auto order = std::get<0>(message.sort(0, true));
    const auto high = order.narrow(0, 0, 25).mean().item<double>(),
               low = order.narrow(0, kSize - 25, 25).mean().item<double>();
    EXPECT_EQ(high > -low, mean > 0);
    const double value = mean > 0 ? high : low;
    const auto places = mean > 0 ? message.ge(order[24]) : message.le(order[kSize - 25]);
    EXPECT_LT((sent.values - places.to(at::kDouble) * value).abs().max().item<double>(), 1e-12);
    // The rest is the message without its part along the places: ||M||^2 - q mu^2.
    EXPECT_NEAR(sent.left.square().sum().item<double>(),
                message.square().sum().item<double>() - 25 * value * value, 1e-9);
    EXPECT_LT((sent.left + sent.values - message).abs().max().item<double>(), 1e-15);
  }
}

TEST(TopKMean, OnlyEntriesOfTheSignAreSent) {
  auto message = at::zeros({kSize}, at::kDouble);
  message[3] = 2;
  message[17] = 4;
  message[100] = -1;
  const auto sent = send(message, {1 + bits_of_places(kSize, 10) + 1e-6});
  EXPECT_EQ(sent.values[3].item<double>(), 3.0);
  EXPECT_EQ(sent.values[17].item<double>(), 3.0);
  EXPECT_EQ(sent.values.ne(0).sum().item<std::int64_t>(), 2);
}

TEST(TopKMean, WithoutBitsNothingIsSentAndAllIsKept) {
  const auto message = normals(1, 0);
  const auto sent = send(message, {1 + std::log2(240.0) - 1e-6});
  EXPECT_EQ(sent.bits, 0.0);
  EXPECT_EQ(sent.values.abs().max().item<double>(), 0.0);
  EXPECT_TRUE(at::equal(sent.left, message));
}

TEST(TopKMean, WithoutALimitHalfOfTheEntriesAreSentAndNoBitsCounted) {
  const auto sent = send(normals(2, 1), {});
  EXPECT_EQ(sent.bits, -1);
  EXPECT_EQ(sent.values.ne(0).sum().item<std::int64_t>(), kSize / 2);
}

}  // namespace
}  // namespace laser
