#include "laser/kernels/normal.hpp"
#include "laser/kernels/normal_device.hpp"

namespace laser::reference {

float box_muller(std::uint32_t word, std::uint32_t turn, bool sine) {
  const device::NormalPair pair = device::box_muller(word, turn);
  return sine ? pair.sine : pair.cosine;
}

float normal(const StreamKey& key, std::uint64_t index) {
  return device::normal_of_block(random_block(key, device::block_of(index)), index);
}

}  // namespace laser::reference
