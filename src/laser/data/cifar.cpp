#include "laser/data/cifar.hpp"

#include "laser/core/fail.hpp"
#include "laser/data/data_files.hpp"

namespace laser {

ColorImages::ColorImages(const std::vector<std::filesystem::path>& files, const RecordFormat& format)
    : classes_(format.classes.back()) {
  LASER_CHECK(format.bytes == format.classes.size() + kValues);
  for (const auto& path : files) {
    const auto bytes = files_.emplace_back(path.string()).bytes();
    if (const auto fault = record_fault(format, bytes); !fault.empty())
      fail(ExitCode::kData, "{} is not right: {}", path.string(), fault);
    const auto* first = reinterpret_cast<const std::uint8_t*>(bytes.data());
    for (std::size_t at = format.classes.size(); at < bytes.size(); at += format.bytes) {
      labels_.push_back(first[at - 1]);
      images_.push_back(first + at);
    }
  }
}

Cifar load_cifar(const std::string& name, const std::string& data_dir, bool verify) {
  const auto& set = find_data_set(name);
  const auto ready = ready_set(set, data_dir, verify);
  auto train = ready.files;
  const auto test = train.back();  // the catalogue's last
  train.pop_back();
  return {ColorImages(train, set.records), ColorImages({test}, set.records), ready.facts};
}

}  // namespace laser
