#include "laser/data/inflate.hpp"

#include <zlib.h>

#include <algorithm>
#include <new>
#include <utility>

#include "laser/core/fail.hpp"

namespace laser {
namespace {

constexpr std::size_t kPieceBytes = 256 * 1024;
constexpr std::size_t kMostInput = 1u << 30;  // zlib counts in 32 bits

}  // namespace

Inflater::Inflater(std::span<const std::byte> compressed, Format format, std::string name)
    : stream_(std::make_unique<z_stream>()), rest_(compressed), name_(std::move(name)), piece_(kPieceBytes) {
  if (inflateInit2(stream_.get(), format == Format::kGzip ? 15 + 16 : -15) != Z_OK) throw std::bad_alloc();
}

Inflater::~Inflater() { inflateEnd(stream_.get()); }

std::span<const std::byte> Inflater::next() {
  stream_->next_out = reinterpret_cast<Bytef*>(piece_.data());
  stream_->avail_out = static_cast<uInt>(piece_.size());
  while (!done_ && stream_->avail_out > 0) {
    if (stream_->avail_in == 0) {
      const auto input = rest_.first(std::min(rest_.size(), kMostInput));
      rest_ = rest_.subspan(input.size());
      stream_->next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(input.data()));
      stream_->avail_in = static_cast<uInt>(input.size());
    }
    const int status = inflate(stream_.get(), Z_NO_FLUSH);
    done_ = status == Z_STREAM_END;
    if (done_ || status == Z_OK) continue;
    if (status == Z_MEM_ERROR) throw std::bad_alloc();
    fail(ExitCode::kData, "{} is damaged: {}", name_,
         status == Z_BUF_ERROR     ? "it ends too early"
         : stream_->msg != nullptr ? stream_->msg
                                   : "its compressed data make no sense");
  }
  return std::span(piece_).first(piece_.size() - stream_->avail_out);
}

bool is_gzip(std::span<const std::byte> bytes) {
  return bytes.size() >= 2 && bytes[0] == std::byte{0x1F} && bytes[1] == std::byte{0x8B};
}

std::size_t Inflater::left() const { return rest_.size() + stream_->avail_in; }

}  // namespace laser
