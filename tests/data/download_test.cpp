// Downloads from servers that drop, cut, corrupt, stall and lie: the file is right or not there.
#include "laser/fetch/download.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/resource.h>

#include <csignal>
#include <random>

#include "../record/temporary_folder.hpp"
#include "http_server.hpp"
#include "laser/hash/sha256.hpp"

namespace laser {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using Offsets = std::vector<std::uint64_t>;

constexpr const char* kOk = "HTTP/1.1 200 OK\r\nConnection: close\r\n";

std::string random_text(std::size_t bytes) {
  std::mt19937 random(17);
  std::string text(bytes, '\0');
  for (auto& c : text) c = static_cast<char>(random());
  return text;
}

class Downloads : public testing::Test {
 protected:
  Downloads() { control_.first_wait = milliseconds(1); }

  [[nodiscard]] DownloadRequest request(std::vector<std::string> urls) const {
    return {std::move(urls), path_, file_.size(), sha256_hex(file_), ". HINT: walk"};
  }
  bool fetch(std::vector<std::string> urls) { return download(request(std::move(urls)), control_); }

  void expect_fetched() const {
    EXPECT_TRUE(read_file(path_) == file_);
    EXPECT_EQ(names_in(folder_.path()), std::vector<std::string>{"data"});
  }
  /// The download fails with this reason, and leaves behind what was there.
  void expect_failure(const std::vector<std::string>& urls, const std::string& reasons) {
    write_file(path_, "what was there");
    const auto error = error_of([&] { fetch(urls); });
    EXPECT_EQ(error.code(), ExitCode::kIo);
    EXPECT_EQ(std::string(error.what()), "data can't be fetched: " + reasons + ". HINT: walk");
    EXPECT_EQ(read_file(path_), "what was there");
    EXPECT_EQ(names_in(folder_.path()), std::vector<std::string>{"data"});
  }

