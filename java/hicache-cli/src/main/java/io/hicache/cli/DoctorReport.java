// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.hicache.cli.DoctorCommand.Diagnosis;
import io.hicache.nixl.ConfigEntry;
import io.hicache.nixl.StoreDescription;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** A diagnosis as JSON and as text. */
final class DoctorReport {
  /** Fewer open files than this are used up by a few batches of pages with one file each. */
  private static final long OPEN_FILES_WANTED = 4096;

  private DoctorReport() {}

  /** Writes the diagnosis into a report. */
  static void fill(ObjectNode report, Diagnosis found) {
    ObjectNode nixl = report.putObject("nixl").put("found", found.libraryProblem().isEmpty());
    nixl.put("path", found.nixlPath().orElse(null)).put("problem", found.libraryProblem());
    if (found.cuda() != null) {
      report
          .putObject("cuda")
          .put("devices", found.cuda().count())
          .put("reason", found.cuda().reason());
    }
    ObjectNode limits = report.putObject("limits");
    put(limits, "open_files", found.openFiles());
    put(limits, "locked_memory", found.lockedMemory());
    ArrayNode configuration = report.putArray("configuration");
    for (ConfigEntry entry : found.config().entries()) {
      configuration
          .addObject()
          .put("key", entry.key())
          .put("value", entry.value())
          .put("origin", entry.origin().toString());
    }
    ArrayNode directories = report.putArray("directories");
    found.directories().forEach(directory -> fill(directories.addObject(), directory));
    ArrayNode buckets = report.putArray("buckets");
    for (BucketCheck bucket : found.buckets()) {
      buckets
          .addObject()
          .put("place", bucket.place())
          .put("works", bucket.works())
          .put("problem", bucket.problem());
    }
  }

  private static void put(ObjectNode limits, String name, Optional<ProcessLimits> limit) {
    limit.ifPresent(
        known -> limits.putObject(name).put("soft", known.soft()).put("hard", known.hard()));
  }

  private static void fill(ObjectNode node, DirectoryCheck check) {
    node.put("path", check.path().toString()).put("existed", check.existed());
    node.put("works", check.configured() != null).put("problem", check.problem());
    node.put("usable_bytes", check.usableBytes()).put("total_bytes", check.totalBytes());
    if (check.configured() != null) {
      StoreDescription.Directory about = check.description();
      node.put("backend", check.configured().backend()).put("queue", check.configured().queue());
      node.put("file_system", about.fileSystem()).put("direct_io", about.directIo());
      node.put("direct_io_reason", about.directIoReason()).put("alignment", about.alignment());
      node.put("attributes", about.attributes());
      StoreDescription.Chunks chunks = check.configured().chunks();
      node.put("lanes", check.configured().lanes()).put("chunks_in_flight", chunks.inFlight());
      node.put("chunk_pages", chunks.pages()).put("chunk_bytes", chunks.bytes());
      node.put("request_bytes", chunks.requestBytes());
    }
    ArrayNode backends = node.putArray("backends");
    for (DirectoryCheck.Attempt attempt : check.attempts()) {
      backends
          .addObject()
          .put("backend", attempt.backend())
          .put("queue", attempt.queue())
          .put("works", attempt.works())
          .put("reason", attempt.reason())
          .put("advice", attempt.advice());
    }
  }

