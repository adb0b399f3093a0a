// SPDX-License-Identifier: Apache-2.0
//
// Compares a report with an earlier one.
#pragma once

#include <string>

#include "environment.h"

namespace hicache::bench {

// An earlier report. Throws StoreError when the file cannot be read or is none of this schema.
Json readBaseline(const std::string& path);

// What became of each row that both reports have, by workload, operation, page bytes, batch, threads and rate: a list of
// objects with the row's name, what was compared, both values and the percentage by which this report is slower (negative:
// faster). Compared are bytes a second, pages a second where no bytes move, and where the rate is given the median latency.
// Throws StoreError when the reports have no row in common.
Json compare(const Json& baseline, const Json& report);

// True when a row is more than so many percent slower.
bool isSlower(const Json& comparison, double percent);

}  // namespace hicache::bench
