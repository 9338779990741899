#include "laser/train/gain_trace.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <complex>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>

#include "laser/core/fail.hpp"
#include "laser/core/mapped_file.hpp"
#include "laser/hash/sha256.hpp"
#include "laser/record/safetensors.hpp"

namespace laser {
namespace {

using Bytes = std::span<const std::byte>;
using Gain = std::complex<double>;

constexpr const char* kShapeHint = "HINT: [rounds, workers] or [rounds, workers, antennas]";

[[noreturn]] void refuse(const std::string& path, const std::string& what) {
  fail(ExitCode::kData, "{}: {}", path, what);
}

std::string shape_text(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (const auto size : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + "]";
}

/// A trace of that shape with room for its gains, which the file has at least `bytes` for.
GainTrace shaped(const std::string& path, std::span<const std::int64_t> shape, std::size_t bytes) {
  if (shape.size() != 2 && shape.size() != 3)
    refuse(path, fmt::format("the gains have the shape {}. {}", shape_text(shape), kShapeHint));
  std::size_t count = 1;
  for (const auto size : shape) {
    if (size < 1) refuse(path, fmt::format("the gains have the shape {}: there are none", shape_text(shape)));
    // A number takes a byte at least.
    if (static_cast<std::uint64_t>(size) > bytes / count)
      refuse(
          path,
          fmt::format("the gains have the shape {}, and the file has {} bytes for them. HINT: write it again",
                      shape_text(shape), bytes));
    count *= static_cast<std::size_t>(size);
  }
  GainTrace trace;
  trace.rounds = shape[0];
  trace.workers = shape[1];
  trace.antennas = shape.size() == 3 ? shape[2] : 0;
  trace.gains.resize(count);
  return trace;
}

/// Number `index` of an array of T that may lie at any address.
template <class T>
double number_at(Bytes bytes, std::size_t index) {
  T value;
  std::memcpy(&value, bytes.data() + index * sizeof(T), sizeof(T));
  return static_cast<double>(value);
}

/// The text behind `key` in the header of an .npy file, which is a literal of Python's.
std::string_view behind(std::string_view header, std::string_view key) {
  const auto at = header.find(key);
  if (at == std::string_view::npos) return {};
  auto rest = header.substr(at + key.size());
  while (!rest.empty() && (rest.front() == ' ' || rest.front() == ':')) rest.remove_prefix(1);
  return rest;
}

/// NumPy's format, versions 1 to 3: magic, version, length of the header, header, numbers.
GainTrace read_npy(const std::string& path, Bytes bytes) {
  constexpr std::string_view kMagic = "\x93NUMPY";
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!text.starts_with(kMagic) || text.size() < 12)
    refuse(path, "this is no .npy file. HINT: numpy.save(path, gains)");
  const auto byte = [&](std::size_t at) {
    return static_cast<std::size_t>(static_cast<unsigned char>(text[at]));
  };
  const bool wide = byte(6) >= 2;
  const std::size_t start = wide ? 12 : 10;
  const std::size_t length = byte(8) + (byte(9) << 8) + (wide ? (byte(10) << 16) + (byte(11) << 24) : 0);
  if (length > text.size() - start) refuse(path, "the header is cut off. HINT: write the file again");
  const auto header = text.substr(start, length);
  const auto type = behind(header, "'descr'").substr(0, 5);
  static constexpr std::array<std::pair<std::string_view, std::size_t>, 4> kNumpyTypes{
      {{"'<f4'", 4}, {"'<f8'", 8}, {"'<c8'", 8}, {"'<c16", 16}}};
  const auto* known = std::ranges::find(kNumpyTypes, type, [](const auto& entry) { return entry.first; });
  if (known == kNumpyTypes.end())
    refuse(path,
           "the gains are no float32, float64, complex64 or complex128 of this machine's byte order. HINT: "
           "gains.astype('complex64')");
  if (behind(header, "'fortran_order'").starts_with("True"))
    refuse(path, "the gains are in Fortran's order. HINT: numpy.save(path, numpy.ascontiguousarray(gains))");
  auto sizes = behind(header, "'shape'");
  sizes = sizes.substr(0, sizes.find(')'));
  std::vector<std::int64_t> shape;
  for (std::size_t at = 0; at < sizes.size();) {
    std::int64_t size = 0;
    const auto [end, problem] = std::from_chars(sizes.data() + at, sizes.data() + sizes.size(), size);
    if (problem == std::errc::result_out_of_range || shape.size() > 8) refuse(path, "the shape is no shape");
    if (problem == std::errc{}) shape.push_back(size);
    at = problem == std::errc{} ? static_cast<std::size_t>(end - sizes.data()) : at + 1;
  }
  const auto data = bytes.subspan(start + length);
  auto trace = shaped(path, shape, data.size());
  if (data.size() != trace.gains.size() * known->second)
    refuse(path, fmt::format(
                     "the gains have the shape {}, and the file has {} bytes for them. HINT: write it again",
                     shape_text(shape), data.size()));
  for (std::size_t i = 0; i < trace.gains.size(); ++i) {
    if (type == "'<f4'") trace.gains[i] = number_at<float>(data, i);
    if (type == "'<f8'") trace.gains[i] = number_at<double>(data, i);
    if (type == "'<c8'") trace.gains[i] = {number_at<float>(data, 2 * i), number_at<float>(data, 2 * i + 1)};
    if (type == "'<c16")
      trace.gains[i] = {number_at<double>(data, 2 * i), number_at<double>(data, 2 * i + 1)};
  }
  return trace;
}

GainTrace read_safetensors(const std::string& path) {
  const SafetensorsFile file(path);
  const bool real = file.tensors().contains("gains");
  if (!real && !(file.tensors().contains("gains.real") && file.tensors().contains("gains.imag")))
    refuse(path, "there is no tensor 'gains'. HINT: 'gains', or 'gains.real' and 'gains.imag'");
  const auto& first = file.tensor(real ? "gains" : "gains.real");
  auto trace = shaped(path, first.shape, first.bytes.size());
  const auto read = [&](const StoredTensor& tensor, auto put) {
    if (tensor.shape != first.shape || (tensor.type != ElementType::kF32 && tensor.type != ElementType::kF64))
      refuse(path,
             "the gains are not F32 or F64, or their two parts have unlike shapes. HINT: gains.float()");
    for (std::size_t i = 0; i < trace.gains.size(); ++i) {
      put(trace.gains[i], tensor.type == ElementType::kF32 ? number_at<float>(tensor.bytes, i)
                                                           : number_at<double>(tensor.bytes, i));
    }
  };
  read(first, [](Gain& gain, double value) { gain.real(value); });
  if (!real) read(file.tensor("gains.imag"), [](Gain& gain, double value) { gain.imag(value); });
  return trace;
}

/// A number as C, Python and NumPy write them: 0.5, -1e-3+2j, (0.1+-0.2j), nan.
std::optional<Gain> gain_of(std::string_view text) {
  const auto trim = [&](std::string_view letters) {
    while (!text.empty() && letters.find(text.front()) != std::string_view::npos) text.remove_prefix(1);
    while (!text.empty() && letters.find(text.back()) != std::string_view::npos) text.remove_suffix(1);
  };
  trim(" \t\r");
  if (text.starts_with('(') && text.ends_with(')')) text = text.substr(1, text.size() - 2);
  trim(" \t");
  const auto take = [&](double& value) {
    if (text.starts_with('+')) text.remove_prefix(1);
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem != std::errc{}) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return true;
  };
  double real = 0, imaginary = 0;
  if (!take(real)) return {};
  if (text.empty()) return Gain(real);
  if (text == "j" || text == "i") return Gain(0, real);
  if (text.front() != '+' && text.front() != '-') return {};
  if (!take(imaginary) || (text != "j" && text != "i")) return {};
  return Gain(real, imaginary);
}

GainTrace read_csv(const std::string& path, Bytes bytes) {
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  GainTrace trace;
  for (std::int64_t line = 1; !text.empty(); ++line) {
    const auto end = std::min(text.find('\n'), text.size());
    auto row = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (row.find_first_not_of(" \t\r") == std::string_view::npos || row.starts_with('#')) continue;
    std::int64_t workers = 0;
    for (bool more = true; more; ++workers) {
      const auto comma = row.find(',');
      const auto gain = gain_of(row.substr(0, comma));
      if (!gain)
        refuse(path, fmt::format(
                         "line {}, column {} is no number. HINT: 0.5 or 0.5-0.25j, with commas between them",
                         line, workers + 1));
      trace.gains.push_back(*gain);
      more = comma != std::string_view::npos;
      if (more) row.remove_prefix(comma + 1);
    }
    if (trace.rounds > 0 && workers != trace.workers)
      refuse(path, fmt::format(
                       "line {} has {} gains, and those before it have {}. HINT: one a worker in every line",
                       line, workers, trace.workers));
    trace.workers = workers;
    ++trace.rounds;
  }
  if (trace.rounds == 0) refuse(path, "there are no gains. HINT: a line a round, a number a worker");
  return trace;
}

GainTrace read_any(const std::string& path, Bytes bytes) {
  const auto ending = std::filesystem::path(path).extension();
  if (ending == ".npy") return read_npy(path, bytes);
  if (ending == ".safetensors") return read_safetensors(path);
  if (ending == ".csv") return read_csv(path, bytes);
  refuse(path, fmt::format("gains in '{}' files are not read here. HINT: .npy, .safetensors or .csv",
                           ending.string()));
}

}  // namespace

std::shared_ptr<const GainTrace> read_gain_trace(const std::string& path) {
  const MappedFile file(path);
  auto trace = std::make_shared<GainTrace>(read_any(path, file.bytes()));
  trace->name = path;
  trace->sha256 = sha256_hex(file.bytes());
  const auto antennas = std::max<std::int64_t>(trace->antennas, 1);
  for (std::size_t i = 0; i < trace->gains.size(); ++i) {
    const auto gain = trace->gains[i];
    // Squares are added up over workers and antennas.
    if (std::isfinite(std::norm(gain)) && std::abs(gain) < 1e100) continue;
    const auto column = static_cast<std::int64_t>(i) / antennas;
    refuse(path, fmt::format(
                     "the gain of worker {} in round {} is {}{:+}j. HINT: finite numbers; 0 for a link that "
                     "is down",
                     column % trace->workers, column / trace->workers, gain.real(), gain.imag()));
  }
  return trace;
}

}  // namespace laser