  /** The diagnosis as text. */
  static List<String> lines(Diagnosis found) {
    List<String> lines = new ArrayList<>();
    if (!found.libraryProblem().isEmpty()) {
      lines.add("NIXL           " + found.libraryProblem());
    } else {
      lines.add("NIXL           " + found.nixlPath().orElse("found"));
      String none = "no device: " + found.cuda().reason();
      lines.add(
          "CUDA           "
              + (found.cuda().count() > 0 ? found.cuda().count() + " devices" : none));
    }
    found.openFiles().ifPresent(limit -> lines.add("open files     " + openFiles(limit)));
    found
        .lockedMemory()
        .ifPresent(limit -> lines.add("locked memory  " + amount(limit.soft(), true)));
    lines.add("");
    lines.add("configuration");
    for (ConfigEntry entry : found.config().entries()) {
      lines.add(
          String.format(
              Locale.ROOT,
              "  %-22s %-24s %s",
              entry.key(),
              Text.oneLine(entry.value()),
              Text.oneLine(entry.origin().toString())));
    }
    found.directories().forEach(check -> addDirectory(lines, check));
    for (BucketCheck bucket : found.buckets()) {
      lines.add("");
      lines.add("bucket " + Text.oneLine(bucket.place()));
      lines.add(
          bucket.works()
              ? "  works              an object was put and came back the same"
              : "  does not work      " + indented(bucket.problem()));
    }
    lines.add("");
    lines.add(found.isSound() ? "all is well" : "something is wrong, see above");
    return lines;
  }

  private static void addDirectory(List<String> lines, DirectoryCheck check) {
    lines.add("");
    lines.add(
        "directory "
            + Text.oneLine(check.path().toString())
            + (check.existed() ? "" : " (missing; made when a store opens)"));
    if (check.configured() == null) {
      lines.add("  does not work      " + indented(check.problem()));
    } else {
      StoreDescription.Directory about = check.description();
      String queue =
          check.configured().queue().isEmpty() ? "" : " with queue " + check.configured().queue();
      lines.add("  works              with backend " + check.configured().backend() + queue);
      lines.add("  file system        " + about.fileSystem());
      String reason = about.directIoReason().isEmpty() ? "" : ": " + about.directIoReason();
      lines.add("  O_DIRECT           " + Text.yesNo(about.directIo()) + reason);
      lines.add("  attributes         " + attributes(about.attributes()));
      lines.add("  lanes              " + lanes(check.configured()));
    }
    if (check.totalBytes() > 0) {
      lines.add(
          "  free               "
              + Text.bytes(check.usableBytes())
              + " of "
              + Text.bytes(check.totalBytes()));
    }
    for (DirectoryCheck.Attempt attempt : check.attempts()) {
      String name = (attempt.backend() + " " + attempt.queue()).strip();
      lines.add(
          String.format(
              Locale.ROOT,
              "  %-18s %s",
              name,
              attempt.works() ? "works" : "no: " + indented(attempt.reason())));
      if (!attempt.advice().isEmpty()) {
        lines.add(" ".repeat(21) + "to do: " + indented(attempt.advice()));
      }
    }
  }

  private static String lanes(StoreDescription store) {
    StoreDescription.Chunks chunks = store.chunks();
    String requests =
        chunks.requestBytes() == 0
            ? "one request each"
            : "requests of " + Text.bytes(chunks.requestBytes());
    return String.format(
        Locale.ROOT,
        "%d; a lane moves %d at a time of up to %d pages or %s, %s",
        store.lanes(),
        chunks.inFlight(),
        chunks.pages(),
        Text.bytes(chunks.bytes()),
        requests);
  }

  private static String attributes(boolean kept) {
    return kept
        ? "yes: checksum, dtype and shape are kept with each page"
        : "no: pages carry no checksum; a file system with extended attributes (ext4, xfs) keeps them";
  }

  private static String openFiles(ProcessLimits limit) {
    String text =
        amount(limit.soft(), false) + " (may be raised to " + amount(limit.hard(), false) + ")";
    return limit.isBelow(OPEN_FILES_WANTED)
        ? text + "; low: raise it with ulimit -n " + OPEN_FILES_WANTED
        : text;
  }

  private static String amount(long value, boolean bytes) {
    return value < 0 ? "unlimited" : bytes ? Text.bytes(value) : String.valueOf(value);
  }

  private static String indented(String text) {
    return text.replace("\n", "\n" + " ".repeat(21));
  }
}
