#include "laser/train/transmission.hpp"

#include <fmt/format.h>

#include "laser/channel/channel.hpp"
#include "laser/compress/compressor.hpp"
#include "laser/link/units.hpp"
#include "laser/model/perceptron.hpp"
#include "laser/model/shapes.hpp"
#include "laser/train/task.hpp"
#include "laser/train/trainer.hpp"

namespace laser {

Layout layout_of(const Experiment& e) {
  constexpr std::int64_t kPixels = 784, kDigits = 10;
  if (has_own_data(e.task)) {
    const auto options = task_options(e);
    return make_task(load_task_data(options), options)->layout();
  }
  switch (model_of(e.task, e.model)) {
    case ModelKind::kPerceptron:
      return Perceptron(kPixels, {e.hidden.begin(), e.hidden.end()}, kDigits).layout();
    case ModelKind::kResidual:
      return resnet18_layout(e.task == "cifar100" ? 100 : 10, e.width);
    case ModelKind::kLanguage:
      return gpt2_layout({.layers = e.language.layers,
                          .width = e.width,
                          .context = e.language.context,
                          .vocabulary = e.language.vocabulary,
                          .biases = e.language.biases});
    default:
      return linear_layout(kPixels, kDigits);
  }
}

double symbols_a_round(const Experiment& e, const Layout& layout) {
  const auto channel = channel_traits(e.algorithm.channel);
  const auto compressor = make_compressor(e.algorithm.compressor);
  double symbols = 0;
  for (const auto& layer : layout.layers) {
    if (channel.digital)
      symbols += air_symbols(layer, e.algorithm.air_rank);
    else
      symbols += compressor->applies(layer) ? compressor->symbols(layer) : static_cast<double>(layer.size);
  }
  return symbols * static_cast<double>(channel.uses);
}

double power_of_ratio(const Experiment& e, const Layout& layout) {
  double decibels = 0;
  OptionList list;
  list.add_real("snr_db", decibels, -200, 200, false, "", "");
  list.set("snr_db", e.snr_db);
  return link::power_of(link::from_decibels(decibels), symbols_a_round(e, layout));
}

std::string transmission_legend(const Experiment& e, const Layout& layout) {
  const double symbols = symbols_a_round(e, layout);
  const auto uses =
      fmt::format("{:.1f} real symbols a round ({:.1f} complex)", symbols, symbols / link::kRealPerComplex);
  if (!channel_traits(e.algorithm.channel).noisy) return fmt::format("air        no noise, {}\n", uses);
  return fmt::format("air        P = {:g}, SNR = {:.2f} dB a symbol, {}\n", e.power,
                     link::to_decibels(link::signal_to_noise_of(e.power, symbols)), uses);
}

}  // namespace laser
