// A server on this machine that misbehaves as it is told, for downloads.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "laser/core/fail.hpp"

namespace laser {

struct HttpRequest {
  std::string path;
  std::optional<std::uint64_t> from;  // of "Range: bytes=<from>-"
};

/// What is sent back, byte for byte; then the connection is closed, or first held open.
struct HttpAnswer {
  std::string bytes;
  bool hold = false;  // until the client goes
};

/// 200 or 206 with the rest of `file` from the requested byte on, as a good server sends it. Of the content
/// only the first `most` bytes really go out.
inline HttpAnswer good_answer(const std::string& file, const HttpRequest& request,
                              std::size_t most = std::string::npos) {
  const auto from = request.from.value_or(0);
  if (from >= file.size())
    return {"HTTP/1.1 416 Range Not Satisfiable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"};
  const auto range = fmt::format("Content-Range: bytes {}-{}/{}\r\n", from, file.size() - 1, file.size());
  const auto content = file.substr(from);
  return {fmt::format("HTTP/1.1 {}\r\nConnection: close\r\n{}Content-Length: {}\r\n\r\n{}",
                      request.from ? "206 Partial Content" : "200 OK", request.from ? range : "",
                      content.size(), content.substr(0, most))};
}

inline HttpAnswer status_answer(const std::string& status) {
  return {"HTTP/1.1 " + status + "\r\nConnection: close\r\nContent-Length: 5\r\n\r\nsorry"};
}

class HttpServer {
 public:
  /// `answer` is called on the server's thread, for one request after the other.
  using Answer = std::function<HttpAnswer(const HttpRequest&)>;

  explicit HttpServer(Answer answer)
      : answer_(std::move(answer)), listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    setenv("no_proxy", "127.0.0.1", 1);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    LASER_CHECK(bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                listen(listener_, 16) == 0);
    LASER_CHECK(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~HttpServer() {
    stop_ = true;
    thread_.join();
    close(listener_);
  }
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  [[nodiscard]] std::string url(const std::string& path = "/file") const {
    return fmt::format("http://127.0.0.1:{}{}", port_, path);
  }
  /// Where each request so far began, 0 for those without a range.
  [[nodiscard]] std::vector<std::uint64_t> requested() const {
    const std::scoped_lock lock(mutex_);
    return requested_;
  }

 private:
  void serve() {
    while (!stop_) {
      pollfd waiting{listener_, POLLIN, 0};
      if (poll(&waiting, 1, 5) != 1) continue;
      const int client = accept(listener_, nullptr, nullptr);
      if (client >= 0) serve_client(client);
      if (client >= 0) close(client);
    }
  }

  void serve_client(int client) {
    std::string head;
    char byte = 0;
    while (head.find("\r\n\r\n") == std::string::npos && recv(client, &byte, 1, 0) == 1) head += byte;
    HttpRequest request{head.substr(4, head.find(' ', 4) - 4), {}};
    if (const auto range = head.find("Range: bytes="); range != std::string::npos)
      request.from = std::stoull(head.substr(range + 13));
    {
      const std::scoped_lock lock(mutex_);
      requested_.push_back(request.from.value_or(0));
    }
    const auto answer = answer_(request);
    for (std::size_t sent = 0; sent < answer.bytes.size();) {
      const auto n = send(client, answer.bytes.data() + sent, answer.bytes.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) return;
      sent += static_cast<std::size_t>(n);
    }
    while (answer.hold && !stop_) {
      pollfd waiting{client, POLLIN, 0};
      if (poll(&waiting, 1, 5) == 1) return;  // the client has gone
    }
    shutdown(client, SHUT_WR);
    while (recv(client, &byte, 1, 0) == 1) continue;  // so that it reads all before the connection is reset
  }

  Answer answer_;
  int listener_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stop_{false};
  mutable std::mutex mutex_;
  std::vector<std::uint64_t> requested_;
  std::thread thread_;
};

}  // namespace laser
