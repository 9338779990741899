#include "laser/report/spectra.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <set>

#include "laser/report/methods.hpp"
#include "laser/report/report.hpp"

namespace laser {
namespace {

/// [LASER, Fig. 6]: CIFAR-10, ResNet18, the 8 largest singular values.
struct PaperSpectrum {
  const char* tensor;
  std::array<double, 5> share;
};
constexpr std::array<std::int64_t, 5> kPaperEpochs{1, 10, 50, 100, 150};
constexpr PaperSpectrum kPaper[] = {{"layer1.0.conv1", {.87, .90, .84, .82, .81}},
                                    {"layer3.0.conv2", {.52, .59, .51, .51, .55}},
                                    {"layer4.1.conv2", {.88, .83, .85, .88, .90}}};

/// "layer1.0.conv1" of "layer1.0.conv1.weight".
std::string short_name(const std::string& tensor) {
  constexpr std::string_view kEnd = ".weight";
  return tensor.ends_with(kEnd) ? tensor.substr(0, tensor.size() - kEnd.size()) : tensor;
}

void add_paper(const Run& run, Spectrum& spectrum) {
  if (run.summary.task != "cifar10") return;
  for (const auto& paper : kPaper) {
    if (spectrum.tensor != paper.tensor) continue;
    spectrum.paper_epochs.assign(kPaperEpochs.begin(), kPaperEpochs.end());
    spectrum.paper.assign(paper.share.begin(), paper.share.end());
  }
}

/// At most six epochs: the paper's where there are enough, else the first, the last, and evenly between.
std::vector<std::int64_t> shown_epochs(const std::set<std::int64_t>& epochs) {
  std::vector<std::int64_t> all(epochs.begin(), epochs.end()), shown;
  if (all.back() >= kPaperEpochs.back()) {
    for (const auto epoch : kPaperEpochs) {
      if (epochs.contains(epoch)) shown.push_back(epoch);
    }
    return shown;
  }
  const std::size_t count = std::min<std::size_t>(6, all.size());
  for (std::size_t i = 0; i < count; ++i)
    shown.push_back(all[count == 1 ? 0 : i * (all.size() - 1) / (count - 1)]);
  return shown;
}

std::string at_epoch(const std::vector<std::int64_t>& epochs, const std::vector<double>& values,
                     std::int64_t epoch) {
  const auto found = std::find(epochs.begin(), epochs.end(), epoch);
  return found == epochs.end()
             ? ""
             : fmt::format("{:.3f}", values[static_cast<std::size_t>(found - epochs.begin())]);
}

/// " The paper ..., by epoch: ..." of every tensor that its figure has, once.
std::string paper_values(const std::vector<Spectrum>& spectra) {
  std::string text;
  std::set<std::string> told;
  for (const auto& spectrum : spectra) {
    if (spectrum.paper.empty() || !told.insert(spectrum.tensor).second) continue;
    text += (text.empty() ? "" : "; ") + spectrum.tensor;
    for (std::size_t i = 0; i < spectrum.paper.size(); ++i) {
      text += fmt::format("{}{:.2f} ({})", i == 0 ? " " : ", ", spectrum.paper[i], spectrum.paper_epochs[i]);
    }
  }
  return text.empty() ? ""
                      : " The paper's Figure 6 (8 values, width 64; in brackets the epoch): " + text + ".";
}

}  // namespace

std::vector<Spectrum> spectra_of(const std::vector<Group>& groups) {
  std::vector<Spectrum> spectra;
  for (const auto& group : groups) {
    std::map<std::string, std::map<std::int64_t, std::vector<double>>> by_tensor;
    for (const Run* run : group.runs) {
      for (const auto& record : run->epochs) {
        for (const auto& [tensor, share] : record.spectrum) by_tensor[tensor][record.epoch].push_back(share);
      }
    }
    for (const auto& [tensor, by_epoch] : by_tensor) {
      Spectrum spectrum;
      spectrum.label = method_label(group.method, group.axes, group.power);
      spectrum.tensor = short_name(tensor);
      const auto& configuration = group.runs.front()->summary.configuration;
      const auto rank = configuration.find("spectrum_rank");
      if (rank != configuration.end()) spectrum.rank = std::atoll(rank->second.c_str());
      for (const auto& [epoch, shares] : by_epoch) {
        if (shares.size() != group.runs.size()) continue;
        const auto over_seeds = moments(shares);
        spectrum.epochs.push_back(epoch);
        spectrum.mean.push_back(over_seeds.mean);
        spectrum.std.push_back(over_seeds.std);
        spectrum.interval.push_back(over_seeds.interval);
      }
      if (spectrum.epochs.empty()) continue;
      add_paper(*group.runs.front(), spectrum);
      spectra.push_back(std::move(spectrum));
    }
  }
  return spectra;
}

Table spectra_table(const std::vector<Spectrum>& spectra) {
  std::set<std::int64_t> epochs;
  std::set<std::string> labels;
  for (const auto& spectrum : spectra) {
    epochs.insert(spectrum.epochs.begin(), spectrum.epochs.end());
    labels.insert(spectrum.label);
  }
  Table table;
  table.title = "Energy of the gradients in few directions";
  table.caption = fmt::format(
      "Share of the squared norm of each tensor's average gradient, seen as a matrix, in its {} largest "
      "singular values, after an epoch.",
      spectra.front().rank);
  table.header = {"Tensor"};
  const auto shown = shown_epochs(epochs);
  for (const auto epoch : shown) table.header.push_back(fmt::format("epoch {}", epoch));
  for (const auto& spectrum : spectra) {
    TableLine line{labels.size() > 1 ? spectrum.label + ", " + spectrum.tensor : spectrum.tensor, {}};
    for (const auto epoch : shown) line.cells.push_back({at_epoch(spectrum.epochs, spectrum.mean, epoch)});
    table.lines.push_back(std::move(line));
  }
  table.caption += paper_values(spectra);
  return table;
}

}  // namespace laser
