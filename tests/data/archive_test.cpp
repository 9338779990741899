// Archives from outside: what is wanted comes out whole, and nothing else happens whatever they hold.
#include "laser/fetch/archive.hpp"

#include <gtest/gtest.h>

#include <random>

#include "../record/temporary_folder.hpp"
#include "archives.hpp"

namespace laser {
namespace {

using Reader = void (*)(std::span<const std::byte>, const std::vector<ArchiveMember>&, const std::string&,
                        const MemberSink&);

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

const std::vector<ArchiveMember> kMembers{{"d/a", 1'000'000}, {"d/b", 10}};

/// What comes out of an archive, member by member.
std::vector<std::string> contents(Reader reader, const std::string& archive,
                                  const std::vector<ArchiveMember>& members = kMembers) {
  std::vector<std::string> texts(members.size());
  reader(bytes_of(archive), members, "x", [&](std::size_t i, std::span<const std::byte> piece) {
    texts[i].append(reinterpret_cast<const char*>(piece.data()), piece.size());
    ASSERT_LE(texts[i].size(), members[i].limit);
  });
  return texts;
}

/// Why it is refused.
std::string refusal(Reader reader, const std::string& archive,
                    const std::vector<ArchiveMember>& members = kMembers) {
  const auto error = error_of([&] { contents(reader, archive, members); });
  if (error.code() == ExitCode::kOk) return "read";
  EXPECT_EQ(error.code(), ExitCode::kData);
  return error.what();
}

/// Half a megabyte that does not compress to nothing.
std::string long_text() {
  std::mt19937 random(3);
  std::string text;
  while (text.size() < 500'000) text += fmt::format("{} ", random() % 1000);
  return text;
}

TEST(Tar, MembersComeOutWhole) {
  const auto text = long_text();
  const auto read = contents(
      read_tar_gz,
      gzipped(tar_of(
          {{"d/", "", '5'}, {"readme", "passed over"}, {"d/b", "0123456789"}, {"a", text, '0', "", "d"}})));
  EXPECT_EQ(read, (std::vector<std::string>{text, "0123456789"}));
  EXPECT_EQ(contents(read_tar_gz, gzipped(tar_of({{"d/a", ""}, {"d/b", ""}}))),
            (std::vector<std::string>{"", ""}));
  const auto without_end = tar_entry({"d/a", "1"}) + tar_entry({"d/b", "2"});  // as some programs write it
  EXPECT_EQ(contents(read_tar_gz, gzipped(without_end)), (std::vector<std::string>{"1", "2"}));
}

TEST(Tar, OnlyFilesOfTheWantedNamesAreTaken) {
  const TarEntry a{"d/a", "a"}, b{"d/b", "b"};
  EXPECT_EQ(refusal(read_tar_gz, gzipped(tar_of({a}))), "x holds no d/b");
  EXPECT_EQ(refusal(read_tar_gz, gzipped(tar_of({}))), "x holds no d/a");
  EXPECT_EQ(refusal(read_tar_gz, gzipped(tar_of({a, b, a}))), "x holds d/a twice");
  for (const char type : {'1', '2', '3', '5', '6', 'L', 'x'}) {  // links, devices, folders, pipes, long names
    EXPECT_EQ(refusal(read_tar_gz, gzipped(tar_of({a, {"d/b", "", type, "/etc/passwd"}}))), "x holds no d/b");
  }
  for (const std::string path : {"../d/b", "/d/b", "d/../d/b", "./d/b", "d/b/", "D/b"}) {
    EXPECT_EQ(refusal(read_tar_gz, gzipped(tar_of({a, {path, "b"}}))), "x holds no d/b");
  }
}

TEST(Tar, SizesAreLimited) {
  EXPECT_EQ(refusal(read_tar_gz, gzipped(tar_of({{"d/a", "a"}, {"d/b", "0123456789A"}}))),
            "x holds d/b with 11 bytes, more than 10");
  auto claims = tar_entry({"d/b", ""});
  const auto put_size = [&](const std::string& digits) {
    claims.replace(124, 12, digits);
    claims.replace(148, 8, 8, ' ');
    unsigned sum = 0;
    for (const auto c : claims) sum += static_cast<unsigned char>(c);
    claims.replace(148, 8, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
    return gzipped(claims);
  };
  EXPECT_EQ(refusal(read_tar_gz, put_size("777777777777")),
            "x holds d/b with 68719476735 bytes, more than 10");
  const std::string no_number = "x is damaged: a header is not that of a tar archive";
  EXPECT_EQ(refusal(read_tar_gz, put_size("-00000000001")), no_number);
  EXPECT_EQ(refusal(read_tar_gz, put_size(std::string("\x80\0\0\0\0\0\0\0\0\0\0\1", 12))), no_number);
  const auto bomb = gzipped(tar_entry({"filler", std::string(20'000'000, '\0')}));
  EXPECT_LT(bomb.size(), 25'000u);
  EXPECT_EQ(refusal(read_tar_gz, bomb), "x unpacks to more than it should");
  EXPECT_EQ(
      refusal(read_tar_gz, gzipped(tar_of({{"d/a", "a"}, {"d/b", "b"}}) + std::string(20'000'000, '\0'))),
      "x unpacks to more than it should");
}

TEST(Tar, DamageIsFound) {
  const auto tar = tar_of({{"d/a", long_text()}, {"d/b", "b"}});
  const auto whole = gzipped(tar);
  EXPECT_EQ(refusal(read_tar_gz, whole), "read");
  for (std::size_t size = 0; size < whole.size(); size += 997)
    EXPECT_EQ(refusal(read_tar_gz, whole.substr(0, size)), "x is damaged: it ends too early");
  EXPECT_EQ(refusal(read_tar_gz, whole.substr(0, whole.size() - 1)), "x is damaged: it ends too early");
  EXPECT_EQ(refusal(read_tar_gz, gzipped(tar.substr(0, 700))), "x is damaged: it ends inside a file");
  EXPECT_EQ(refusal(read_tar_gz, gzipped(tar.substr(0, 100))), "x is damaged: it ends inside a header");
  EXPECT_TRUE(refusal(read_tar_gz, "no archive at all").starts_with("x is damaged: "));
  // Bits of the compressed data and its checksum; those of the header say nothing that matters.
  std::mt19937 random(9);
  for (int i = 0; i < 300; ++i) {
    auto flipped = whole;
    flipped[10 + random() % (whole.size() - 10)] ^= static_cast<char>(1 << i % 8);
    EXPECT_NE(refusal(read_tar_gz, flipped), "read");
  }
}

TEST(Zip, MembersComeOutWhole) {
  const auto text = long_text();
  const std::vector<std::string> expected{text, "0123456789"};
  for (const auto method : {std::uint16_t{0}, std::uint16_t{8}}) {
    const ZipFile b{"d/b", "0123456789", method}, a{"d/a", text, method};
    EXPECT_EQ(contents(read_zip, zip_of({{"d/", "", 0}, {"../evil", "e"}, b, a})), expected);
    EXPECT_EQ(contents(read_zip, zip_of({a, b}, "a comment")), expected);
  }
}

TEST(Zip, OnlyWhatIsSaidIsTaken) {
  const ZipFile a{"d/a", "a"}, b{"d/b", "b"};
  EXPECT_EQ(refusal(read_zip, zip_of({a})), "x holds no d/b");
  EXPECT_EQ(refusal(read_zip, zip_of({a, {"../d/b", "b"}})), "x holds no d/b");
  EXPECT_EQ(refusal(read_zip, zip_of({a, b, b})), "x holds d/b twice");
  EXPECT_EQ(refusal(read_zip, zip_of({a, {"d/b", "0123456789A"}})),
            "x holds d/b with 11 bytes, more than 10");
  const std::string form = "x holds d/b in a form that is not read (encrypted or ZIP64)";
  EXPECT_EQ(refusal(read_zip, zip_of({a, {"d/b", "b", 8, 1}})), form);
  EXPECT_EQ(refusal(read_zip, zip_of({a, {"d/b", "b", 12}})), form);
  EXPECT_EQ(refusal(read_zip, zip_of({a, {"d/b", "b", 8, 0, 0, 0xfffffffe}})), form);
}

TEST(Zip, LiesAreFound) {
  const ZipFile a{"d/a", "a"};
  EXPECT_EQ(refusal(read_zip, zip_of({a, {"d/b", "b", 8, 0, 1}})),
            "x is damaged: the checksum of d/b differs");
  EXPECT_EQ(refusal(read_zip, zip_of({a, {"d/b", "b", 8, 0, 0, 1}})),
            "x is damaged: the checksum of d/b differs");
  const ZipFile bomb{"d/b", std::string(10'000'000, '\0'), 8, 0, 0, 5 - 10'000'000u};  // says 5
  EXPECT_LT(zip_of({bomb}).size(), 11'000u);
  EXPECT_EQ(refusal(read_zip, zip_of({a, bomb})), "x is damaged: d/b is longer than it says");
  EXPECT_EQ(refusal(read_zip, zip_of({a, {"d/b", "b", 8, 0, 0, 0, 1}})),
            "x is damaged: d/b is not where it should be");
  EXPECT_EQ(refusal(read_zip, zip_of({a, {"d/b", "b", 8, 0, 0, 0, 1'000'000}})),
            "x is damaged: an entry lies beyond its end");
}

TEST(Zip, DamageIsFound) {
  const auto whole = zip_of({{"d/a", long_text()}, {"d/b", "b"}});
  EXPECT_EQ(refusal(read_zip, ""), "x is damaged: it is too short for a zip archive");
  EXPECT_EQ(refusal(read_zip, std::string(1000, 'x')), "x is damaged: the directory at its end is missing");
  for (std::size_t size = whole.size() - 1; size > 1000; size -= 997)
    EXPECT_TRUE(refusal(read_zip, whole.substr(0, size)).starts_with("x is damaged: ")) << size;
}

// Bytes replaced anywhere: read as before, or refused; names and dates that are not looked at may differ.
TEST(Zip, MutationsAreReadOrRefused) {
  const auto text = long_text().substr(0, 2000);
  const auto whole = zip_of({{"d/a", text}, {"d/b", "b", 0}});
  std::mt19937 random(4);
  int refused = 0;
  for (int i = 0; i < 3000; ++i) {
    auto changed = whole;
    for (auto changes = 1 + random() % 3; changes > 0; --changes)
      changed[i % 2 == 0 ? random() % changed.size() : changed.size() - 1 - random() % 130] =
          static_cast<char>(random());
    if (refusal(read_zip, changed) != "read") {
      ++refused;
      continue;
    }
    EXPECT_EQ(contents(read_zip, changed), (std::vector<std::string>{text, "b"}));
  }
  EXPECT_GT(refused, 2000);
}

}  // namespace
}  // namespace laser
