// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_RANK_MAX;

import io.hicache.nixl.core.hicache_page_info;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * One page as its directory shows it. Nothing of its content was read.
 *
 * <p>Threads: immutable.
 *
 * @param key its key; its file's name where the key can no longer be told: a key that is no file
 *     name, and too long for the file system's attributes
 * @param component what tells it from the other files of the same key ({@code _k}, {@code _v},
 *     ...); empty where the whole page is one file
 * @param length payload bytes: from its attributes when sealed, else the file's size
 * @param fileLength bytes in the file
 * @param modified when it was written
 * @param version another one once the page is replaced
 * @param sealed true when it carries our attributes: length, checksum, dtype, shape
 * @param dtypeNumber number of its libtorch {@code ScalarType}, -1 where it is not known
 * @param shape sizes of its dimensions, outermost first; empty for a scalar and where not known
 */
public record PageInfo(
    String key,
    String component,
    long length,
    long fileLength,
    Instant modified,
    long version,
    boolean sealed,
    int dtypeNumber,
    List<Long> shape) {

  /**
   * False for a page that is damaged: its file is shorter or longer than the page.
   *
   * @return true when the file has the page's length
   */
  public boolean isWhole() {
    return length == fileLength;
  }

  /**
   * The element type by its libtorch name.
   *
   * @return e.g. {@code BFloat16}; empty where it is not known
   */
  public Optional<String> dtype() {
    for (ScalarType type : ScalarType.values()) {
      if (type.value == dtypeNumber) {
        return Optional.of(type.name());
      }
    }
    return Optional.empty();
  }

  /** The same page under the key that it was asked for. */
  PageInfo named(String asked) {
    return new PageInfo(
        asked, component, length, fileLength, modified, version, sealed, dtypeNumber, shape);
  }

  static PageInfo of(String key, hicache_page_info info) {
    return of(key, info, Instant.ofEpochMilli(info.modified_time()));
  }

  /** What the core says, but for the time, which it does not know of objects. */
  static PageInfo of(String key, hicache_page_info info, Instant modified) {
    List<Long> shape = new ArrayList<>();
    for (int i = 0; i < Math.min(info.rank(), HICACHE_RANK_MAX); i++) {
      shape.add(info.dims(i));
    }
    return new PageInfo(
        key,
        info.component().getString(),
        info.length(),
        info.file_length(),
        modified,
        info.version(),
        info.sealed() == 1,
        info.dtype(),
        List.copyOf(shape));
  }
}
