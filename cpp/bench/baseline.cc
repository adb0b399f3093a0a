// SPDX-License-Identifier: Apache-2.0
#include "baseline.h"

#include <algorithm>
#include <cmath>
#include <fstream>

#include "page_store.h"
#include "report.h"

namespace hicache::bench {
namespace {

std::string nameOf(const Json& row) {
  std::string name = row.at("workload").get<std::string>() + " " + row.at("operation").get<std::string>();
  for (const char* part : {"page_bytes", "batch", "threads", "rate"})
    name += std::string(" ") + part + "=" + row.at(part).dump();
  return name;
}

// A change as percent of what was before, in steps of 0.1.
double percentOf(double change, double before) { return std::round(1000 * change / before) / 10; }

}  // namespace

Json readBaseline(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw StoreError("--baseline: " + path + " cannot be read");
  const Json report = Json::parse(file, nullptr, false);
  if (report.is_discarded() || !report.is_object() || !report.contains("schema") || !report.contains("rows")) {
    throw StoreError("--baseline: " + path + " is no report of --format json");
  }
  if (report["schema"] != kReportSchema) {
    throw StoreError("--baseline: " + path + " has schema " + report["schema"].dump() + ", this program writes " +
                     std::to_string(kReportSchema) + "; measure the baseline anew");
  }
  return report;
}

Json compare(const Json& baseline, const Json& report) {
  Json comparison = Json::array();
  for (const Json& row : report["rows"]) {
    for (const Json& earlier : baseline["rows"]) {
      if (nameOf(row) != nameOf(earlier)) continue;
      const bool by_latency = row["rate"] != 0;
      const std::string what = by_latency ? "latency_us.p50" : row.contains("gb_per_s") ? "gb_per_s" : "pages_per_s";
      const auto valueIn = [&](const Json& of) {
        return (by_latency ? of.at("latency_us").at("p50") : of.at(what)).get<double>();
      };
      const double before = valueIn(earlier);
      const double now = valueIn(row);
      if (before <= 0) continue;  // the earlier run was interrupted before it moved anything
      Json entry;
      entry["row"] = nameOf(row);
      entry["compared"] = what;
      entry["before"] = before;
      entry["now"] = now;
      entry["slower_percent"] = percentOf(by_latency ? now - before : before - now, before);
      comparison.push_back(entry);
    }
  }
  if (comparison.empty()) {
    throw StoreError("--baseline: the reports have no row in common; measure the baseline with the same shape");
  }
  return comparison;
}

bool isSlower(const Json& comparison, double percent) {
  return std::any_of(comparison.begin(), comparison.end(),
                     [&](const Json& entry) { return entry["slower_percent"].get<double>() > percent; });
}

}  // namespace hicache::bench
