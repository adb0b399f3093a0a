// SPDX-License-Identifier: Apache-2.0
#include "report.h"

#include <hicache_nixl.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <span>
#include <string_view>

namespace hicache::bench {
namespace {

constexpr double kGb = 1e9;
constexpr double kGib = 1073741824.0;

double rounded(double value, double steps) { return std::round(value * steps) / steps; }

double perSecond(double amount, double seconds) { return seconds > 0 ? amount / seconds : 0; }

Json latencyOf(const LatencyHistogram& latency) {
  const auto micros = [](double nanos) { return rounded(nanos / 1000, 10); };
  Json json;
  json["avg"] = micros(latency.averageNanos());
  json["p50"] = micros(static_cast<double>(latency.percentileNanos(50)));
  json["p90"] = micros(static_cast<double>(latency.percentileNanos(90)));
  json["p99"] = micros(static_cast<double>(latency.percentileNanos(99)));
  json["p99_9"] = micros(static_cast<double>(latency.percentileNanos(99.9)));
  json["max"] = micros(static_cast<double>(latency.maxNanos()));
  return json;
}

Json rowOf(const Options& options, const Measurement& measurement, Operation operation, const OperationCount& count) {
  const auto pages = static_cast<double>(count.pages);
  const auto bytes = static_cast<double>(count.bytes);
  const double pages_per_s = perSecond(pages, measurement.seconds);
  const double gb_per_s = perSecond(bytes / kGb, measurement.seconds);
  Json row;
  row["workload"] = measurement.workload;
  row["operation"] = nameOf(operation);
  row["page_bytes"] = measurement.cell.page_bytes;
  row["batch"] = measurement.cell.batch;
  row["threads"] = measurement.threads;
  row["rate"] = measurement.rate;
  row["keys"] = measurement.cell.keys;
  row["batches"] = count.batches;
  row["pages"] = count.pages;
  row["bytes"] = count.bytes;
  row["seconds"] = rounded(measurement.seconds, 1e6);
  if (operation != Operation::kExists) row["gb_per_s"] = rounded(gb_per_s, 1e4);
  row["pages_per_s"] = rounded(pages_per_s, 10);
  if (!options.model.empty()) row["tokens_per_s"] = std::round(pages_per_s * static_cast<double>(options.page_tokens));
  row["us_per_page"] = count.pages == 0 ? 0 : rounded(measurement.seconds * 1e6 / pages, 100);
  row["latency_us"] = latencyOf(count.latency);
  if (count.phases[0].count() > 0) {
    constexpr const char* kPhaseNames[] = {"prepare", "post", "transfer", "finish"};
    static_assert(std::size(kPhaseNames) == HICACHE_PHASES);
    for (size_t phase = 0; phase < HICACHE_PHASES; ++phase) {
      row["phases_us"][kPhaseNames[phase]] = latencyOf(count.phases[phase]);
    }
  }
  // The processor's time is that of the whole workload: in a mix it cannot be told apart.
  row["cpu_s"] = rounded(measurement.cpu_seconds, 1e6);
  if (measurement.pages() > 0) {
    row["cpu_us_per_page"] = rounded(measurement.cpu_seconds * 1e6 / static_cast<double>(measurement.pages()), 100);
  }
  if (measurement.bytes() > 0) {
    row["cpu_s_per_gib"] = rounded(measurement.cpu_seconds / (static_cast<double>(measurement.bytes()) / kGib), 1e4);
  }
  if (operation != Operation::kSet) {
    row["hits"] = count.hits;
    row["misses"] = count.misses;
    row["lost"] = count.lost;
  }
  row["failed"] = count.failed;
  if (operation == Operation::kGet && options.verify) row["differing"] = count.differing;
  row["buffered_pages"] = count.buffered;
  if (const auto fio = measurement.fio.find(operation); fio != measurement.fio.end()) {
    row["fio_gb_per_s"] = rounded(fio->second.gb_per_s, 1e4);
    row["percent_of_fio"] = rounded(perSecond(100 * gb_per_s, fio->second.gb_per_s), 10);
    row["fio_command"] = fio->second.command;
  }
  if (const auto plain = measurement.plain.find(operation); plain != measurement.plain.end()) {
    row["plain_gb_per_s"] = rounded(plain->second.gb_per_s, 1e4);
    row["percent_of_plain"] = rounded(perSecond(100 * gb_per_s, plain->second.gb_per_s), 10);
    row["plain_loop"] = plain->second.command;
  }
  if (measurement.cache_drop) {
    const CacheDrop& drop = *measurement.cache_drop;
    row["cold"] = {{"files", drop.files}, {"bytes", drop.bytes}, {"bytes_left", drop.bytes_left}, {"problem", drop.problem}};
  }
  row["interrupted"] = measurement.interrupted;
  return row;
}

Json optionsOf(const Options& options) {
  Json json;
  if (!options.model.empty()) {
    json["model"] = options.model;
    json["page_tokens"] = options.page_tokens;
    json["tp"] = options.tp;
    json["dtype"] = options.dtype;
  }
  json["op_type"] = options.mix ? "MIX" : options.op_type;
  if (options.mix) {
    json["mix"] =
        std::to_string(options.mix->set) + ":" + std::to_string(options.mix->get) + ":" + std::to_string(options.mix->exists);
  }
  json["hit_rate"] = options.hit_rate;
  json["num_iter"] = options.batches;
  json["duration_s"] = options.duration_seconds;
  json["warmup_iter"] = options.warmup_batches;
  json["num_threads"] = options.threads;
  json["rate"] = options.rate;
  json["seed"] = options.seed;
  json["verify"] = options.verify;
  json["cold"] = options.cold;
  json["keep"] = options.keep;
  json["reuse"] = options.reuse;
  Json settings = Json::array();
  for (const auto& [name, value] : storeSettings(options)) settings.push_back(name + "=" + value);
  json["settings"] = settings;
  return json;
}

// ---- text and CSV ------------------------------------------------------------------------------------------------------

std::string format(const char* form, double value) {
  char text[64];
  std::snprintf(text, sizeof(text), form, value);
  return text;
}

// The value of a name, "" where there is none. a.b looks into a.
std::string field(const Json& row, const std::string& name) {
  const size_t dot = name.find('.');
  const std::string head = name.substr(0, dot);
  if (!row.contains(head)) return "";
  const Json& value = row[head];
  if (dot != std::string::npos) return field(value, name.substr(dot + 1));
  return value.is_string() ? value.get<std::string>() : value.dump();
}

struct Column {
  const char* title;
  const char* name;
  const char* form;  // of a number; null: as it stands
};

// Titles as nixlbench has them where they mean the same.
constexpr Column kColumns[] = {
    {"Workload", "workload", nullptr},         {"Op", "operation", nullptr},
    {"Block Size (B)", "page_bytes", nullptr}, {"Batch Size", "batch", nullptr},
    {"Threads", "threads", nullptr},           {"Batches", "batches", nullptr},
    {"B/W (GB/Sec)", "gb_per_s", "%.3f"},      {"Pages/Sec", "pages_per_s", "%.0f"},
    {"Tokens/Sec", "tokens_per_s", "%.0f"},    {"Avg Lat. (us)", "latency_us.avg", "%.1f"},
    {"P50", "latency_us.p50", "%.1f"},         {"P90", "latency_us.p90", "%.1f"},
    {"P99", "latency_us.p99", "%.1f"},         {"P99.9", "latency_us.p99_9", "%.1f"},
    {"Max", "latency_us.max", "%.1f"},         {"CPU s/GiB", "cpu_s_per_gib", "%.3f"},
    {"% of fio", "percent_of_fio", "%.0f"},    {"% of plain", "percent_of_plain", "%.0f"},
};

// Of one part of a batch, as the lanes move it.
constexpr Column kPhaseColumns[] = {
    {"Workload", "workload", nullptr},
    {"Op", "operation", nullptr},
    {"Block Size (B)", "page_bytes", nullptr},
    {"Batch Size", "batch", nullptr},
    {"Threads", "threads", nullptr},
    {"Avg Prep (us)", "phases_us.prepare.avg", "%.1f"},
    {"P99 Prep", "phases_us.prepare.p99", "%.1f"},
    {"Avg Post (us)", "phases_us.post.avg", "%.1f"},
    {"P99 Post", "phases_us.post.p99", "%.1f"},
    {"Avg Tx (us)", "phases_us.transfer.avg", "%.1f"},
    {"P99 Tx", "phases_us.transfer.p99", "%.1f"},
    {"Avg Finish (us)", "phases_us.finish.avg", "%.1f"},
    {"P99 Finish", "phases_us.finish.p99", "%.1f"},
};

// Left-aligned words, right-aligned numbers; a column that no row fills is left out.
std::string tableOf(const Json& rows, std::span<const Column> columns) {
  std::string text;
  std::vector<std::vector<std::string>> lines(rows.size() + 1);
  for (const Column& column : columns) {
    std::vector<std::string> cells = {column.title};
    bool filled = false;
    for (const Json& row : rows) {
      std::string value = field(row, column.name);
      filled = filled || !value.empty();
      if (!value.empty() && column.form != nullptr) value = format(column.form, std::stod(value));
      cells.push_back(value);
    }
    if (!filled) continue;
    size_t width = 0;
    for (const std::string& cell : cells) width = std::max(width, cell.size());
    const bool words = std::string(column.name) == "workload" || std::string(column.name) == "operation";
    for (size_t i = 0; i < cells.size(); ++i) {
      const std::string padding(width - cells[i].size(), ' ');
      lines[i].push_back(words ? cells[i] + padding : padding + cells[i]);
    }
  }
  for (const auto& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) text += (i == 0 ? "" : "  ") + line[i];
    text += '\n';
  }
  return text;
}

// "name value, name value" of what is not empty; lists of objects a line each.
void addPairs(const Json& json, std::string* text) {
  std::string line;
  for (const auto& [name, value] : json.items()) {
    if (value.is_array() || value.is_object()) continue;
    const std::string shown = value.is_string() ? value.get<std::string>() : value.dump();
    if (!shown.empty()) line += (line.empty() ? "" : ", ") + (json.is_array() ? "" : name + " ") + shown;
  }
  if (!line.empty()) *text += "  " + line + "\n";
  for (const auto& [name, value] : json.items()) {
    if (value.is_array() || value.is_object()) addPairs(value, text);
  }
}

std::string textOf(const Json& report) {
  std::string text;
  for (const auto& [name, value] : report.items()) {
    if (name == "rows") {
      if (value.empty()) continue;
      text += "\n" + tableOf(value, kColumns);
      Json moved = Json::array();
      std::copy_if(value.begin(), value.end(), std::back_inserter(moved),
                   [](const Json& row) { return row.contains("phases_us"); });
      if (!moved.empty()) text += "\nphases of one part of a batch:\n" + tableOf(moved, kPhaseColumns);
    } else if (value.is_object() || value.is_array()) {
      if (value.empty()) continue;
      text += name + ":\n";
      addPairs(value, &text);
    } else if (name != "schema") {
      text += name + ": " + (value.is_string() ? value.get<std::string>() : value.dump()) + "\n";
    }
  }
  if (!report.contains("rows")) return text;
  for (const Json& row : report["rows"]) {
    const std::string problem = field(row, "cold.problem");
    if (!problem.empty()) {
      text += "not cold: " + field(row, "workload") + " of " + field(row, "page_bytes") +
              " B: " + field(row, "cold.bytes_left") + " of " + field(row, "cold.bytes") +
              " bytes stayed in the page cache: " + problem + "\n";
    }
  }
  return text;
}

std::string quoted(const std::string& value) {
  if (value.find_first_of(",\"\n") == std::string::npos) return value;
  std::string text = "\"";
  for (char c : value) text += c == '"' ? std::string("\"\"") : std::string(1, c);
  return text + "\"";
}

// The first line; a.b is b of a.
constexpr std::string_view kCsvFields =
    "workload,operation,page_bytes,batch,threads,rate,keys,batches,pages,bytes,seconds,gb_per_s,pages_per_s,tokens_per_s,"
    "us_per_page,latency_us.avg,latency_us.p50,latency_us.p90,latency_us.p99,latency_us.p99_9,latency_us.max,"
    "phases_us.prepare.avg,phases_us.prepare.p99,phases_us.post.avg,phases_us.post.p99,phases_us.transfer.avg,"
    "phases_us.transfer.p99,phases_us.finish.avg,phases_us.finish.p99,cpu_s,cpu_us_per_page,cpu_s_per_gib,hits,misses,lost,"
    "failed,"
    "differing,buffered_pages,fio_gb_per_s,percent_of_fio,plain_gb_per_s,percent_of_plain,cold.bytes_left,interrupted";
constexpr std::string_view kPlanFields = "page_bytes,batch,pages,total_bytes,memory_bytes";

std::string csvOf(const Json& rows, std::string_view fields) {
  std::string text(fields);
  for (const Json& row : rows) {
    text += '\n';
    for (std::string_view rest = fields; !rest.empty();) {
      const size_t end = std::min(rest.find(','), rest.size());
      text += quoted(field(row, std::string(rest.substr(0, end))));
      if (end < rest.size()) text += ',';
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  return text + "\n";
}

}  // namespace

Json planReport(const Options& options, const std::vector<Cell>& cells) {
  Json report;
  report["schema"] = kReportSchema;
  report["version"] = hicache_version();
  report["dry_run"] = true;
  report["options"] = optionsOf(options);
  Json plan = Json::array();
  for (const Cell& cell : cells) {
    Json entry;
    entry["page_bytes"] = cell.page_bytes;
    entry["batch"] = cell.batch;
    entry["pages"] = cell.keys;
    entry["total_bytes"] = cell.totalBytes();
    entry["memory_bytes"] = options.threads * cell.memoryBytes();
    plan.push_back(entry);
  }
  report["plan"] = plan;
  return report;
}

Json makeReport(const Options& options, const Json& environment, const std::vector<Measurement>& measurements,
                const std::vector<std::string>& problems) {
  Json report;
  report["schema"] = kReportSchema;
  report["version"] = hicache_version();
  report["environment"] = environment;
  report["options"] = optionsOf(options);
  bool interrupted = false;
  Json rows = Json::array();
  for (const Measurement& measurement : measurements) {
    interrupted = interrupted || measurement.interrupted;
    for (const auto& [operation, count] : measurement.operations) rows.push_back(rowOf(options, measurement, operation, count));
  }
  report["rows"] = rows;
  report["interrupted"] = interrupted;
  report["problems"] = problems;
  return report;
}

std::string render(const Json& report, const std::string& format) {
  if (format == "json") return report.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  if (format == "csv") {
    return report.contains("rows") ? csvOf(report["rows"], kCsvFields) : csvOf(report["plan"], kPlanFields);
  }
  return textOf(report);
}

}  // namespace hicache::bench
