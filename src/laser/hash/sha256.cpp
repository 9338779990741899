#include "laser/hash/sha256.hpp"

// The functions of the one hash: linked statically they bring 20 kB, OpenSSL's general interface (EVP) brings
// 4 MB and reads the system's configuration.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include <array>

#include "laser/core/fail.hpp"

namespace laser {

Sha256::Sha256() : state_(new SHA256state_st) { LASER_CHECK(SHA256_Init(state_.get()) == 1); }

void Sha256::Free::operator()(SHA256state_st* state) const { delete state; }

void Sha256::update(std::span<const std::byte> bytes) {
  LASER_CHECK(SHA256_Update(state_.get(), bytes.data(), bytes.size()) == 1);
}

std::string Sha256::hex() {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  LASER_CHECK(SHA256_Final(digest.data(), state_.get()) == 1);
  std::string text;
  for (const auto byte : digest) text += fmt::format("{:02x}", byte);
  return text;
}

std::string sha256_hex(std::span<const std::byte> bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.hex();
}

std::string sha256_hex(const std::string& text) { return sha256_hex(std::as_bytes(std::span(text))); }

}  // namespace laser
