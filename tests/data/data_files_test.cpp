// Data sets on the disk: which files count as right, where they are looked for, and how they get there.
#include "laser/data/data_files.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <set>

#include "../record/temporary_folder.hpp"
#include "archives.hpp"
#include "http_server.hpp"
#include "laser/fetch/fetch.hpp"
#include "laser/hash/sha256.hpp"

namespace laser {
namespace {

namespace fs = std::filesystem;
using Finding = FileCheck::Finding;

/// Sets an environment variable (or removes it, without a value) for one test.
class Environment {
 public:
  explicit Environment(const char* name, const char* value = nullptr) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    value != nullptr ? setenv(name, value, 1) : unsetenv(name);
  }
  ~Environment() { before_ ? setenv(name_, before_->c_str(), 1) : unsetenv(name_); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
};

TEST(Catalog, KnowsTheDataSetsOfThePaper) {
  std::vector<std::string> names;
  for (const auto& set : data_sets()) names.push_back(set.name);
  EXPECT_EQ(names, (std::vector<std::string>{"mnist", "cifar10", "cifar100", "wikitext-2", "wikitext-103",
                                             "gpt2-bpe"}));
  const auto error = error_of([] { find_data_set("cifar11"); });
  EXPECT_EQ(error.code(), ExitCode::kUsage);
  EXPECT_TRUE(
      contains(error.what(), "unknown data set 'cifar11' (did you mean 'cifar10'?); there is mnist, "))
      << error.what();
}

TEST(Catalog, EverySourceCanBeFetchedAndChecked) {
  for (const auto& set : data_sets()) {
    std::set<std::string> names;
    for (const auto& source : set.sources) {
      EXPECT_GT(source.bytes, 0u) << source.name;
      EXPECT_EQ(source.sha256.size(), 64u) << source.name;
      EXPECT_EQ(source.sha256.find_first_not_of("0123456789abcdef"), std::string::npos) << source.name;
      EXPECT_GE(source.urls.size(), 2u) << source.name << " has no mirror";
      for (const auto& url : source.urls) EXPECT_TRUE(url.starts_with("https://")) << url;
      for (const auto& file : source.files) {
        EXPECT_TRUE(names.insert(file.name).second) << file.name;
        EXPECT_EQ(file.name.find('/'), std::string::npos) << file.name;
        EXPECT_EQ(file.member.empty(), source.packing == Packing::kNone) << file.name;
        EXPECT_EQ(set.records.bytes > 0 ? file.bytes % set.records.bytes : 0, 0u) << file.name;
      }
    }
  }
}

TEST(Catalog, DescribesTheFilesThatShipWithTheProgram) {
  const auto& set = find_data_set("mnist");
  for (const auto& check : check_files(set, fs::path(LASER_SOURCE_DIR) / "data" / "mnist"))
    EXPECT_EQ(check.finding, Finding::kPublished) << check.file.name << " " << check.reason;
}

TEST(DataFolder, IsTheFirstThatIsSaid) {
  const Environment home("HOME", "/home/me"), data("LASER_DATA_DIR"), cache("XDG_CACHE_HOME");
  EXPECT_EQ(data_folder(""), "/home/me/.cache/laser/data");
  const Environment relative("XDG_CACHE_HOME", "relative");
  EXPECT_EQ(data_folder(""), "/home/me/.cache/laser/data");
  const Environment absolute("XDG_CACHE_HOME", "/big/cache");
  EXPECT_EQ(data_folder(""), "/big/cache/laser/data");
  const Environment ours("LASER_DATA_DIR", "/big/data");
  EXPECT_EQ(data_folder(""), "/big/data");
  EXPECT_EQ(data_folder("given"), "given");
}

TEST(DataFolder, WithoutAHomeItMustBeSaid) {
  const Environment home("HOME"), data("LASER_DATA_DIR"), cache("XDG_CACHE_HOME");
  const auto error = error_of([] { data_folder(""); });
  EXPECT_EQ(error.code(), ExitCode::kIo);
  EXPECT_TRUE(contains(error.what(), "HINT: set LASER_DATA_DIR or pass --data-dir"));
}

/// A data set of two plain files and one of an archive of two, on a server of this machine.
class DataSets : public testing::Test {
 protected:
  DataSets() {
    options_.control.first_wait = std::chrono::milliseconds(1);
    plain_.name = "plain";
    for (const auto& [name, content] : contents_)
      plain_.sources.push_back({name,
                                content.size(),
                                sha256_hex(content),
                                {server_.url("/" + name)},
                                Packing::kNone,
                                {{name, content.size(), sha256_hex(content), ""}}});
    set_archive(tar_);
  }

