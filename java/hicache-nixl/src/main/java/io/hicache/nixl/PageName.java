// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

/**
 * What tells one stored page from another: its key, and where a page is several files which of them
 * it is.
 *
 * <p>Threads: immutable.
 *
 * @param component as {@link PageInfo#component()}
 */
record PageName(String key, String component) {
  static PageName of(PageInfo page) {
    return new PageName(page.key(), page.component());
  }
}
