// SHA-256 of bytes, for data files, weights and configurations (OpenSSL does the work).
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

struct SHA256state_st;  // OpenSSL's

namespace laser {

/// The hash of bytes that come in pieces.
class Sha256 {
 public:
  Sha256();
  /// Adds the next bytes.
  void update(std::span<const std::byte> bytes);
  /// The 64 lower-case hexadecimal digits of all bytes so far; call it once, at the end.
  std::string hex();

 private:
  struct Free {
    void operator()(SHA256state_st* state) const;
  };
  std::unique_ptr<SHA256state_st, Free> state_;
};

/// The 64 lower-case hexadecimal digits of the SHA-256 of `bytes`.
std::string sha256_hex(std::span<const std::byte> bytes);

/// The same for text.
std::string sha256_hex(const std::string& text);

}  // namespace laser
