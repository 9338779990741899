#include "laser/laws/laws.hpp"

#include <cmath>
#include <exception>
#include <utility>

#include "laser/core/error.hpp"

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
    for (const auto& what : findings.all()) violations.push_back({law.name, law.sentence, what});
  }
  return violations;
}

std::vector<Violation> check_compressor(std::shared_ptr<const Compressor> part) {
  Subject subject;
  subject.parts.compressor = std::move(part);
  return check(compressor_laws(), subject);
}

std::vector<Violation> check_channel(std::shared_ptr<const Channel> part) {
  Subject subject;
  subject.algorithm.compressor.rank = 2;
  subject.parts.channel = std::move(part);
  return check(channel_laws(), subject);
}

std::vector<Violation> check_feedback(std::shared_ptr<const Feedback> part) {
  Subject subject;
  subject.algorithm.compressor.rank = 2;
  subject.parts.feedback = std::move(part);
  if (subject.parts.feedback->traits().weighs) subject.algorithm.receiver = "matched";
  return check(feedback_laws(), subject);
}

std::vector<Violation> check_receiver(std::shared_ptr<const Receiver> part) {
  Subject subject;
  subject.algorithm.compressor.rank = 2;
  subject.parts.receiver = std::move(part);
  return check(receiver_laws(), subject);
}

}  // namespace laser::laws
