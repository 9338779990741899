#include "laser/train/memory_budget.hpp"

#include <algorithm>

#include "laser/aggregate/message_filter.hpp"
#include "laser/core/fail.hpp"
#include "laser/core/machine_limits.hpp"
#include "laser/feedback/feedback.hpp"

namespace laser {
namespace {

constexpr double kFloat = 4;  // bytes

/// "2.31 GB" or "4.2 MB"; decimal, as in the paper.
std::string bytes_text(double bytes) {
  return bytes >= 1e9 ? fmt::format("{:.2f} GB", bytes / 1e9) : fmt::format("{:.1f} MB", bytes / 1e6);
}

}  // namespace

std::vector<MemoryItem> memory_budget(const Experiment& e, const Task& task, std::int64_t workers) {
  const auto d = static_cast<double>(task.layout().size), k = static_cast<double>(workers);
  const auto compressor = make_compressor(e.algorithm.compressor);
  double compressed = 0, largest = 0, factors = 0;
  for (const auto& layer : task.layout().layers) {
    if (!compressor->applies(layer)) continue;
    compressed += static_cast<double>(layer.size);
    largest = std::max(largest, static_cast<double>(layer.size));
    if (compressor->traits().factored)
      factors += static_cast<double>(effective_rank(layer, e.algorithm.compressor.rank) *
                                     (layer.rows + layer.columns));
  }
  std::vector<MemoryItem> items;
  const auto add = [&](const char* name, double bytes, const std::string& sentence) {
    if (bytes > 0) items.push_back({name, bytes, sentence});
  };
  add("weights", d * kFloat * (task.averages() ? 2 : 1), task.averages() ? "with their average" : "");
  add("optimizer", d * kFloat * static_cast<double>(make_optimizer(e.optimizer, {})->vectors().size()), "");
  add("estimate", 2 * d * kFloat, "of the mean gradient, with and without noise");
  add("factors", factors * kFloat * (k + 2), "of all workers, and the last ones");
  const auto feedback = make_feedback(e.algorithm.feedback)->traits();
  if (feedback.holds) add("held estimate", d * kFloat, "which server and workers share");
  if (e.algorithm.worker_momentum != 0) add("averages", k * d * kFloat, fmt::format("{} workers", workers));
  if (e.algorithm.filter.preconditioner != "none") {
    add("preconditioners", MessageFilter::preconditioner_bytes(task.layout(), workers),
        fmt::format("{} workers, with their second moments", workers));
  }
  if (feedback.remembers) {
    const bool half = e.algorithm.memory == "bfloat16";
    add("error memory", k * compressed * (half ? 2 : kFloat),
        fmt::format("{} workers{}", workers, half ? ", bfloat16" : ""));
  }
  if (e.spectrum_rank > 0) add("spectrum", d * kFloat, "the average gradient");
  // Without noise, their difference, what is heard without noise; and what is left of the largest tensor,
  // where the memory does not say it.
  const double rest = feedback.residual ? 0 : k * largest;
  add("diagnosis", (4 * d + rest) * kFloat, "at the end of an epoch; freed memory is kept");
  add("gradients", k * d * kFloat, fmt::format("{} workers", workers));
  if (e.local.enabled()) add("local models", k * d * kFloat, fmt::format("{} workers", workers));
  constexpr double kLibraries = 25e6;  // measured: 10 to 40 MB
  add("libraries", kLibraries, "of LibTorch, read when they are first used");
  add("model", task.working_bytes(), "activations and logits, estimated");
  std::ranges::stable_sort(items, {}, &MemoryItem::bytes);
  return items;
}

double total_bytes(const std::vector<MemoryItem>& items) {
  double sum = 0;
  for (const auto& item : items) sum += item.bytes;
  return sum;
}

std::string memory_legend(const std::vector<MemoryItem>& items, double held) {
  std::string text;
  const auto line = [&](const std::string& name, double bytes, const std::string& sentence) {
    text += fmt::format("{:<11}{:<19} {:<12} {}", text.empty() ? "memory" : "", name, bytes_text(bytes),
                        sentence);
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  };
  if (held > 0) line("program", held, "with its data, held already");
  for (const auto& item : items) line(item.name, item.bytes, item.sentence);
  const auto available = available_memory();
  line("sum", held + total_bytes(items),
       available ? fmt::format("{} more can be had", bytes_text(*available)) : "");
  return text;
}

void check_memory(const std::vector<MemoryItem>& items, std::int64_t runs, std::optional<double> available) {
  const double needed = total_bytes(items) * static_cast<double>(runs);
  if (!available || needed <= *available) return;
  std::string parts;
  for (auto item = items.rbegin(); item != items.rend(); ++item)
    parts += fmt::format("{}{} {}", parts.empty() ? "" : ", ", item->name, bytes_text(item->bytes));
  fail(
      ExitCode::kConfiguration,
      "{} of memory are needed{} ({}), and {} are free. HINT: memory=bfloat16 halves the error memory; fewer "
      "workers, {}a smaller model or batch need less",
      bytes_text(needed), runs > 1 ? fmt::format(" for {} runs at a time", runs) : "", parts,
      bytes_text(*available), runs > 1 ? "fewer runs at a time, " : "");
}

}  // namespace laser
