// Laws of the parts: what has to hold for every compressor, channel, feedback, receiver and allocation,
// whoever wrote it.
//
// `make test` runs them over all rows of the tables; check_compressor() and its sisters run
// them over a part from outside. A law reads traits, never names. All of it works on a small
// model in seconds.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "laser/aggregate/aggregator.hpp"

namespace laser::laws {

/// A part and the surroundings that it is tried in: `parts` play their roles, `algorithm` names all others.
struct Subject {
  Algorithm algorithm;
  Parts parts;
};

/// What a law found wrong.
class Findings {
 public:
  /// Where it does not hold, `what` is what is wrong.
  void expect(bool holds, const std::string& what) {
    if (!holds) found_.push_back(what);
  }
  /// value <= limit; a NaN does not hold.
  void expect_at_most(double value, double limit, const std::string& what);
  /// All that was found, nothing where the law holds.
  [[nodiscard]] const std::vector<std::string>& all() const { return found_; }

 private:
  std::vector<std::string> found_;
};

/// What has to hold for every part of a role, and the function that looks.
struct Law {
  std::string name;
  std::string sentence;
  void (*check)(const Subject& subject, Findings& findings);
  bool (*speaks_of)(const Subject& subject) = nullptr;  // by traits and options; null: of all
  /// Whether it says something of the subject.
  [[nodiscard]] bool applies(const Subject& subject) const {
    return speaks_of == nullptr || speaks_of(subject);
  }
};

/// The laws of each role.
const std::vector<Law>& compressor_laws();
const std::vector<Law>& channel_laws();
const std::vector<Law>& feedback_laws();
const std::vector<Law>& receiver_laws();
const std::vector<Law>& allocation_laws();

/// One thing that a law found; an Error or exception of the part is a finding too.
struct Violation {
  std::string law;
  std::string sentence;
  std::string what;
  std::string surroundings;  // the round that it was found in, beside a part from outside: "channel=digital"
};

/// What the laws find wrong about a subject; empty where all hold.
std::vector<Violation> check(const std::vector<Law>& laws, const Subject& subject);

/// The laws over a part from outside: in a round of LASER's other parts, and in others that its traits allow.
/// A compressor over a digital link, with an estimate that is held, and with weights; a channel under LASER,
/// Z-SGD, swept averages and D-DSGD; a feedback and a receiver also with coordinates, sketches, signs and
/// over a digital link; an allocation under both orders of factors, with raw gradients and with what is held.
std::vector<Violation> check_compressor(std::shared_ptr<const Compressor> part);
std::vector<Violation> check_channel(std::shared_ptr<const Channel> part);
std::vector<Violation> check_feedback(std::shared_ptr<const Feedback> part);
std::vector<Violation> check_receiver(std::shared_ptr<const Receiver> part);
std::vector<Violation> check_allocation(std::shared_ptr<const Allocation> part);

}  // namespace laser::laws
