// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * What an open store is made of and what it is doing, as {@link HiCacheNixl#describe()} saw it.
 *
 * <p>Threads: immutable.
 *
 * @param backends the chosen backend and the ones passed over
 * @param queue how POSIX hands I/O to the kernel: {@code AIO}, {@code URING} or {@code POSIX_AIO};
 *     empty for other backends
 * @param layout how pages lie in the storage, e.g. {@code files}
 * @param layoutReason why, where {@code layout = auto} has chosen it; else empty
 * @param naming how keys become names: {@code sglang}, {@code sglang-v0} or {@code namespace}
 * @param suffix what follows the key in every name, from model and rank or from the namespace's
 *     digest
 * @param lanes worker threads, each with its own NIXL agent
 * @param chunks what a lane takes and moves at once
 * @param lanesInQuarantine lanes that a hanging transfer took out of service
 * @param batches batches in the core
 * @param pagesInFlight pages of those batches that are not settled
 * @param nixlPath the NIXL library in use
 * @param eviction what it holds and evicts
 * @param directories the base directories, in the order of the configuration; none where pages are
 *     objects
 * @param objects the object storage; empty where pages are in directories
 * @param tiers the tier below this one; empty for a store without tiers
 */
public record StoreDescription(
    BackendReport backends,
    String queue,
    String layout,
    String layoutReason,
    String naming,
    String suffix,
    int lanes,
    Chunks chunks,
    int lanesInQuarantine,
    long batches,
    long pagesInFlight,
    Path nixlPath,
    Eviction eviction,
    List<Directory> directories,
    Optional<ObjectStorage> objects,
    Optional<TierReport> tiers) {

  /**
   * What a lane takes of a batch, as it is in use: chosen by the directories unless configured.
   *
   * @param pages most pages of a chunk
   * @param bytes most bytes of a chunk
   * @param requestBytes most bytes of a transfer request; 0: all of the chunk
   * @param inFlight chunks under way in one lane
   */
  public record Chunks(int pages, long bytes, long requestBytes, int inFlight) {}

  /**
   * What the base directories hold, and what was evicted.
   *
   * @param enabled whether this store evicts
   * @param capacityBytes most bytes of pages; 0: no limit
   * @param usageBytes of all pages and of sets under way, in whole units of 4096 bytes; -1 where
   *     nothing is counted
   * @param ready true once the pages have been counted since the store was opened
   * @param evictedPages by this store
   * @param evictedBytes by this store
   * @param rounds of eviction by this store
   * @param problem why the last count or round could not do all; empty when it could
   * @param refusedPages sets of this store that found no space
   */
  public record Eviction(
      boolean enabled,
      long capacityBytes,
      long usageBytes,
      boolean ready,
      long evictedPages,
      long evictedBytes,
      long rounds,
      String problem,
      long refusedPages) {}

  /**
   * One base directory.
   *
   * @param path where it is
   * @param fileSystem type of its file system, e.g. {@code ext4}
   * @param directIo true when pages bypass the page cache
   * @param directIoReason why they do not; empty when they do
   * @param alignment bytes to which direct I/O aligns offsets and lengths
   * @param attributes true when checksum, dtype and shape are kept in extended attributes
   * @param staleFilesSwept temporary files of dead writers that were removed at open
   * @param roomBytes what sets may still take of its file system, which other directories may
   *     share; -1 where it is not known
   * @param freeSlotBytes of its segments; 0 in the layout files
   */
  public record Directory(
      Path path,
      String fileSystem,
      boolean directIo,
      String directIoReason,
      long alignment,
      boolean attributes,
      long staleFilesSwept,
      long roomBytes,
      long freeSlotBytes) {}

  /**
   * The bucket or container, and how it answers.
   *
   * @param endpoint scheme and host
   * @param bucket its name, or the container's
   * @param prefix what the names of all objects begin with
   * @param format {@code sealed} or {@code raw}
   * @param retries requests made again by this store
   * @param failures requests that failed, or were not answered in time
   * @param breaker {@code closed} as long as requests go through; {@code open} when they are
   *     refused at once; {@code half_open} while one is tried
   * @param breakerFailures failures in a row now
   * @param breakerOpenings how often it opened
   */
  public record ObjectStorage(
      String endpoint,
      String bucket,
      String prefix,
      String format,
      long retries,
      long failures,
      String breaker,
      long breakerFailures,
      long breakerOpenings) {}

  /**
   * Name of the backend in use.
   *
   * @return e.g. {@code POSIX}
   */
  public String backend() {
    return backends.backend();
  }

  /** The base directories without links, in the order of the configuration. */
  List<Path> paths() {
    return directories.stream().map(Directory::path).toList();
  }

  static StoreDescription of(SettingsBlob described) {
    return new StoreDescription(
        BackendReport.of(described),
        described.text("queue"),
        described.text("layout"),
        described.text("layout_reason"),
        described.text("naming"),
        described.text("suffix"),
        (int) described.number("lanes"),
        new Chunks(
            (int) described.number("chunk_pages"),
            described.number("chunk_bytes"),
            described.number("request_bytes"),
            (int) described.number("chunks_in_flight")),
        (int) described.number("lanes_in_quarantine"),
        described.number("batches"),
        described.number("pages_in_flight"),
        NativeText.path(described.text("nixl_path")),
        new Eviction(
            described.flag("eviction"),
            described.number("capacity_bytes"),
            described.number("usage_bytes"),
            described.flag("usage_ready"),
            described.number("evicted_pages"),
            described.number("evicted_bytes"),
            described.number("eviction_rounds"),
            described.text("eviction_problem"),
            described.number("refused_no_space")),
        described.blocks("directory").stream().map(StoreDescription::directory).toList(),
        described.text("layout").equals(StorageRules.OBJECTS)
            ? Optional.of(objects(described))
            : Optional.empty(),
        TierReport.of(described));
  }

  /** One line: backend, queue, lanes, layout, directories or bucket, and the tier below. */
  @Override
  public String toString() {
    String where = objects.map(StoreDescription::line).orElseGet(this::lineOfDirectories);
    return backend()
        + (queue.isEmpty() ? "" : " through " + queue)
        + ", "
        + lanes
        + " lanes, "
        + layout
        + (layoutReason.isEmpty() ? "" : " (" + layoutReason + ")")
        + " named as "
        + naming
        + ", in "
        + where
        + tiers.map(below -> ", " + below).orElse("");
  }

  private static String line(ObjectStorage objects) {
    return "'"
        + objects.bucket
        + "' at "
        + objects.endpoint
        + " ("
        + objects.format
        + (objects.prefix.isEmpty() ? "" : ", below '" + objects.prefix + "'")
        + ")";
  }

  private String lineOfDirectories() {
    return directories.stream()
        .map(
            d ->
                d.path
                    + " ("
                    + d.fileSystem
                    + ", direct I/O "
                    + (d.directIo ? "on" : "off: " + d.directIoReason)
                    + (d.attributes ? "" : ", no attributes")
                    + ")")
        .collect(Collectors.joining(", "));
  }

  private static ObjectStorage objects(SettingsBlob described) {
    return new ObjectStorage(
        described.text("object_endpoint"),
        described.text("object_bucket"),
        described.text("object_prefix"),
        described.text("object_format"),
        described.number("object_retries"),
        described.number("object_failures"),
        described.text("breaker"),
        described.number("breaker_failures"),
        described.number("breaker_openings"));
  }

  private static Directory directory(SettingsBlob block) {
    return new Directory(
        NativeText.path(block.text("path")),
        block.text("file_system"),
        block.flag("direct_io"),
        block.text("direct_io_reason"),
        block.number("alignment"),
        block.flag("attributes"),
        block.number("stale_files_swept"),
        block.number("room_bytes"),
        block.number("free_slot_bytes"));
  }
}
