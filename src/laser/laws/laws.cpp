#include "laser/laws/laws.hpp"

#include <cmath>
#include <exception>
#include <functional>
#include <set>
#include <utility>

#include "laser/core/fail.hpp"
#include "laser/laws/rounds.hpp"

namespace laser::laws {

void Findings::expect_at_most(double value, double limit, const std::string& what) {
  if (!(value <= limit)) found_.push_back(fmt::format("{}: {:.6g}, at most {:.6g}", what, value, limit));
}

std::vector<Violation> check(const std::vector<Law>& laws, const Subject& subject) {
  std::vector<Violation> violations;
  for (const auto& law : laws) {
    Findings findings;
    try {
      if (law.applies(subject)) law.check(subject, findings);
    } catch (const std::exception& problem) {
      findings.expect(false, problem.what());
    }
    for (const auto& what : findings.all()) violations.push_back({law.name, law.sentence, what, ""});
  }
  return violations;
}

namespace {

/// A round that a part is tried in, and the laws that speak of it there.
struct Surroundings {
  std::string name;
  Subject subject;
  const std::vector<Law>& laws;
};

/// What is wrong in the first surroundings, and in those of the others that the part's traits allow. What has
/// been found is not told again.
std::vector<Violation> check_in(const std::vector<Surroundings>& all) {
  std::vector<Violation> violations;
  std::set<std::pair<std::string, std::string>> known;
  for (const auto& one : all) {
    if (&one != all.data() && !go_together(one.subject.algorithm, one.subject.parts)) continue;
    for (auto& violation : check(one.laws, one.subject)) {
      if (!known.emplace(violation.law, violation.what).second) continue;
      violation.surroundings = one.name;
      violations.push_back(std::move(violation));
    }
  }
  return violations;
}

/// A round of LASER over AWGN, of few ranks and numbers, but for the part and what `change` says.
Subject round_with(const Parts& parts, const std::function<void(Algorithm&)>& change = {}) {
  Subject subject;
  subject.parts = parts;
  subject.algorithm.compressor.rank = 2;
  subject.algorithm.compressor.compression_factor = 0.4;
  subject.algorithm.scale_bits = 0;                     // so that bits are left for every small tensor
  subject.algorithm.filter.preconditioner_refresh = 1;  // within the few rounds of a law
  if (change) change(subject.algorithm);
  return subject;
}

void over_bits(Algorithm& algorithm) { algorithm.channel = "digital"; }
void with_coordinates(Algorithm& algorithm) { algorithm.compressor.name = "random_k"; }
void with_signs(Algorithm& algorithm) { algorithm.compressor.name = "sign"; }
void with_sketches(Algorithm& algorithm) { algorithm.compressor.name = "count_sketch"; }
void in_two_phases(Algorithm& algorithm) { algorithm.compressor.transport = "two_phase"; }
void in_one_shot(Algorithm& algorithm) { algorithm.compressor.transport = "one_shot"; }
void with_raw_gradients(Algorithm& algorithm) { apply(find_recipe("zsgd"), algorithm); }
void held(Algorithm& algorithm) {
  algorithm.feedback = "hold";
  algorithm.prediction = "matched";
}
void weighted(Algorithm& algorithm) {
  algorithm.feedback = "weighted";
  algorithm.receiver = "matched";
}

/// Those that hold whatever else is in a round.
const std::vector<Law>& laws_of_every_role() {
  static const auto laws = with_those_of_every_role({});
  return laws;
}

}  // namespace

std::vector<Violation> check_compressor(std::shared_ptr<const Compressor> part) {
  Parts parts;
  parts.compressor = std::move(part);
  const auto& common = laws_of_every_role();
  return check_in({{"a round of LASER", round_with(parts), compressor_laws()},
                   {"channel=digital", round_with(parts, over_bits), common},
                   {"feedback=hold", round_with(parts, held), common},
                   {"feedback=weighted, receiver=matched", round_with(parts, weighted), common}});
}

std::vector<Violation> check_channel(std::shared_ptr<const Channel> part) {
  Parts parts;
  parts.channel = std::move(part);
  std::vector<Surroundings> all;
  for (const char* method : {"laser", "zsgd", "swept", "ddsgd"}) {
    const auto subject = round_with(parts, [&](Algorithm& a) { apply(find_recipe(method), a); });
    all.push_back({fmt::format("method={}", method), subject, channel_laws()});
  }
  return check_in(all);
}

std::vector<Violation> check_feedback(std::shared_ptr<const Feedback> part) {
  const bool weighs = part->traits().weighs;
  Parts parts;
  parts.feedback = std::move(part);
  const auto with_weights = [&](void (*change)(Algorithm&)) {
    return round_with(parts, [&](Algorithm& algorithm) {
      if (change != nullptr) change(algorithm);
      if (weighs) algorithm.receiver = "matched";
    });
  };
  return check_in({{"a round of LASER", with_weights(nullptr), feedback_laws()},
                   {"compressor=random_k", with_weights(with_coordinates), feedback_laws()},
                   {"compressor=sign", with_weights(with_signs), feedback_laws()},
                   {"compressor=count_sketch", with_weights(with_sketches), feedback_laws()},
                   {"channel=digital", with_weights(over_bits), feedback_laws()}});
}

std::vector<Violation> check_receiver(std::shared_ptr<const Receiver> part) {
  Parts parts;
  parts.receiver = std::move(part);
  const auto of_weights = [](Algorithm& algorithm) { algorithm.feedback = "weighted"; };
  return check_in({{"a round of LASER", round_with(parts), receiver_laws()},
                   {"compressor=random_k", round_with(parts, with_coordinates), receiver_laws()},
                   {"compressor=sign", round_with(parts, with_signs), receiver_laws()},
                   {"compressor=count_sketch", round_with(parts, with_sketches), receiver_laws()},
                   {"feedback=weighted", round_with(parts, of_weights), receiver_laws()},
                   {"feedback=hold", round_with(parts, held), receiver_laws()},
                   {"channel=digital", round_with(parts, over_bits), receiver_laws()}});
}

std::vector<Violation> check_allocation(std::shared_ptr<const Allocation> part) {
  Parts parts;
  parts.allocation = std::move(part);
  return check_in({{"a round of LASER", round_with(parts), allocation_laws()},
                   {"transport=two_phase", round_with(parts, in_two_phases), allocation_laws()},
                   {"transport=one_shot", round_with(parts, in_one_shot), allocation_laws()},
                   {"method=zsgd", round_with(parts, with_raw_gradients), allocation_laws()},
                   {"feedback=hold", round_with(parts, held), allocation_laws()}});
}

}  // namespace laser::laws
