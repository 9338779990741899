// SHA-256 of bytes, for data files, weights and configurations (OpenSSL does the work).
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace laser {

/// The 64 lower-case hexadecimal digits of the SHA-256 of `bytes`.
std::string sha256_hex(std::span<const std::byte> bytes);

/// The same for text.
std::string sha256_hex(const std::string& text);

}  // namespace laser
