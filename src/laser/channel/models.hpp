// The makers of all channels and what several of them share. Private to channel/; one file implements each.
#pragma once

#include <complex>
#include <memory>
#include <span>

#include "laser/channel/channel.hpp"

namespace laser {

std::unique_ptr<Channel> make_awgn(const LinkOptions& options);
std::unique_ptr<Channel> make_noiseless(const LinkOptions& options);
std::unique_ptr<Channel> make_csit(const LinkOptions& options);
std::unique_ptr<Channel> make_csit_trunc(const LinkOptions& options);
std::unique_ptr<Channel> make_csir(const LinkOptions& options);
std::unique_ptr<Channel> make_stat(const LinkOptions& options);
std::unique_ptr<Channel> make_blind_mimo(const LinkOptions& options);
std::unique_ptr<Channel> make_reed(const LinkOptions& options);
std::unique_ptr<Channel> make_sum_power(const LinkOptions& options);
std::unique_ptr<Channel> make_saturating(const LinkOptions& options);
std::unique_ptr<Channel> make_trace(const LinkOptions& options);
std::unique_ptr<Channel> make_digital(const LinkOptions& options);

/// Rayleigh gains |h_i|, h_i ~ CN(0, 1), of the workers that are present; their mean is kRayleighMean.
Link draw_rayleigh(const StreamKey& key, std::vector<char> present);
inline constexpr double kRayleighMean = 0.88622692545275801365;      // sqrt(pi) / 2
inline constexpr double kRayleighVariance = 0.21460183660255169038;  // 1 - pi / 4

/// The same where the gains are estimated with an error and workers are spread over a cell (LinkOptions):
/// `gain` is the estimate, `met` and `phase` what symbols meet once the estimate's phase is compensated.
Link draw_fading(const StreamKey& key, std::vector<char> present, const LinkOptions& options);

/// [k] root of the mean received power of workers that are uniform on a disc of which the inner tenth is left
/// out, path loss r^-exponent, times log-normal shadowing; the expected power is 1. They follow
/// from the seed alone, since workers stay where they are.
std::vector<double> cell_gains(std::uint64_t seed, std::size_t workers, double exponent, double shadowing_db);

/// Standard normal number `index` of a stream (Box and Muller, words 2 index and 2 index + 1).
double random_normal(const StreamKey& key, std::uint64_t index);

/// The channel with residual phases, timing offsets and clipping, where the options ask for any.
std::unique_ptr<Channel> make_imperfect(std::unique_ptr<Channel> channel, const LinkOptions& options);

/// Gives all active workers the amplitude a_i = b, or a_i = b / h_i where they invert their gains: b is the
/// largest with which each stays within its energy, b = min_i sqrt(p_i) / N_i (times h_i). Returns b.
double scale_alike(const Link& link, std::span<const double> norms, std::span<const double> energies,
                   bool inverted, Superposition& result);

/// As scale_alike() with one amplitude for all, decoded by the sum of the gains: weights g_i / sum g, which
/// add up to 1 (spec 1.3).
void scale_by_gains(const Link& link, std::span<const double> norms, std::span<const double> energies,
                    Superposition& result);

/// One antenna of a receiver that knows only s = sum_i h_i of the workers that are active, from a common
/// pilot: adds Re(conj(s) h_i) to each gain. Returns |s|^2, the variance of the noise that comes with it.
double combine_antenna(std::span<const std::complex<double>> gains, Link& link);

/// Number of active workers, |A|.
double active_workers(const Link& link);

}  // namespace laser
