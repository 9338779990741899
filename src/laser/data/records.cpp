#include "laser/data/records.hpp"

#include <fmt/format.h>

namespace laser {

std::string record_fault(const RecordFormat& format, std::span<const std::byte> bytes) {
  if (format.bytes == 0) return "";
  if (bytes.empty() || bytes.size() % format.bytes != 0)
    return fmt::format("its {} bytes are not whole records of {}", bytes.size(), format.bytes);
  for (std::size_t at = 0; at < bytes.size(); at += format.bytes) {
    for (std::size_t i = 0; i < format.classes.size(); ++i) {
      const auto label = std::to_integer<unsigned>(bytes[at + i]);
      if (label >= format.classes[i]) {
        return fmt::format("record {} has the label {}; labels are 0 .. {}", at / format.bytes, label,
                           format.classes[i] - 1);
      }
    }
  }
  return "";
}

}  // namespace laser
