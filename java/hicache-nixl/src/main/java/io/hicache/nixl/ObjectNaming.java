// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

/** How the pages of one store are named and marked as objects. Threads: see the implementation. */
interface ObjectNaming {
  /** Bytes at the beginning of an object that tell what page it holds. */
  int HEADER_BYTES = 512;

  /** The full name of the object that holds a page; key ends in its component. */
  String name(byte[] key, int componentLength);

  /**
   * The page that an object holds.
   *
   * @param object as it was found; its length is told too
   * @param start its first bytes, {@link #HEADER_BYTES} of them where it has as many
   * @return null when it is none of this store's, or damaged
   */
  PageInfo page(ObjectEntry object, byte[] start);
}
