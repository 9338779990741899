#include "laser/bench/result.hpp"

#include <nlohmann/json.hpp>

namespace laser::bench {

std::string to_json(const Result& result) {
  using Json = nlohmann::ordered_json;
  const auto or_null = [](const std::optional<double>& value) { return value ? Json(*value) : Json(); };
  Json rows = Json::array();
  for (const auto& row : result.rows) {
    const bool peer = !row.peer.empty();
    rows.push_back({{"case", row.name},
                    {"group", row.group},
                    {"model", row.model},
                    {"workers", row.workers},
                    {"rank", row.rank},
                    {"parameters", row.parameters},
                    {"median_seconds", row.median_seconds},
                    {"spread", row.spread},
                    {"floor", row.floor},
                    {"floor_seconds", row.floor_seconds},
                    {"floor_ratio", row.floor_ratio()},
                    {"peer", peer ? Json(row.peer) : Json()},
                    {"peer_seconds", peer ? Json(row.peer_seconds) : Json()},
                    {"peer_ratio", peer ? Json(row.peer_ratio()) : Json()},
                    {"hook_seconds", or_null(row.hook_seconds)},
                    {"peak_extra_sets", or_null(row.peak_extra_sets)}});
  }
  return Json{
             {"schema", 1},  {"kind", "bench"},      {"machine", result.machine}, {"seconds", result.seconds},
             {"rows", rows}, {"notes", result.notes}}
             .dump(2) +
         "\n";
}

}  // namespace laser::bench
