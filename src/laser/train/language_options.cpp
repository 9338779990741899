#include "laser/train/language_options.hpp"

namespace laser {

void describe(OptionList& list, LanguageOptions& o, const std::function<bool()>& used) {
  list.group("language", used);
  list.add_integer("layers", o.layers, 1, 1000, "", "blocks of the GPT-2");
  list.add_integer("heads", o.heads, 1, 1024, "", "of attention; their number divides the width");
  list.add_integer("context", o.context, 1, 65536, "tokens", "length of the sequences");
  list.add_integer("vocabulary", o.vocabulary, 2, 65536, "tokens",
                   "below 50257: the most frequent ones of the text, all others counted as one");
  list.add_flag("biases", o.biases, "biases in linear layers and layer norms, as in OpenAI's GPT-2");
  list.add_real("dropout", o.dropout, 0, 0.99, false, "", "rate in training");
  list.add_flag("recompute", o.recompute, "compute blocks again in backward instead of keeping activations");
  list.add_integer("accumulation", o.accumulation, 1, 1000000, "",
                   "mini-batches of a worker in a round; their gradients are added up");
  list.add_integer("epoch_rounds", o.epoch_rounds, 1, 1000000000, "rounds",
                   "that count as an epoch: from one evaluation to the next");
  list.add_integer("evaluation_batches", o.evaluation_batches, 1, 1000000, "",
                   "random mini-batches of the validation text in an evaluation");
  list.add_flag("evaluate_split", o.evaluate_split, "in the end evaluate the whole validation text as well");
}

}  // namespace laser
