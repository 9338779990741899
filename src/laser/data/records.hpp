// Files made of records of equal length, each beginning with labels of a byte: the binary form of CIFAR.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace laser {

struct RecordFormat {
  std::size_t bytes = 0;          // of a record; 0: the files have no such format
  std::vector<unsigned> classes;  // of each label: its values are 0 .. classes - 1
};

/// What is wrong with the bytes of a file: not whole records, or a label out of its range; an empty text
/// where nothing is, or where there is no format.
std::string record_fault(const RecordFormat& format, std::span<const std::byte> bytes);

}  // namespace laser
