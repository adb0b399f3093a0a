// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

/**
 * An object and its first bytes.
 *
 * <p>Threads: nobody writes the bytes.
 *
 * @param entry the object that they were read from
 * @param bytes the first bytes; fewer than asked for when the object is shorter
 */
public record ObjectStart(ObjectEntry entry, byte[] bytes) {}
