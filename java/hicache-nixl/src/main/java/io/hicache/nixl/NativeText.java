// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;

/** Texts of the core as Java types. Threads: stateless. */
final class NativeText {
  private NativeText() {}

  /**
   * A path; the core's are UTF-8, the JVM's are of the locale.
   *
   * @throws HiCacheException UNSUPPORTED when the JVM's locale has no such path
   */
  static Path path(String text) {
    try {
      return Path.of(text);
    } catch (InvalidPathException e) {
      throw new HiCacheException(
          ErrorCode.UNSUPPORTED,
          "path '"
              + KeyCodec.shown(text, 400)
              + "': this JVM cannot express it ("
              + e.getReason()
              + "); start it in a UTF-8 locale, e.g. LC_ALL=C.UTF-8",
          e);
    }
  }
}
