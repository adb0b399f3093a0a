// SPDX-License-Identifier: Apache-2.0
//
// A report as JSON, and that JSON as text and CSV. GB is 10^9 bytes, GiB 2^30; every rate is over the time of the measurement.
#pragma once

#include <string>
#include <vector>

#include "environment.h"
#include "measurement.h"
#include "options.h"

namespace hicache::bench {

// Version of the JSON: higher when a field changes its name or meaning.
inline constexpr int kReportSchema = 1;

Json planReport(const Options& options, const std::vector<Cell>& cells);
// problems: what went wrong, see Problems.
Json makeReport(const Options& options, const Json& environment, const std::vector<Measurement>& measurements,
                const std::vector<std::string>& problems);

// A report or a plan in the form of --format.
std::string render(const Json& report, const std::string& format);

}  // namespace hicache::bench
