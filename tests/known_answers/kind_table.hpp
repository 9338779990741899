// A kind of known answer is a function from a case's inputs to everything it can compute from them (spec 9).
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

namespace laser::known_answers {

using Json = nlohmann::json;

/// kind -> inputs -> outputs; the runner compares the keys that the case expects.
using KindTable = std::map<std::string, std::function<Json(const Json&)>>;

}  // namespace laser::known_answers
