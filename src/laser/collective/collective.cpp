#include "laser/collective/collective.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

#include "laser/core/fail.hpp"

namespace laser {

double largest(Collective& collective, double own) {
  const auto all =
      collective.gather_rows(std::vector(static_cast<std::size_t>(collective.local_workers()), own), 1);
  return *std::max_element(all.begin(), all.end());
}

std::vector<double> from_leader(Collective& collective, std::vector<double> own) {
  const auto columns = own.size();
  std::vector<double> rows;
  for (std::int64_t i = 0; i < collective.local_workers(); ++i)
    rows.insert(rows.end(), own.begin(), own.end());
  rows = collective.gather_rows(std::move(rows), static_cast<std::int64_t>(columns));
  rows.resize(columns);
  return rows;
}

at::Tensor gather(Collective& collective, const at::Tensor& rows) {
  LASER_CHECK(rows.size(0) == collective.local_workers());
  if (collective.local_workers() == collective.workers()) return rows;
  auto sizes = rows.sizes().vec();
  sizes[0] = collective.workers();
  // The others' rows are zero here, and adding zeros is exact.
  at::Tensor all = at::zeros(sizes, rows.options());
  local_rows(collective, all).copy_(rows);
  collective.sum({&all, 1});
  return all;
}

at::Tensor local_rows(const Collective& collective, const at::Tensor& rows) {
  return rows.narrow(0, collective.first_worker(), collective.local_workers());
}

}  // namespace laser
