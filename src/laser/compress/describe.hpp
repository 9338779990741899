// What the options of compressors may be.
#pragma once

#include "laser/compress/compressor_options.hpp"

namespace laser {

class OptionList;

/// The options of compressors with what each may be: the one home for the command, its
/// configurations and make_compressor().
void describe(OptionList& list, CompressorOptions& options);

}  // namespace laser
