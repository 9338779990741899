// Fetching what is missing of a data set (data_files.hpp in the library says what is).
#pragma once
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "laser/data/catalog.hpp"
#include "laser/fetch/download.hpp"

namespace laser {

/// What fetching may use besides the network's known places.
struct FetchOptions {
  std::vector<std::string> mirrors;  // tried first: "<mirror>/<name of the download>"
  DownloadControl control;           // of every download
  std::function<void(const std::string&)> begin = [](const std::string&) {};  // with each download's name
};

/// Brings the missing or damaged files of a set into `folder`: downloads, or takes an archive that lies there
/// already, checks and unpacks; an archive that it fetched itself is removed afterwards. False if the user
/// asked to stop. Throws Error (I/O) saying what to put where if nothing can be fetched, Error (data) if an
/// archive is not what it should be.
bool fetch_data_set(const DataSet& set, const std::filesystem::path& folder, const FetchOptions& options);

}  // namespace laser
