// Damage to files, made from a number: the same number and file give the same damage on every machine.
#pragma once

#include <cstdint>
#include <string>

namespace laser::hostile {

/// Damage number `number` to `file`: one to three of flipped bits, bytes put in, taken out, doubled or moved,
/// an end cut off, and numbers (binary of both byte orders, decimal, octal) at the edges of their types.
std::string damaged(const std::string& file, std::uint64_t number);

}  // namespace laser::hostile
