#include "laser/fetch/transfer.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "laser/core/fail.hpp"

namespace laser {
namespace {

using Clock = std::chrono::steady_clock;

constexpr long kConnectSeconds = 15;

// Only functions without exceptions are handed to libcurl, which is C: what they throw waits in `thrown`.
class Request {
 public:
  explicit Request(const Transfer& transfer) : transfer_(transfer), skip_(transfer.offset) {}

  TransferResult run() {
    static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
    const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
    LASER_CHECK(ready == CURLE_OK && curl != nullptr);
    set_options(curl.get());
    const CURLcode code = curl_easy_perform(curl.get());
    long status = 0;
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
    if (thrown_) std::rethrow_exception(thrown_);
    return result(code, status);
  }

 private:
  void set_options(CURL* curl) {
    curl_easy_setopt(curl, CURLOPT_URL, transfer_.url.c_str());
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    // A redirection must not lead from an encrypted connection to an open one.
    const bool open = transfer_.url.starts_with("http:");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, open ? "http,https" : "https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 10L);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "laser");
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
    if (transfer_.offset > 0)
      curl_easy_setopt(curl, CURLOPT_RANGE, fmt::format("{}-", transfer_.offset).c_str());
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error_text_);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, &Request::on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, this);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &Request::on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, this);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &Request::on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, this);
  }

  [[nodiscard]] TransferResult result(CURLcode code, long status) const {
    if (stopped_) return {TransferEnd::kStopped, "stopped"};
    if (!refusal_.empty()) return {TransferEnd::kRefused, refusal_};
    if (stalled_)
      return {TransferEnd::kBroken, fmt::format("nothing came for {} s", transfer_.stall.count())};
    if (code == CURLE_OK) return {TransferEnd::kComplete, ""};
    if (code == CURLE_HTTP_RETURNED_ERROR) {
      if (status == 416) return {TransferEnd::kRefused, "its file is shorter than it should be"};
      const bool passing = status >= 500 || status == 408 || status == 429;
      return {passing ? TransferEnd::kBroken : TransferEnd::kRefused, fmt::format("HTTP status {}", status)};
    }
    const bool hopeless =
        code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_TOO_MANY_REDIRECTS;
    return {hopeless ? TransferEnd::kRefused : TransferEnd::kBroken,
            error_text_[0] != '\0' ? error_text_ : curl_easy_strerror(code)};
  }

  // Every response of a chain of redirections begins anew.
  void header(std::string_view line) {
    std::string lower(line);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    const auto value = [&](std::string_view name) -> std::optional<std::string_view> {
      if (!lower.starts_with(name)) return std::nullopt;
      const auto first = lower.find_first_not_of(" \t", name.size());
      return first == std::string::npos ? "" : std::string_view(lower).substr(first);
    };
    if (lower.starts_with("http/")) {
      partial_ = lower.find(" 206") != std::string::npos;
      total_.reset();
    } else if (const auto length = value("content-length:")) {
      if (!partial_) total_ = number(*length);
    } else if (const auto range = value("content-range:")) {
      // "bytes 100-999/1000"
      const auto slash = range->find('/');
      if (partial_ && slash != std::string_view::npos) total_ = number(range->substr(slash + 1));
      if (partial_ && range->starts_with("bytes ")) first_ = number(range->substr(6));
    }
  }

  bool body(std::span<const std::byte> bytes) {
    if (!std::exchange(begun_, true) && !begin()) return false;
    const auto passed = std::min<std::uint64_t>(skip_, bytes.size());
    skip_ -= passed;
    bytes = bytes.subspan(static_cast<std::size_t>(passed));
    if (bytes.size() > transfer_.bytes - received_to_) {
      refusal_ = fmt::format("it sends more than the {} bytes of the file", transfer_.bytes);
      return false;
    }
    if (!bytes.empty()) transfer_.append(bytes);
    received_to_ += bytes.size();
    return true;
  }

  // Before the first byte: is this the file that was asked for, and from where on?
  bool begin() {
    if (total_ && *total_ != transfer_.bytes) {
      refusal_ = fmt::format("its file has {} bytes, not {}", *total_, transfer_.bytes);
      return false;
    }
    if (partial_ && first_ == transfer_.offset) skip_ = 0;
    if (partial_ && first_ != transfer_.offset) refusal_ = "it sends another range than it was asked for";
    return refusal_.empty();
  }

  static std::optional<std::uint64_t> number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() ? std::optional(value) : std::nullopt;
  }

  template <class Action>
  auto guarded(Action&& action) -> decltype(action()) {
    try {
      return action();
    } catch (...) {
      thrown_ = std::current_exception();
      return {};
    }
  }

  static std::size_t on_header(char* data, std::size_t, std::size_t size, void* self) {
    return static_cast<Request*>(self)->guarded([&] {
      static_cast<Request*>(self)->header({data, size});
      return size;
    });
  }
  static std::size_t on_body(char* data, std::size_t, std::size_t size, void* self) {
    return static_cast<Request*>(self)->guarded([&] {
      const bool go_on = static_cast<Request*>(self)->body(std::as_bytes(std::span(data, size)));
      return go_on ? size : std::size_t{0};
    });
  }
  // Called once a second or more often, also while nothing arrives.
  static int on_progress(void* self, curl_off_t, curl_off_t received, curl_off_t, curl_off_t) {
    auto& request = *static_cast<Request*>(self);
    request.stopped_ = request.guarded([&] { return request.transfer_.stop(); });
    if (std::exchange(request.progress_at_, received) != received) request.progress_time_ = Clock::now();
    request.stalled_ = Clock::now() - request.progress_time_ >= request.transfer_.stall;
    return request.stopped_ || request.stalled_ || request.thrown_ ? 1 : 0;
  }

  const Transfer& transfer_;
  std::uint64_t skip_;  // bytes of the response that are already there
  std::uint64_t received_to_ = transfer_.offset;
  bool begun_ = false, partial_ = false, stopped_ = false, stalled_ = false;
  curl_off_t progress_at_ = 0;
  Clock::time_point progress_time_ = Clock::now();
  std::optional<std::uint64_t> total_, first_;
  std::string refusal_;
  std::exception_ptr thrown_;
  char error_text_[CURL_ERROR_SIZE] = "";
};

}  // namespace

TransferResult run_transfer(const Transfer& transfer) { return Request(transfer).run(); }

}  // namespace laser