  TemporaryFolder folder_;
  std::string path_ = folder_ / "data";
  std::string file_ = random_text(300'000);
  DownloadControl control_;
};

TEST_F(Downloads, FetchAFile) {
  const HttpServer server([&](auto& request) { return good_answer(file_, request); });
  DownloadProgress last;
  control_.progress = [&](const DownloadProgress& progress) {
    EXPECT_GE(progress.done, last.done);
    last = progress;
  };
  EXPECT_TRUE(fetch({server.url()}));
  expect_fetched();
  EXPECT_EQ(server.requested(), Offsets{0});
  EXPECT_EQ(last.total, 300'000u);
  EXPECT_EQ(last.resumed, 0u);
}

TEST_F(Downloads, GoOnWhereAConnectionBroke) {
  const HttpServer server([&](auto& request) { return good_answer(file_, request, 70'000); });
  EXPECT_TRUE(fetch({server.url()}));
  expect_fetched();
  EXPECT_EQ(server.requested(), (Offsets{0, 70'000, 140'000, 210'000, 280'000}));
}

TEST_F(Downloads, GoOnWhereAResponseWithoutLengthEnded) {
  const HttpServer server([&](auto& request) {
    if (request.from) return good_answer(file_, request);
    return HttpAnswer{fmt::format("{}\r\n{}", kOk, file_.substr(0, 1000))};
  });
  EXPECT_TRUE(fetch({server.url()}));
  expect_fetched();
  EXPECT_EQ(server.requested(), (Offsets{0, 1000}));
}

TEST_F(Downloads, UseServersThatIgnoreRanges) {
  const HttpServer server([&, drop = true](auto&) mutable {
    return good_answer(file_, {}, std::exchange(drop, false) ? 70'000 : std::string::npos);
  });
  EXPECT_TRUE(fetch({server.url()}));
  expect_fetched();
  EXPECT_EQ(server.requested(), (Offsets{0, 70'000}));
}

TEST_F(Downloads, EndWhenNothingNewArrives) {
  const HttpServer server([&](auto&) { return good_answer(file_, {}, 70'000); });
  const auto error = error_of([&] { fetch({server.url()}); });
  EXPECT_EQ(error.code(), ExitCode::kIo);
  EXPECT_EQ(server.requested(), (Offsets{0, 70'000, 70'000, 70'000, 70'000}));
  EXPECT_EQ(read_file(path_ + ".part"), file_.substr(0, 70'000));
}

TEST_F(Downloads, GoOnInALaterRun) {
  const HttpServer server([&](auto& request) {
    auto answer = good_answer(file_, request, 100'000);
    answer.hold = true;
    return answer;
  });
  std::uint64_t done = 0;
  control_.progress = [&](const DownloadProgress& progress) { done = progress.done; };
  control_.stop = [&] { return done == 100'000; };
  EXPECT_FALSE(fetch({server.url()}));
  EXPECT_EQ(names_in(folder_.path()), std::vector<std::string>{"data.part"});
  const HttpServer second([&](auto& request) { return good_answer(file_, request); });
  DownloadProgress last;
  control_ = {};
  control_.progress = [&](const DownloadProgress& progress) { last = progress; };
  EXPECT_TRUE(fetch({second.url()}));
  expect_fetched();
  EXPECT_EQ(second.requested(), Offsets{100'000});
  EXPECT_EQ(last.resumed, 100'000u);
}

TEST_F(Downloads, StopWhileWaiting) {
  const HttpServer server([&](auto&) { return status_answer("503 Busy"); });
  control_.first_wait = milliseconds(60'000);
  control_.stop = [&] { return server.requested().size() == 1; };
  EXPECT_FALSE(fetch({server.url()}));
}

TEST_F(Downloads, TakeWhatAnEarlierRunLeftOnlyIfItFits) {
  const HttpServer server([&](auto& request) { return good_answer(file_, request); });
  write_file(path_ + ".part", file_);  // whole: nothing is asked for
  EXPECT_TRUE(fetch({server.url()}));
  expect_fetched();
  EXPECT_EQ(server.requested(), Offsets{});
  for (const auto& part : {file_ + "x", std::string(file_.size(), 'x')}) {  // longer; whole but wrong
    write_file(path_ + ".part", part);
    EXPECT_TRUE(fetch({server.url()}));
    expect_fetched();
  }
  EXPECT_EQ(server.requested(), (Offsets{0, 0}));
  write_file(path_ + ".part", std::string(1000, 'x'));  // wrong bytes, which are found at the end
  EXPECT_TRUE(fetch({server.url()}));
  expect_fetched();
  EXPECT_EQ(server.requested(), (Offsets{0, 0, 1000, 0}));
}

TEST_F(Downloads, CorruptFilesAreNotTaken) {
  auto wrong = file_;
  wrong[200'000] ^= 1;
  const HttpServer bad([&](auto& request) { return good_answer(wrong, request); });
  expect_failure({bad.url()}, "its file has another SHA-256 (" + bad.url() + ")");
  EXPECT_EQ(bad.requested(), (Offsets{0, 0}));
  const HttpServer good([&](auto& request) { return good_answer(file_, request); });
  EXPECT_TRUE(fetch({bad.url(), good.url()}));
  expect_fetched();
}

TEST_F(Downloads, FilesOfAnotherLengthAreNotTaken) {
  const HttpServer server([&](auto& request) {
    if (request.path == "/short") return good_answer(file_.substr(1), request);
    if (request.path == "/long") return good_answer(file_ + "x", request);
    return HttpAnswer{fmt::format("{}\r\n{}x", kOk, file_)};  // without saying how long
  });
  const auto refused = [&](const std::string& path, const std::string& reason) {
    const auto url = server.url(path);
    expect_failure({url}, fmt::format("{} ({})", reason, url));
  };
  refused("/short", "its file has 299999 bytes, not 300000");
  refused("/long", "its file has 300001 bytes, not 300000");
  fs::remove(path_);
  const auto error = error_of([&] { fetch({server.url("/unsaid")}); });
  EXPECT_TRUE(contains(error.what(), "it sends more than the 300000 bytes of the file")) << error.what();
  EXPECT_EQ(names_in(folder_.path()), std::vector<std::string>{"data.part"});
}

TEST_F(Downloads, AnotherRangeThanAskedForIsRefused) {
  const HttpServer server([&](auto& request) {
    auto answer = good_answer(file_, request, 70'000);
    if (request.from) answer = good_answer(file_, HttpRequest{"", *request.from + 1});
    return answer;
  });
  const auto error = error_of([&] { fetch({server.url()}); });
  EXPECT_TRUE(contains(error.what(), "it sends another range than it was asked for")) << error.what();
  EXPECT_EQ(read_file(path_ + ".part"), file_.substr(0, 70'000));
  EXPECT_EQ(server.requested(), (Offsets{0, 70'000}));
}

TEST_F(Downloads, MissingFilesAreAskedForOnce) {
  const HttpServer server([&](auto& request) {
    return request.path == "/a" ? status_answer("404 Not Found") : status_answer("410 Gone");
  });
  expect_failure({server.url("/a"), server.url("/b")},
                 "HTTP status 404 (" + server.url("/a") + "); HTTP status 410 (" + server.url("/b") + ")");
  EXPECT_EQ(server.requested().size(), 2u);
}

TEST_F(Downloads, BusyServersAreAskedAgain) {
  const HttpServer server([&, times = 0](auto& request) mutable {
    return ++times < 4 ? status_answer("503 Busy") : good_answer(file_, request);
  });
  EXPECT_TRUE(fetch({server.url()}));
  expect_fetched();
}

TEST_F(Downloads, MirrorsTakeTurns) {
  const HttpServer gone([&](auto&) { return status_answer("404 Not Found"); });
  const HttpServer drops([&](auto& request) { return good_answer(file_, request, 50'000); });
  const HttpServer good([&](auto& request) { return good_answer(file_, request); });
  EXPECT_TRUE(fetch({gone.url(), drops.url(), good.url()}));
  expect_fetched();
  EXPECT_EQ(good.requested(), Offsets{50'000});
}

TEST_F(Downloads, StalledServersAreLeft) {
  const HttpServer stalls([&](auto& request) {
    auto answer = good_answer(file_, request, 50'000);
    answer.hold = true;
    return answer;
  });
  const HttpServer good([&](auto& request) { return good_answer(file_, request); });
  control_.stall = std::chrono::seconds(1);
  EXPECT_TRUE(fetch({stalls.url(), good.url()}));
  expect_fetched();
  EXPECT_EQ(good.requested(), Offsets{50'000});
}

TEST_F(Downloads, RedirectionsAreFollowedButNotEverywhere) {
  const HttpServer server([&](auto& request) {
    const auto to = request.path == "/moved"  ? "/here"
                    : request.path == "/file" ? "file:///etc/passwd"
                                              : "/loop";
    if (request.path == "/here") return good_answer(file_, request);
    return HttpAnswer{fmt::format(
        "HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: {}\r\nContent-Length: 4\r\n\r\nmove", to)};
  });
  EXPECT_TRUE(fetch({server.url("/moved")}));
  expect_fetched();
  for (const std::string path : {"/file", "/loop"}) {
    write_file(path_, "what was there");
    const auto before = server.requested().size();
    const auto error = error_of([&] { fetch({server.url(path)}); });
    EXPECT_EQ(error.code(), ExitCode::kIo);
    EXPECT_EQ(read_file(path_), "what was there");
    EXPECT_LE(server.requested().size() - before, 11u) << error.what();
  }
}

TEST_F(Downloads, WithoutAServerTheReasonIsSaid) {
  std::string url;
  {
    const HttpServer server([&](auto& request) { return good_answer(file_, request); });
    url = server.url();
  }
  write_file(path_, "what was there");
  const auto error = error_of([&] { fetch({url}); });
  EXPECT_EQ(error.code(), ExitCode::kIo);
  EXPECT_TRUE(contains(error.what(), "data can't be fetched: ")) << error.what();
  EXPECT_TRUE(contains(error.what(), "onnect")) << error.what();  // libcurl's words change
  EXPECT_TRUE(contains(error.what(), "HINT: walk")) << error.what();
  EXPECT_EQ(names_in(folder_.path()), std::vector<std::string>{"data"});
}

TEST_F(Downloads, NoTwoProgramsFetchTheSameFile) {
  const int other = open((path_ + ".part").c_str(), O_WRONLY | O_CREAT, 0644);
  ASSERT_EQ(flock(other, LOCK_EX), 0);
  const auto error = error_of([&] { fetch({"http://127.0.0.1:1/"}); });
  EXPECT_EQ(error.code(), ExitCode::kIo);
  EXPECT_EQ(std::string(error.what()), path_ + " is being fetched by another program. HINT: wait for it");
  close(other);
}

// RLIMIT_FSIZE stands for a disk that is full there.
TEST_F(Downloads, FullDisksEndThem) {
  const HttpServer server([&](auto& request) { return good_answer(file_, request); });
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{123'456, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &limit);
  const auto error = error_of([&] { fetch({server.url()}); });
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(error.code(), ExitCode::kIo);
  EXPECT_TRUE(contains(error.what(), path_ + ".part: can't write ")) << error.what();
  EXPECT_TRUE(contains(error.what(), "File too large")) << error.what();
  EXPECT_TRUE(fetch({server.url()}));  // with room again it goes on
  expect_fetched();
  EXPECT_EQ(server.requested(), (Offsets{0, 123'456}));
}

TEST_F(Downloads, AFolderThatIsNotThereIsNamed) {
  path_ = folder_ / "absent/data";
  const auto error = error_of([&] { fetch({"http://127.0.0.1:1/"}); });
  EXPECT_EQ(std::string(error.what()), path_ + ".part: can't write: No such file or directory");
}

}  // namespace
}  // namespace laser
