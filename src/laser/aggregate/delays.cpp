#include "laser/aggregate/delays.hpp"

#include <algorithm>

#include "laser/aggregate/message_filter.hpp"
#include "laser/aggregate/parts.hpp"
#include "laser/core/fail.hpp"

namespace laser {
namespace {

/// The largest tensor that is compressed; none where nothing is.
const Layer* largest_compressed(const Compressor& compressor, const Layout& layout) {
  const Layer* largest = nullptr;
  for (const auto& layer : layout.layers) {
    if (compressor.applies(layer) && (largest == nullptr || layer.size > largest->size)) largest = &layer;
  }
  return largest;
}

}  // namespace

std::optional<double> memory_lag(const Algorithm& algorithm, const Layout& layout) {
  const auto parts = make_parts(algorithm);
  const auto* layer = largest_compressed(*parts.compressor, layout);
  if (layer == nullptr || !parts.compressor->traits().factored || !parts.feedback->traits().remembers)
    return {};
  return parts.compressor->lag(*layer);
}

std::vector<Delay> delays_of(const Algorithm& algorithm, const Layout& layout) {
  const auto parts = make_parts(algorithm);
  std::vector<Delay> delays;
  if (algorithm.worker_momentum != 0) {
    delays.push_back({fmt::format("worker_momentum = {}", number_text(algorithm.worker_momentum)),
                      1 / (1 - algorithm.worker_momentum)});
  }
  const auto feedback = parts.feedback->traits();
  const auto* layer = largest_compressed(*parts.compressor, layout);
  if (layer != nullptr && (feedback.remembers || feedback.holds)) {
    const double rounds = parts.compressor->lag(*layer);
    delays.push_back(
        {fmt::format("feedback = {} with compressor = {}", algorithm.feedback, algorithm.compressor.name),
         feedback.holds ? rounds / 2 : rounds});  // what is held is half a cycle old on average
  }
  std::erase_if(delays, [](const Delay& delay) { return delay.rounds < 1; });
  std::ranges::stable_sort(delays, std::ranges::greater{}, &Delay::rounds);
  return delays;
}

std::string lag_note(const Algorithm& algorithm, const Layout& layout, double server_momentum) {
  constexpr double kShort = 2;  // rounds; what is shorter is no delay beside a step
  const auto parts = make_parts(algorithm);
  if (algorithm.worker_momentum == 0 && !parts.feedback->traits().holds) return "";
  auto delays = delays_of(algorithm, layout);
  if (server_momentum > 0)
    delays.push_back({fmt::format("momentum = {}", number_text(server_momentum)), 1 / (1 - server_momentum)});
  std::erase_if(delays, [](const Delay& delay) { return delay.rounds < kShort; });
  std::ranges::stable_sort(delays, std::ranges::greater{}, &Delay::rounds);
  if (delays.size() < 2) return "";
  double tau2 = 0;  // delays one after the other add up
  std::string others;
  for (std::size_t i = 1; i < delays.size(); ++i) {
    tau2 += delays[i].rounds;
    others += fmt::format(" and {} ({:.3g})", delays[i].setting, delays[i].rounds);
  }
  const double tau1 = delays[0].rounds, least = tau2 / (tau1 + tau2);
  const auto* layer = largest_compressed(*parts.compressor, layout);
  const auto cycle =
      layer == nullptr || !parts.feedback->traits().holds ? 1 : parts.compressor->cycle(*layer);
  const double lead =
      algorithm.worker_momentum == 0 ? 0 : lead_of(algorithm.filter.lead, algorithm.worker_momentum, cycle);
  if (lead >= least) return "";
  return fmt::format(
      "delays meet, {} ({:.3g} rounds){}, with a lead of {:.3g}: stable only where step size x curvature is "
      "below {:.3g}. HINT: lead={:.2g} or more, or one delay less",
      delays[0].setting, tau1, others, lead, (1 / tau1 + 1 / tau2) / (1 - lead / least), least + 0.005);
}

}  // namespace laser
