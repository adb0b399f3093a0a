// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

/** How the pages of one store are named and marked as objects. Threads: see the implementation. */
interface ObjectNaming {
  /** No byte of an object. */
  byte[] NOTHING = new byte[0];

  /** The full name of the object that holds a page; key ends in its component. */
  String name(byte[] key, int componentLength);

  /**
   * The page that an object holds.
   *
   * @param object as it was found; its length is told too
   * @param start its first bytes; {@link #NOTHING} when only its name is to be judged
   * @return null when it is none of this store's
   */
  PageInfo page(ObjectEntry object, byte[] start);
}
