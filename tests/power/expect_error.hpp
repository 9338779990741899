// Expects a laser::Error with its exit code and a part of its text: error texts are a promise.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "laser/core/fail.hpp"

namespace laser {

/// Fails unless `action` throws Error with this code and a one-line text that contains `part`.
template <class Action>
void expect_error(const Action& action, ExitCode code, const std::string& part) {
  try {
    (void)action();
    FAIL() << "no error; expected one that says: " << part;
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_EQ(error.code(), code) << text;
    EXPECT_NE(text.find(part), std::string::npos) << text << "\n  should contain: " << part;
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
  }
}

}  // namespace laser
