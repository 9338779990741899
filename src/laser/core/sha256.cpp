#include "laser/core/sha256.hpp"

#include <openssl/evp.h>

#include <array>

#include "laser/core/error.hpp"

namespace laser {

std::string sha256_hex(std::span<const std::byte> bytes) {
  std::array<unsigned char, 32> digest{};
  unsigned int size = 0;
  LASER_CHECK(EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) == 1);
  std::string text;
  for (const auto byte : digest) text += fmt::format("{:02x}", byte);
  return text;
}

std::string sha256_hex(const std::string& text) { return sha256_hex(std::as_bytes(std::span(text))); }

}  // namespace laser
