#include "laser/core/unexpected.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <new>
#include <string_view>
#include <system_error>

namespace laser {

std::string unexpected_text(const std::exception& error) {
  // By its text: LibTorch has a class of its own for GPUs only.
  const std::string_view text = error.what();
  constexpr std::string_view kTensor = "can't allocate memory: you tried to allocate ";
  constexpr std::string_view kGpu = "out of memory. Tried to allocate ";
  std::string wanted;
  if (const auto tensor = text.find(kTensor); tensor != std::string_view::npos) {
    const auto bytes = std::strtoull(text.data() + tensor + kTensor.size(), nullptr, 10);
    wanted = fmt::format(" for a tensor of {:.1f} MB", static_cast<double>(bytes) / 1e6);
  } else if (const auto gpu = text.find(kGpu); gpu != std::string_view::npos) {
    const auto size = text.substr(gpu + kGpu.size());
    wanted = fmt::format(" on the GPU for {} more", size.substr(0, size.find(". ")));
  } else if (const auto* file = dynamic_cast<const std::filesystem::filesystem_error*>(&error)) {
    return fmt::format("{}: {}", file->path1().string(), file->code().message());
  } else if (const auto* refused = dynamic_cast<const std::system_error*>(&error)) {
    return fmt::format("the system refuses: {}. HINT: threads=1 and --jobs 1 need least of it",
                       refused->code().message());
  } else if (dynamic_cast<const std::bad_alloc*>(&error) == nullptr) {
    return fmt::format("internal error, please report it: {}", text);
  }
  return fmt::format(
      "out of memory{}. HINT: a smaller batch_size or model, fewer workers and fewer --jobs need less; a run "
      "that has saved goes on with --resume",
      wanted);
}

ExitCode unexpected_code(const std::exception& error) {
  return dynamic_cast<const std::system_error*>(&error) != nullptr ? ExitCode::kIo : ExitCode::kBug;
}

}  // namespace laser
