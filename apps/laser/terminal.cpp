#include "terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <streambuf>

namespace laser {
namespace {

/// Characters of UTF-8 text: bytes that continue none.
std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

/// Where the lines after the first begin.
std::size_t hanging_indent(std::string_view line, std::size_t width) {
  const auto begin = std::min(line.find_first_not_of(' '), line.size());
  const auto gap = line.find("  ", begin);
  const auto column = gap == line.npos ? line.npos : line.find_first_not_of(' ', gap);
  if (column != line.npos && column <= width / 2) return column;
  return begin > 0 && begin <= width / 2 ? begin : 2;
}

std::string fitted_line(std::string_view line, std::size_t width) {
  if (characters(line) <= width) return std::string(line);
  const std::string indent(hanging_indent(line, width), ' ');
  std::string result, row;
  bool first = true;  // no word of this row yet
  while (!line.empty()) {
    const auto blanks = std::min(line.find_first_not_of(' '), line.size());
    const auto end = std::min(line.find(' ', blanks), line.size());
    const auto word = line.substr(blanks, end - blanks);
    if (!first && characters(row) + blanks + characters(word) > width) {
      result += row + '\n';
      row = indent + std::string(word);
    } else {
      row.append(blanks, ' ').append(word);
    }
    first = false;
    line.remove_prefix(end);
  }
  return result + row;
}

/// Hands whole lines on, broken to the width of the terminal.
class FittedBuffer : public std::streambuf {
 public:
  explicit FittedBuffer(std::streambuf& target) : target_(target) {}
  ~FittedBuffer() override { pass(); }

 protected:
  int_type overflow(int_type c) override {
    if (c == traits_type::eof()) return traits_type::not_eof(c);
    pending_ += traits_type::to_char_type(c);
    if (pending_.back() == '\n') pass();
    return c;
  }

 private:
  void pass() {
    const auto text = fit(pending_, terminal_width(STDERR_FILENO));
    target_.sputn(text.data(), static_cast<std::streamsize>(text.size()));
    target_.pubsync();
    pending_.clear();
  }

  std::streambuf& target_;
  std::string pending_;
};

}  // namespace

std::size_t terminal_width(int descriptor) {
  winsize size{};
  return ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string fit(std::string_view text, std::size_t width) {
  std::string result;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    result += fitted_line(text.substr(0, end), width);
    if (end < text.size()) result += '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return result;
}

FittedMessages::FittedMessages() {
  if (isatty(STDERR_FILENO) != 1) return;
  fitted_ = std::make_unique<FittedBuffer>(*std::cerr.rdbuf());
  plain_ = std::cerr.rdbuf(fitted_.get());
}

FittedMessages::~FittedMessages() {
  if (plain_ != nullptr) std::cerr.rdbuf(plain_);
}

}  // namespace laser
