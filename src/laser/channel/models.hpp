// The makers of all channels and what several of them share. Private to channel/; one file implements each.
#pragma once

#include <memory>
#include <span>

#include "laser/channel/channel.hpp"

namespace laser {

std::unique_ptr<Channel> make_awgn(const FadingOptions& options);
std::unique_ptr<Channel> make_noiseless(const FadingOptions& options);
std::unique_ptr<Channel> make_csit(const FadingOptions& options);
std::unique_ptr<Channel> make_csit_trunc(const FadingOptions& options);
std::unique_ptr<Channel> make_csir(const FadingOptions& options);
std::unique_ptr<Channel> make_stat(const FadingOptions& options);
std::unique_ptr<Channel> make_blind_mimo(const FadingOptions& options);
std::unique_ptr<Channel> make_sum_power(const FadingOptions& options);
std::unique_ptr<Channel> make_saturating(const FadingOptions& options);

/// Rayleigh gains |h_i|, h_i ~ CN(0, 1), of the workers that are present; their mean is kRayleighMean.
Link draw_rayleigh(const StreamKey& key, std::vector<char> present);
inline constexpr double kRayleighMean = 0.88622692545275801365;      // sqrt(pi) / 2
inline constexpr double kRayleighVariance = 0.21460183660255169038;  // 1 - pi / 4

/// Gives all active workers the amplitude a_i = b, or a_i = b / h_i where they invert their gains: b is the
/// largest with which each stays within its energy, b = min_i sqrt(p_i) / N_i (times h_i). Returns b.
double scale_alike(const Link& link, std::span<const double> norms, std::span<const double> energies,
                   bool inverted, Superposition& result);

/// Number of active workers, |A|.
double active_workers(const Link& link);

}  // namespace laser
