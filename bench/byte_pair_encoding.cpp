// Encodes a text on request, on one thread: one line on standard input is one pass, answered by its seconds.
// bench/byte_pair_encoding.py drives it in turn with tiktoken.
//
//   byte_pair_encoding <folder of encoder.json and vocab.bpe> <text> <file for the tokens>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "laser/data/byte_pair_encoder.hpp"

namespace {

using namespace laser;

int run(char** arguments) {
  const BytePairEncoder encoder(load_byte_pair_vocabulary(arguments[1]));
  std::ifstream stream(arguments[2], std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  {
    const auto tokens = encoder.encode(text);
    static_assert(sizeof(Token) == 2);
    std::ofstream file(arguments[3], std::ios::binary);
    file.write(reinterpret_cast<const char*>(tokens.data()),
               static_cast<std::streamsize>(tokens.size() * sizeof(Token)));
  }
  std::cout << "ready" << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    const auto start = std::chrono::steady_clock::now();
    const auto tokens = encoder.encode(text);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::printf("%.6f %zu\n", seconds.count(), tokens.size());
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) {
    std::cerr << "usage: byte_pair_encoding <vocabulary folder> <text> <file for the tokens>\n";
    return 2;
  }
  try {
    return run(arguments);
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 70;
  }
}
