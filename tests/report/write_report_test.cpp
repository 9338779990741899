// The files of a report: complete, offline, escaped, and the figures where Python can draw them.
#include "laser/report/write_report.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

#include "../record/temporary_folder.hpp"
#include "laser/report/page.hpp"

namespace laser {
namespace {

const std::string kScript = LASER_SOURCE_DIR "/python/laser/figures.py";

std::string python() {
  const char* chosen = std::getenv("LASER_PYTHON");
  return chosen != nullptr ? chosen : LASER_TEST_PYTHON;
}

bool has_matplotlib() { return std::system((python() + " -c 'import matplotlib' 2>/dev/null").c_str()) == 0; }

std::vector<laser::Run> example_runs() {
  std::vector<laser::Run> runs;
  for (std::uint64_t seed : {1U, 2U}) {
    const double shift = 0.25 * static_cast<double>(seed);
    runs.push_back(example_run(example_summary("laser", 0.1, seed, 84 + shift)));
    runs.push_back(example_run(example_summary("laser", 1, seed, 89 + shift)));
    runs.push_back(example_run(example_summary("zsgd", 0.1, seed, 79 + shift)));
    runs.push_back(example_run(example_summary("sgd", std::nullopt, seed, 92)));
  }
  return runs;
}

TEST(WriteReport, WithoutPythonEverythingElseIsWritten) {
  for (const std::string interpreter : {"", "/nonexistent/python", "/bin/false"}) {
    const TemporaryFolder folder;
    const std::string text = write_report(example_runs(), folder / "out", {interpreter, kScript});
    EXPECT_EQ(names_in(folder / "out"),
              (std::vector<std::string>{"report.html", "summary.json", "table.md"}));
    EXPECT_TRUE(
        contains(text,
                 "Figures not drawn (accuracy_over_power, accuracy_beside_paper, "
                 "accuracy_over_epochs, accuracy_on_three_axes, training_diagnostics, gradient_spectra): "))
        << text;
    EXPECT_TRUE(contains(text, ". HINT: ")) << text;
    EXPECT_FALSE(contains(read_file(folder / "out/report.html"), "<svg"));
  }
  const TemporaryFolder folder;
  const std::string text = write_report(example_runs(), folder / "out", {"/nonexistent/python", kScript});
  EXPECT_TRUE(contains(text, "/nonexistent/python: No such file or directory.")) << text;
}

TEST(WriteReport, FiguresOfAnEarlierReportDontStay) {
  const TemporaryFolder folder;
  write_file(folder / "out/accuracy_over_power.svg", "<svg>stale</svg>");
  write_file(folder / "out/accuracy_over_power.png", "stale");
  (void)write_report(example_runs(), folder / "out", {"", kScript});
  EXPECT_EQ(names_in(folder / "out"), (std::vector<std::string>{"report.html", "summary.json", "table.md"}));
}

TEST(WriteReport, TextAndMarkdownHoldTheTable) {
  const TemporaryFolder folder;
  const std::string text = write_report(example_runs(), folder / "out", {"", kScript});
  EXPECT_TRUE(contains(text, "LASER                84.38±0.18 (84.3)   89.38±0.18 (89.9)\n")) << text;
  EXPECT_TRUE(contains(text, "SGD (noiseless)      92.00±0.00 (92.3)\n")) << text;
  EXPECT_TRUE(contains(text, "over 2 seeds")) << text;
  const std::string markdown = read_file(folder / "out/table.md");
  EXPECT_TRUE(contains(markdown, "| LASER | **84.38±0.18 (84.3)** | 89.38±0.18 (89.9) |\n")) << markdown;
  EXPECT_TRUE(contains(markdown, "| workers | 16 |")) << markdown;
  EXPECT_TRUE(contains(markdown, "Accuracy by power budget P")) << markdown;
}

TEST(WriteReport, SummaryHasOneRowForEachMethodAndPower) {
  const TemporaryFolder folder;
  (void)write_report(example_runs(), folder / "out", {"", kScript});
  const std::string json = read_file(folder / "out/summary.json");
  const auto count = [&](const std::string& part) {
    std::size_t found = 0;
    for (std::size_t at = json.find(part); at != std::string::npos; at = json.find(part, at + 1)) ++found;
    return found;
  };
  EXPECT_EQ(count("\"seeds\": 2"), 4U);
  EXPECT_EQ(count("\"power\": null"), 5U);  // row, curve, diagnosis and two runs of the noiseless baseline
  EXPECT_TRUE(contains(json, "\"paper\": 84.3,\n   \"paper_source\": \"Table 4\"")) << json;
  EXPECT_TRUE(contains(json, "\"metric\": \"best_ema_accuracy\"")) << json;
}

TEST(WriteReport, EqualRecordsGiveEqualFiles) {
  const TemporaryFolder folder;
  (void)write_report(example_runs(), folder / "a", {"", kScript});
  (void)write_report(example_runs(), folder / "b", {"", kScript});
  for (const char* name : {"/report.html", "/summary.json", "/table.md"}) {
    EXPECT_EQ(read_file(folder / "a" + name), read_file(folder / "b" + name)) << name;
  }
}

TEST(WriteReport, EveryTextOfThePageIsEscaped) {
  const TemporaryFolder folder;
  std::vector<laser::Run> runs = example_runs();
  const std::string attack = "<script>alert('x')</script>";
  for (laser::Run& run : runs) {
    run.folder += attack;
    run.versions["compiler" + attack] = attack;
    run.summary.configuration["extra" + attack] = attack;
    run.summary.task = attack;
    run.warnings = {attack};
    run.versions["command"] = run.versions["started"] = attack;
    if (run.summary.method == "zsgd") run.summary.method = attack;
  }
  runs[0].summary.status = "failed" + attack;
  runs[0].summary.reason = attack;
  runs[0].summary.weights_hash = attack;
  (void)write_report(runs, folder / "out", {"", kScript});
  const std::string html = read_file(folder / "out/report.html");
  EXPECT_FALSE(contains(html, "<script"));
  EXPECT_TRUE(contains(html, "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"));
}

TEST(WriteReport, ThePageBeginsWithItsOriginAndWhatWasFound) {
  const TemporaryFolder folder;
  auto runs = example_runs();
  for (auto& run : runs)
    run.versions = {
        {"laser", "0.1.0 (abc)"}, {"command", "laser sweep"}, {"started", "2026-11-26T09:46:46Z"}};
  runs[0].versions["started"] = "2026-11-27T00:00:00Z";
  const std::string text = write_report(runs, folder / "out", {"", kScript});
  const std::string html = read_file(folder / "out/report.html");
  const auto origin = html.find(
      "laser report of 8 runs · <code>laser sweep</code> · 2026-11-26 to 2026-11-27 · laser 0.1.0 (abc)");
  const auto found =
      html.find("LASER is best at P = 0.1: its 95 % interval lies beyond those of all others.");
  ASSERT_NE(found, std::string::npos);
  EXPECT_LT(origin, found);
  EXPECT_LT(found, html.find("<table"));
  EXPECT_TRUE(text.starts_with("LASER is best at P = 0.1")) << text;
}

TEST(WriteReport, AFileInTheWayIsAnError) {
  const TemporaryFolder folder;
  write_file(folder / "out", "x");
  const Error error = error_of([&] { (void)write_report(example_runs(), folder / "out", {"", kScript}); });
  EXPECT_EQ(error.code(), ExitCode::kIo);
  EXPECT_TRUE(contains(error.what(), folder / "out")) << error.what();
}

TEST(InlineSvg, KeepsTheDrawingOnly) {
  EXPECT_EQ(
      inline_svg(
          "<?xml version=\"1.0\"?>\n<!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\"\n \"http://w3.org\">\n"
          "<svg xmlns:xlink=\"http://w3.org/xlink\" width=\"3\" xmlns=\"http://w3.org/svg\">"
          "<metadata><a href=\"http://purl.org\"/></metadata><!-- http --><path d=\"M 0 0\"/></svg>\n"),
      "<svg width=\"3\"><path d=\"M 0 0\"/></svg>\n");
  EXPECT_EQ(inline_svg("no drawing"), "");
}

TEST(WriteReport, DrawsTheFiguresIntoAnOfflinePage) {
  if (!has_matplotlib()) GTEST_SKIP() << python() << " has no matplotlib";
  const TemporaryFolder folder;
  const std::string text = write_report(example_runs(), folder / "out", {python(), kScript});
  EXPECT_EQ(names_in(folder / "out"),
            (std::vector<std::string>{"accuracy_over_epochs.png", "accuracy_over_epochs.svg",
                                      "accuracy_over_power.png", "accuracy_over_power.svg", "report.html",
                                      "summary.json", "table.md", "training_diagnostics.png",
                                      "training_diagnostics.svg"}))
      << text;
  const std::string html = read_file(folder / "out/report.html");
  const std::size_t first = html.find("<svg");
  ASSERT_NE(first, std::string::npos);
  EXPECT_NE(html.find("<svg", first + 1), std::string::npos);
  EXPECT_FALSE(contains(html, "http"));
  EXPECT_FALSE(contains(html, "src="));
  EXPECT_GT(read_file(folder / "out/accuracy_over_power.png").size(), 10000U);
}

}  // namespace
}  // namespace laser