  /// Makes `packed_` a set of files of known hash in this archive.
  void set_archive(const std::string& archive) {
    served_["/a.tar.gz"] = archive;
    packed_ = {"packed", "", false, {}, {}, false};
    packed_.sources.push_back(
        {"a.tar.gz", archive.size(), sha256_hex(archive), {server_.url("/a.tar.gz")}, Packing::kTarGz, {}});
    for (const auto& [name, content] : contents_)
      packed_.sources[0].files.push_back({name, content.size(), sha256_hex(content), "inside/" + name});
  }
  void forget_hashes() {
    for (auto& file : packed_.sources[0].files) file.sha256 = "", file.bytes = 0;
  }
  bool fetch(const DataSet& set) { return fetch_data_set(set, folder_.path(), options_); }
  [[nodiscard]] std::vector<Finding> findings(const DataSet& set) const {
    std::vector<Finding> found;
    for (const auto& check : check_files(set, folder_.path())) found.push_back(check.finding);
    return found;
  }
  HttpAnswer answer(const HttpRequest& request) {
    const auto found = served_.find(request.path);
    return found == served_.end() ? status_answer("404 Not Found") : good_answer(found->second, request);
  }

  TemporaryFolder folder_;
  std::map<std::string, std::string> contents_{{"one", "first file"}, {"two", std::string(5000, '2')}};
  std::map<std::string, std::string> served_{{"/one", contents_["one"]}, {"/two", contents_["two"]}};
  std::string tar_ = gzipped(tar_of({{"inside/one", contents_["one"]}, {"inside/two", contents_["two"]}}));
  HttpServer server_{[this](const HttpRequest& request) { return answer(request); }};
  DataSet plain_, packed_;
  FetchOptions options_;
};

TEST_F(DataSets, PlainFilesAreFetchedWhereTheyAreMissing) {
  EXPECT_EQ(findings(plain_), (std::vector{Finding::kMissing, Finding::kMissing}));
  std::vector<std::string> begun;
  options_.begin = [&](const std::string& name) { begun.push_back(name); };
  EXPECT_TRUE(fetch(plain_));
  EXPECT_EQ(begun, (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(findings(plain_), (std::vector{Finding::kPublished, Finding::kPublished}));
  EXPECT_EQ(names_in(folder_.path()), (std::vector<std::string>{"one", "two"}));
  write_file(folder_ / "two", std::string(4999, '2') + "3");
  EXPECT_EQ(findings(plain_), (std::vector{Finding::kPublished, Finding::kDamaged}));
  EXPECT_TRUE(fetch(plain_));
  EXPECT_EQ(begun, (std::vector<std::string>{"one", "two", "two"}));
  EXPECT_EQ(read_file(folder_ / "two"), contents_["two"]);
  EXPECT_TRUE(fetch(plain_));
  EXPECT_EQ(begun.size(), 3u);
}

TEST_F(DataSets, ArchivesAreFetchedAndUnpacked) {
  EXPECT_TRUE(fetch(packed_));
  EXPECT_EQ(findings(packed_), (std::vector{Finding::kPublished, Finding::kPublished}));
  EXPECT_EQ(names_in(folder_.path()), (std::vector<std::string>{"one", "two"}));
}

TEST_F(DataSets, AnArchiveThatIsThereNeedsNoNetwork) {
  served_.clear();
  write_file(folder_ / "a.tar.gz", tar_);
  EXPECT_TRUE(fetch(packed_));
  EXPECT_EQ(read_file(folder_ / "two"), contents_["two"]);
  EXPECT_EQ(names_in(folder_.path()), (std::vector<std::string>{"a.tar.gz", "one", "two"}));
  EXPECT_TRUE(server_.requested().empty());
}

TEST_F(DataSets, MirrorsOfTheUserComeFirst) {
  const HttpServer mirror([&](auto& request) { return answer({request.path.substr(4), request.from}); });
  options_.mirrors = {mirror.url("/far")};
  EXPECT_TRUE(fetch(packed_));
  EXPECT_EQ(mirror.requested().size(), 1u);
  EXPECT_TRUE(server_.requested().empty());
}

TEST_F(DataSets, WithoutNetworkItIsSaidWhatToPutWhere) {
  served_.clear();
  const auto error = error_of([&] { fetch(packed_); });
  EXPECT_EQ(error.code(), ExitCode::kIo);
  EXPECT_EQ(
      std::string(error.what()),
      fmt::format("a.tar.gz can't be fetched: HTTP status 404 ({}). HINT: without network, put a.tar.gz ({} "
                  "bytes, SHA-256 {}) into {} and run 'laser data fetch packed' again",
                  server_.url("/a.tar.gz"), tar_.size(), sha256_hex(tar_), folder_.path()));
  EXPECT_TRUE(names_in(folder_.path()).empty());
}

TEST_F(DataSets, HashesThatNobodyPublishedAreKept) {
  forget_hashes();
  EXPECT_TRUE(fetch(packed_));
  EXPECT_EQ(findings(packed_), (std::vector{Finding::kVouched, Finding::kVouched}));
  EXPECT_EQ(read_file(folder_ / kSumsName),
            fmt::format("{}  one\n{}  two\n", sha256_hex(contents_["one"]), sha256_hex(contents_["two"])));
  write_file(folder_ / "one", "First file");
  EXPECT_EQ(findings(packed_), (std::vector{Finding::kDamaged, Finding::kVouched}));
  EXPECT_TRUE(fetch(packed_));
  EXPECT_EQ(findings(packed_), (std::vector{Finding::kVouched, Finding::kVouched}));
  fs::remove(folder_ / kSumsName);
  EXPECT_EQ(findings(packed_), (std::vector{Finding::kStructured, Finding::kStructured}));
}

TEST_F(DataSets, ArchivesWithOtherContentChangeNothing) {
  const auto other =
      gzipped(tar_of({{"inside/one", contents_["one"]}, {"inside/two", std::string(5000, 'x')}}));
  set_archive(other);
  write_file(folder_ / "one", "what was there");
  const auto error = error_of([&] { fetch(packed_); });
  EXPECT_EQ(error.code(), ExitCode::kData);
  EXPECT_TRUE(contains(error.what(), "holds another inside/two than it should")) << error.what();
  EXPECT_EQ(read_file(folder_ / "one"), "what was there");
  EXPECT_EQ(names_in(folder_.path()), (std::vector<std::string>{"a.tar.gz", "one"}));
}

TEST_F(DataSets, NothingLeavesTheFolder) {
  set_archive(gzipped(tar_of({{"../inside/one", "evil"},
                              {"inside/one", "", '2', "/etc/passwd"},
                              {"inside/one", contents_["one"]},
                              {"../../evil", "evil"},
                              {"inside/two", contents_["two"]}})));
  EXPECT_TRUE(fetch(packed_));
  EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(folder_ / "one")));
  EXPECT_EQ(names_in(folder_.path()), (std::vector<std::string>{"one", "two"}));
  EXPECT_FALSE(fs::exists(fs::path(folder_.path()).parent_path() / "inside"));
}

TEST_F(DataSets, AVersionOfOnesOwnIsNotMixedWithThePublishedOne) {
  write_file(folder_ / "one", "mine");
  write_file(folder_ / kSumsName,
             sha256_hex(std::string("mine")) + "  one\n" + sha256_hex(std::string("too")) + " *two\n");
  EXPECT_EQ(findings(plain_), (std::vector{Finding::kVouched, Finding::kMissing}));
  const auto error = error_of([&] { fetch(plain_); });
  EXPECT_EQ(error.code(), ExitCode::kData);
  EXPECT_TRUE(contains(error.what(), "holds a version of its own of plain, vouched for by SHA256SUMS"));
  write_file(folder_ / kSumsName, "no sums\n");
  EXPECT_EQ(error_of([&] { (void)findings(plain_); }).code(), ExitCode::kData);
}

TEST_F(DataSets, SumsAreReadWhoeverWroteThem) {
  write_file(folder_ / "one", "mine");
  write_file(folder_ / "two", "too");
  auto one = sha256_hex(std::string("mine")), two = sha256_hex(std::string("too"));
  std::string upper = one;
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  for (const auto& sums : {one + "  one\n" + two + " *two\n", one + "  one\r\n\r\n" + two + "  two\r\n",
                           one + "  ./one\n" + two + "  ././two", upper + "  one\n\n\n" + two + "  two\n\n",
                           "\xEF\xBB\xBF" + one + "  one\n" + two + "\ttwo\n",
                           "# made today\n" + one + "  one  \n  " + two + " two\n",
                           "SHA256 (one) = " + one + "\nSHA256 (./two) = " + two + "\n"}) {
    write_file(folder_ / kSumsName, sums);
    EXPECT_EQ(findings(plain_), (std::vector{Finding::kVouched, Finding::kVouched})) << sums;
  }
  for (const auto& sums : {one.substr(1) + "  one\n", one + "\n", one + "x  one\n",
                           std::string("SHA256 (one) = 12\n"), one + "one\n"}) {
    write_file(folder_ / kSumsName, sums);
    EXPECT_EQ(error_of([&] { (void)findings(plain_); }).code(), ExitCode::kData) << sums;
  }
}

TEST(DataFolder, TokensOfDataThatCanOnlyBeReadGoIntoTheCache) {
  const Environment home("HOME", "/home/me"), data("LASER_DATA_DIR", "/big/data"), cache("XDG_CACHE_HOME");
  EXPECT_EQ(token_folders(""), (std::vector<fs::path>{"/big/data/tokens", "/home/me/.cache/laser/tokens"}));
  EXPECT_EQ(token_folders("/cd"), (std::vector<fs::path>{"/cd/tokens", "/home/me/.cache/laser/tokens"}));
  const Environment nobody("HOME");
  EXPECT_EQ(token_folders("/cd"), (std::vector<fs::path>{"/cd/tokens"}));
}

TEST(DataFolder, ASetThatShipsWithTheProgramNeedsNoHomeAndNeverStandsInForAFolderThatIsNamed) {
  const Environment home("HOME"), data("LASER_DATA_DIR"), cache("XDG_CACHE_HOME"),
      ours("LASER_HOME", LASER_SOURCE_DIR);
  const auto& set = find_data_set("mnist");
  EXPECT_EQ(folder_of(set, ""), fs::path(LASER_SOURCE_DIR) / "data" / "mnist");
  EXPECT_EQ(folder_of(set, "/nowhere"), "/nowhere/mnist");
  EXPECT_EQ(error_of([&] { (void)ready_set(set, "/nowhere", true); }).code(), ExitCode::kData);
  EXPECT_EQ(error_of([] { (void)folder_of(find_data_set("cifar10"), ""); }).code(), ExitCode::kIo);
}

TEST_F(DataSets, OddFilesAreDamagedAndNotRead) {
  write_file(folder_ / "one", "");
  write_file(folder_ / "two", "short");
  const auto checks = check_files(plain_, folder_.path());
  EXPECT_EQ(checks[0].reason, "it is empty");
  EXPECT_EQ(checks[1].reason, "it has 5 bytes, not 5000");
  EXPECT_EQ(check_files(plain_, folder_.path(), false)[1].finding, Finding::kDamaged);
}

}  // namespace
}  // namespace laser
