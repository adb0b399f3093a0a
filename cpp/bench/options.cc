// SPDX-License-Identifier: Apache-2.0
#include "options.h"

#include <hicache_nixl.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <string_view>

#include "model_shape.h"

namespace hicache::bench {
namespace {

// The model in the names of the benchmark's pages: what it clears are pages of this name only.
constexpr const char* kModelName = "hicache_nixl_bench";

constexpr int64_t kBlockSizeDefault = int64_t{1} << 20;
constexpr int64_t kBlockSizeMin = 4096;     // nixlbench's, where only the largest is given
constexpr int64_t kBatchSizeDefault = 128;  // STORAGE_BATCH_SIZE of SGLang

constexpr const char* kAbout =
    "Measures the KV-page store through its C API: set, exists and get of whole batches of pages.\n"
    "Its pages are named apart from all others; those that an earlier run left in the directory go first.";

constexpr const char* kFooter =
    "Sizes take K, M, G (powers of 1024). From start to max, block and batch sizes double.\n"
    "\n"
    "Exit status: 0 good; 2 the command line is wrong; 3 an operation failed, a page was missing, or bytes read back differ;\n"
    "4 slower than the baseline allows; 130 interrupted, after the report so far.\n"
    "\n"
    "Examples:\n"
    "  hicache_nixl_bench --filepath /nvme0/bench --model llama3-8b --verify\n"
    "  hicache_nixl_bench --filepath /nvme0/bench --start_block_size 64K --max_block_size 8M --cold --fio --format csv\n"
    "  hicache_nixl_bench --filepath /nvme0/bench --model deepseek-r1 --mix 1:8:1 --hit-rate 0.8 --duration 30 --rate 50 \\\n"
    "      --num_threads 8";

// The number that the whole text is; nothing when it is none.
template <typename Number>
std::optional<Number> toNumber(std::string_view text) {
  Number number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Mix toMix(const std::string& text) {
  const size_t first = text.find(':');
  const size_t second = first == std::string::npos ? first : text.find(':', first + 1);
  if (second != std::string::npos) {
    const std::string_view all = text;
    const auto set = toNumber<uint16_t>(all.substr(0, first));
    const auto get = toNumber<uint16_t>(all.substr(first + 1, second - first - 1));
    const auto exists = toNumber<uint16_t>(all.substr(second + 1));
    if (set && get && exists && (*set | *get | *exists) != 0) return {*set, *get, *exists};
  }
  throw UsageError("--mix: '" + text + "' is not set:get:exists, three whole numbers of which one is above 0, such as 1:8:1");
}

double toPercent(std::string text) {
  if (!text.empty() && text.back() == '%') text.pop_back();
  const auto percent = toNumber<double>(text);
  if (percent && *percent >= 0 && *percent < 100) return *percent;
  throw UsageError("--fail-if-slower: '" + text + "' is not a percentage from 0 to below 100");
}

std::pair<std::string, std::string> toSetting(const std::string& text) {
  size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) throw UsageError("--set: '" + text + "' is not NAME=VALUE");
  return {text.substr(0, equals), text.substr(equals + 1)};
}

// Sizes of a sweep: what was not given follows from what was.
void fillRange(const char* what, int64_t plain, int64_t least, int64_t* min, int64_t* max) {
  if (*min == kNotGiven) *min = *max == kNotGiven ? plain : std::min(least, *max);
  if (*max == kNotGiven) *max = *min;
  if (*min > *max) {
    throw UsageError(std::string("--start_") + what + " " + std::to_string(*min) + " is above --max_" + what + " " +
                     std::to_string(*max));
  }
}

void checkStore(Options* options) {
  if (!options->storesObjects()) {
    if (options->directories.empty()) throw UsageError("--filepath is required, but for --backend OBJ and AZURE_BLOB");
    return;
  }
  if (options->cold || options->fio || options->plain) {
    throw UsageError("--cold, --fio and --plain: for directories, not for --backend " + options->backend);
  }
  options->keep = true;  // NIXL cannot remove objects
}

void check(Options* options) {
  checkStore(options);
  if (!options->model.empty()) {
    if (options->block_size_min != kNotGiven || options->block_size_max != kNotGiven) {
      throw UsageError(
          "--model and --start_block_size or --max_block_size: the model says how large a page is; give one of them");
    }
    options->block_size_min = pageBytesOf(modelNamed(options->model), options->page_tokens, options->tp, options->dtype);
  }
  fillRange("block_size", kBlockSizeDefault, kBlockSizeMin, &options->block_size_min, &options->block_size_max);
  if (options->block_size_min == 0 && (options->block_size_max != 0 || options->keys == 0)) {
    throw UsageError("--start_block_size: pages of no bytes stand alone, without --max_block_size, and need --keys");
  }
  fillRange("batch_size", kBatchSizeDefault, 1, &options->batch_size_min, &options->batch_size_max);
  if (options->batches > 0 && options->duration_seconds > 0) {
    throw UsageError("--num_iter and --duration: give one of them");
  }
  if (options->mix && options->batches == 0 && options->duration_seconds == 0) {
    throw UsageError("--mix: say when it ends, with --duration or --num_iter");
  }
  if (options->mix && options->op_type != "ALL") throw UsageError("--mix and --op_type: give one of them");
  if (options->reuse && (options->op_type == "ALL" || options->op_type == "WRITE") && !options->mix) {
    throw UsageError("--reuse: nothing would be reused; give --op_type READ or EXISTS, or --mix");
  }
  if (options->reuse && options->block_size_min != options->block_size_max) {
    throw UsageError("--reuse: the pages have one size; give --start_block_size alone");
  }
  if (options->fail_if_slower && options->baseline.empty()) throw UsageError("--fail-if-slower: needs --baseline FILE");
}

}  // namespace

CommandLine parseCommandLine(const std::vector<std::string>& arguments) {
  CommandLine result;
  Options& options = result.options;
  CLI::App app(kAbout, "hicache_nixl_bench");
  app.footer(kFooter);
  app.get_formatter()->column_width(42);
  app.set_version_flag("--version", hicache_version());
  const CLI::AsSizeValue size(false);
  const CLI::Range positive(int64_t{1}, int64_t{1} << 40);
  const CLI::Range not_negative(int64_t{0}, int64_t{1} << 40);

  const char* store = "The store";
  app.add_option("--filepath", options.directories, "Storage directory, made when missing; repeats. Not for OBJ")
      ->take_all()
      ->type_name("DIR")
      ->group(store);
  app.add_option("--backend", options.backend, "auto, POSIX, 3FS, GDS_MT, GDS, OBJ, AZURE_BLOB")
      ->capture_default_str()
      ->group(store);
  app.add_option("--obj_bucket_name", options.bucket, "Bucket of OBJ; credentials come from the environment, as AWS names them")
      ->group(store);
  app.add_option("--obj_endpoint_override", options.endpoint, "Server of OBJ, such as http://127.0.0.1:7070; default: AWS")
      ->group(store);
  app.add_option("--obj_region", options.region, "Region of OBJ")->group(store);
  app.add_option("--obj_ca_bundle", options.ca_bundle, "Certificates that OBJ trusts, a PEM file")->group(store);
  app.add_option("--posix_api_type", options.queue, "How POSIX queues I/O; default: the store's choice")
      ->check(CLI::IsMember({"default", "AIO", "URING", "POSIXAIO"}))
      ->capture_default_str()
      ->group(store);
  app.add_option("--posix_ios_pool_size", options.ios_pool_size, "The plugin's ios_pool_size")->check(positive)->group(store);
  app.add_option("--posix_kernel_queue_size", options.kernel_queue_size, "The plugin's kernel_queue_size")
      ->check(positive)
      ->group(store);
  app.add_flag("--storage_enable_direct,!--no-direct", options.direct_io,
               "O_DIRECT where the directory takes it; on unless --no-direct")
      ->group(store);
  app.add_option("--checksum", options.checksum, "Verify checksums on get, as the store does by default: 1 or 0")
      ->capture_default_str()
      ->group(store);
  app.add_option("--layout", options.layout, "The store's layout: files, segments, objects; default: the store's choice")
      ->group(store);
  app.add_option("--lanes", options.lanes, "The store's worker threads; 0: its choice")
      ->check(CLI::Range(0, 64))
      ->capture_default_str()
      ->group(store);
  std::vector<std::string> settings;
  app.add_option("--set", settings, "Any other setting of hicache_store_open; repeats")
      ->take_all()
      ->type_name("NAME=VALUE")
      ->group(store);

  const char* pages = "Pages";
  std::vector<std::string> models;
  for (const ModelShape& model : knownModels()) models.push_back(model.name);
  app.add_option("--model", options.model, "Pages as large as this model's")->check(CLI::IsMember(models))->group(pages);
  app.add_option("--page-tokens", options.page_tokens, "Tokens of a page, with --model")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str()
      ->group(pages);
  app.add_option("--tp", options.tp, "Tensor parallel ranks, with --model; measured is what one rank stores")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str()
      ->group(pages);
  app.add_option("--dtype", options.dtype, "Of the KV cache, with --model")
      ->check(CLI::IsMember(knownDtypes()))
      ->capture_default_str()
      ->group(pages);
  app.add_option("--start_block_size", options.block_size_min,
                 "Smallest page, without --model (1M); 0: pages of no bytes, to measure the index")
      ->transform(size)
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 32))
      ->group(pages);
  app.add_option("--max_block_size", options.block_size_max, "Largest page (the smallest)")
      ->transform(size)
      ->check(CLI::Range(int64_t{16}, int64_t{1} << 32))
      ->group(pages);
  app.add_option("--total_buffer_size", options.total_bytes, "Bytes of all pages together; no more than 262144 pages")
      ->transform(size)
      ->check(positive)
      ->default_str("1G")
      ->group(pages);
  app.add_option("--keys", options.keys, "Number of pages, instead of --total_buffer_size")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 32))
      ->group(pages);
  app.add_option("--memory_pages", options.memory_pages,
                 "Pages of memory that each caller moves to and from, batch after batch (those of one batch)")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 32))
      ->group(pages);

  const char* work = "Work";
  app.add_option("--op_type", options.op_type, "WRITE, EXISTS, READ; ALL: one after the other")
      ->check(CLI::IsMember({"WRITE", "EXISTS", "READ", "ALL"}))
      ->capture_default_str()
      ->group(work);
  std::string mix;
  app.add_option("--mix", mix, "Batches of set, get and exists in this proportion, over random keys, such as 1:8:1")
      ->type_name("SET:GET:EXISTS")
      ->group(work);
  app.add_option("--hit-rate", options.hit_rate, "Share of the keys of get and exists that are there")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str()
      ->group(work);
  app.add_option("--start_batch_size", options.batch_size_min, "Fewest pages of one call (128)")
      ->check(CLI::Range(1, 1 << 20))
      ->group(work);
  app.add_option("--max_batch_size", options.batch_size_max, "Most pages of one call (the fewest)")
      ->check(CLI::Range(1, 1 << 20))
      ->group(work);
  app.add_option("--num_iter", options.batches, "Batches of each measurement (one pass over the keys)")
      ->check(positive)
      ->group(work);
  app.add_option("--duration", options.duration_seconds, "Seconds of each measurement, instead of --num_iter")
      ->check(CLI::Range(0.001, 1e6))
      ->group(work);
  app.add_option("--warmup_iter", options.warmup_batches, "Batches before each measurement")
      ->check(not_negative)
      ->capture_default_str()
      ->group(work);
  app.add_option("--num_threads", options.threads, "Callers, each with one batch under way")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str()
      ->group(work);
  app.add_option("--rate", options.rate,
                 "Batches a second that are due at fixed times, taken by the callers in turn; a latency counts from when its "
                 "batch was due")
      ->check(CLI::Range(0.001, 1e7))
      ->group(work);
  app.add_option("--seed", options.seed, "Of keys, bytes and the order of a mix")->capture_default_str()->group(work);
  app.add_option("--timeout", options.timeout_millis, "Milliseconds that a batch may take")
      ->check(CLI::Range(1, 3600000))
      ->capture_default_str()
      ->group(work);
  app.add_flag("--verify,--check_consistency", options.verify, "Compare every byte that comes back, outside of what is timed")
      ->group(work);
  app.add_flag("--cold", options.cold, "Drop the pages' files from the page cache before they are read")->group(work);
  app.add_flag("--keep", options.keep, "Leave the pages in the directory")->group(work);
  app.add_flag("--reuse", options.reuse, "Read the pages that an equal run left with --keep")->group(work);

  const char* report = "Report";
  app.add_option("--format", options.format, "text, json, csv")
      ->check(CLI::IsMember({"text", "json", "csv"}))
      ->capture_default_str()
      ->group(report);
  app.add_option("--baseline", options.baseline, "Compare with an earlier report of --format json")
      ->type_name("FILE")
      ->group(report);
  std::string fail_if_slower;
  app.add_option("--fail-if-slower", fail_if_slower, "End with 4 when a row is more than this slower than in the baseline")
      ->type_name("PERCENT")
      ->group(report);
  app.add_flag("--fio", options.fio, "Measure fio in the same directory with the same shape, and give percent of it")
      ->group(report);
  app.add_flag("--plain", options.plain,
               "Measure a plain loop of pread or pwrite over one large file in as many threads as there are lanes, and give "
               "percent of it")
      ->group(report);
  app.add_flag("--dry-run", options.dry_run, "Print what would be done, and touch nothing")->group(report);

  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    result.text = app.help();
    return result;
  } catch (const CLI::CallForVersion&) {
    result.text = std::string(hicache_version()) + "\n";
    return result;
  } catch (const CLI::ParseError& error) {
    throw UsageError(error.what());
  }
  if (!mix.empty()) options.mix = toMix(mix);
  if (!fail_if_slower.empty()) options.fail_if_slower = toPercent(fail_if_slower);
  for (const std::string& setting : settings) options.settings.push_back(toSetting(setting));
  check(&options);
  return result;
}

