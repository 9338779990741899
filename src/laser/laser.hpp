// All that is public of the library. A program may include single headers as well.
#pragma once

// Aggregating over a channel (component round): the round, its methods, its parts and their laws.
#include "laser/aggregate/aggregator.hpp"
#include "laser/aggregate/algorithm.hpp"
#include "laser/aggregate/parts.hpp"
#include "laser/channel/channel.hpp"
#include "laser/channel/link_options.hpp"
#include "laser/channel/noise.hpp"
#include "laser/collective/collective.hpp"
#include "laser/compress/compressor.hpp"
#include "laser/compress/compressor_options.hpp"
#include "laser/core/error.hpp"
#include "laser/core/factors.hpp"
#include "laser/core/layout.hpp"
#include "laser/core/part.hpp"
#include "laser/core/random.hpp"
#include "laser/feedback/feedback.hpp"
#include "laser/laws/laws.hpp"
#include "laser/power/allocation.hpp"
#include "laser/receive/receiver.hpp"

// The paper's formulas (component theory).
#include "laser/theory/condition.hpp"
#include "laser/theory/convergence.hpp"
#include "laser/theory/influence.hpp"
#include "laser/theory/volume.hpp"

// Power in decibels, watts and metres (component link).
#include "laser/link/budget.hpp"
#include "laser/link/path_loss.hpp"
#include "laser/link/units.hpp"
