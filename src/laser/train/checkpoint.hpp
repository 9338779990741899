// Named tensors of LibTorch in safetensors files: checkpoints and weights.
#pragma once

#include <map>
#include <string>

#include "laser/compress/compressor.hpp"

namespace laser {

/// Tensors with texts beside them.
struct Checkpoint {
  NamedTensors tensors;
  std::map<std::string, std::string> texts;
};

/// Writes the file whole or not at all, with checksums. Throws Error (I/O) with path, bytes and reason; a
/// file that was there is then untouched.
void write_checkpoint(const std::string& path, const Checkpoint& checkpoint);

/// Reads a file that write_checkpoint made: every bit is held against the checksums. Throws Error (data)
/// naming the path and what is wrong.
Checkpoint read_checkpoint(const std::string& path);

/// All of `part` under "prefix/name".
void add_tensors(NamedTensors& all, const std::string& prefix, const NamedTensors& part);

/// The tensors of `all` under "prefix/", without it.
NamedTensors tensors_below(const NamedTensors& all, const std::string& prefix);

}  // namespace laser
