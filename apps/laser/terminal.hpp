// Lines as wide as the terminal: texts broken at blanks, and messages on stderr that are broken there alone.
//
// What goes into a file or another program keeps one line a message. It draws nothing: progress.hpp does.
#pragma once

#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>

namespace laser {

/// Columns of the terminal behind a descriptor; 80 where there is none, or where it does not say.
std::size_t terminal_width(int descriptor);

/// The text with its lines broken at blanks to at most `width` characters where words allow it. What
/// follows stands below the line's second column (after two blanks), or where the line itself begins,
/// or two blanks in.
std::string fit(std::string_view text, std::size_t width);

/// While it lives, what std::cerr sends to a terminal goes through `fit`; elsewhere it does nothing.
class FittedMessages {
 public:
  FittedMessages();
  ~FittedMessages();
  FittedMessages(const FittedMessages&) = delete;
  FittedMessages& operator=(const FittedMessages&) = delete;

 private:
  std::unique_ptr<std::streambuf> fitted_;
  std::streambuf* plain_ = nullptr;
};

}  // namespace laser