std::vector<std::pair<std::string, std::string>> storeSettings(const Options& options) {
  const auto text = [](bool value) { return std::string(value ? "true" : "false"); };
  std::vector<std::pair<std::string, std::string>> settings;
  for (const std::string& directory : options.directories) settings.emplace_back("storage_dir", directory);
  settings.emplace_back("backend", options.backend);
  if (!options.bucket.empty()) settings.emplace_back("plugin.bucket", options.bucket);
  if (!options.endpoint.empty()) settings.emplace_back("plugin.endpoint_override", options.endpoint);
  if (!options.region.empty()) settings.emplace_back("plugin.region", options.region);
  if (!options.ca_bundle.empty()) settings.emplace_back("plugin.ca_bundle", options.ca_bundle);
  settings.emplace_back("model", kModelName);
  settings.emplace_back("direct_io", text(options.direct_io));
  settings.emplace_back("checksum", text(options.checksum));
  settings.emplace_back("lanes", std::to_string(options.lanes));
  if (!options.layout.empty()) settings.emplace_back("layout", options.layout);
  if (options.queue != "default") {
    settings.emplace_back("plugin.use_aio", text(options.queue == "AIO"));
    settings.emplace_back("plugin.use_uring", text(options.queue == "URING"));
    settings.emplace_back("plugin.use_posix_aio", text(options.queue == "POSIXAIO"));
  }
  if (options.ios_pool_size > 0) settings.emplace_back("plugin.ios_pool_size", std::to_string(options.ios_pool_size));
  if (options.kernel_queue_size > 0) {
    settings.emplace_back("plugin.kernel_queue_size", std::to_string(options.kernel_queue_size));
  }
  settings.insert(settings.end(), options.settings.begin(), options.settings.end());
  return settings;
}

}  // namespace hicache::bench
