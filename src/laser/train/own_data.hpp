// Data of a user's own, for the tasks "images" and "tensors": a folder of images in one of the forms that are
// in use, or one file of tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace laser {

struct OwnExamples {
  at::Tensor inputs;  // [n, ...] float; of images bytes [n, channels, rows, columns]
  at::Tensor labels;  // [n] int64, 0 .. classes - 1
  [[nodiscard]] std::int64_t size() const { return labels.size(0); }
};

struct OwnData {
  OwnExamples train;
  OwnExamples test;
  std::int64_t classes = 0;
  std::vector<std::int32_t> clients;  // whose a training example is, 0, 1, ...; empty: nobody's
  at::Tensor mean, deviation;  // of the training images' channels, in bytes, [channels, 1, 1]; else undefined
  std::map<std::string, std::string> facts{};

  /// Numbers of an input.
  [[nodiscard]] std::int64_t numbers() const { return train.inputs[0].numel(); }
  /// The examples of these numbers as the models see them, inputs float [n, ...]: images normalised,
  /// everything else as it is.
  [[nodiscard]] OwnExamples chosen(const OwnExamples& from, std::span<const std::int32_t> which) const;
};

/// Images from `folder` or the one folder below it that has some, in one of these forms: IDX files, packed or
/// not (MNIST, Fashion-MNIST, EMNIST), the binary form of CIFAR-10 and CIFAR-100, and their Python form.
/// Throws Error (data) that says what was looked for where none are found, two forms are, or one is damaged.
[[nodiscard]] OwnData load_images(const std::string& folder);

/// Tensors from a safetensors file: `inputs` [n, ...] of any type of real numbers and `labels` [n] of any
/// integer type, `test_inputs` and `test_labels` likewise, and `clients` [n], whole numbers that name
/// whose an example is. Where there is no test set, it is a tenth of the examples, drawn once and for
/// all. Throws Error (data).
[[nodiscard]] OwnData load_tensors(const std::string& file);

}  // namespace laser
