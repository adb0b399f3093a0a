// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import io.hicache.nixl.ErrorCode;
import io.hicache.nixl.HiCacheNixl;
import io.hicache.nixl.PageInfo;
import io.hicache.nixl.StoreDescription;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What is to be moved, and whether the target's file systems have room for it. Reads no page.
 *
 * <p>Threads: one thread.
 */
final class MigrationSurvey {
  /** File systems give room in such units, and so do slots. */
  private static final long UNIT = 4096;

  /** What the pages need of one file system, and what there is. */
  private static final class Room {
    private final List<Path> directories = new ArrayList<>();
    private long needed;
    private long free;
    private boolean known;
  }

  private final Map<Path, Room> rooms = new HashMap<>();
  private long pages;
  private long bytes;

  private MigrationSurvey() {}

  /** Looks at the pages of the source alone. */
  static MigrationSurvey of(HiCacheNixl source) {
    MigrationSurvey survey = new MigrationSurvey();
    source.directory().forEach(survey::count);
    return survey;
  }

  /** Looks also at what of them the target has not. */
  static MigrationSurvey of(HiCacheNixl source, HiCacheNixl target) {
    MigrationSurvey survey = new MigrationSurvey();
    survey.takeRooms(target.describe());
    source
        .directory()
        .forEach(
            page -> {
              survey.count(page);
              survey.place(page, target);
            });
    return survey;
  }

  long pages() {
    return pages;
  }

  /** Bytes of the files, or of the pages in segments. */
  long bytes() {
    return bytes;
  }

  /**
   * Refuses a move for which there is no room.
   *
   * @param bytesAtOnce the most that stands in both layouts at a time
   */
  void requireRoom(long bytesAtOnce, String advice) {
    for (Room room : rooms.values()) {
      long needed = Math.min(room.needed, bytesAtOnce);
      if (room.known && needed > room.free) {
        throw new CommandFailure(
            ErrorCode.NO_SPACE,
            "no room in "
                + room.directories
                + ": "
                + Text.bytes(needed)
                + " are needed, and "
                + Text.bytes(room.free)
                + " may still be taken; nothing was moved. Free "
                + Text.bytes(needed - room.free)
                + advice,
            null);
      }
    }
  }

  private void count(PageInfo page) {
    pages++;
    bytes += page.fileLength();
  }

  private void takeRooms(StoreDescription target) {
    Map<Object, Room> byFileSystem = new HashMap<>();
    for (StoreDescription.Directory directory : target.directories()) {
      Room room = byFileSystem.computeIfAbsent(fileSystemOf(directory.path()), each -> new Room());
      if (room.directories.isEmpty()) {
        room.free = directory.roomBytes(); // of the file system: the others there say the same
        room.known = directory.roomBytes() >= 0;
      }
      room.free += directory.freeSlotBytes();
      room.directories.add(directory.path());
      rooms.put(directory.path(), room);
    }
  }

  /** Its device; the path itself where that is not known. */
  private static Object fileSystemOf(Path directory) {
    try {
      return Files.getAttribute(directory, "unix:dev");
    } catch (IOException unknown) {
      return directory;
    }
  }

  private void place(PageInfo page, HiCacheNixl target) {
    if (!page.isWhole() || target.directory().find(page).isPresent()) {
      return;
    }
    Path path = target.directory().path(page);
    for (Map.Entry<Path, Room> each : rooms.entrySet()) {
      if (path.startsWith(each.getKey())) {
        each.getValue().needed += (page.length() + UNIT - 1) / UNIT * UNIT;
        return;
      }
    }
  }
}
