// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

/**
 * A range of an open file, or an object, as NIXL is told about it.
 *
 * <p>Threads: immutable.
 *
 * @param offset first byte in the file
 * @param length bytes; 0 stands for the whole file, however long it gets
 * @param fd open file descriptor; 0 in a tuple that only asks whether the path or key is there
 * @param path the file's path, or the object's key
 */
public record FileTuple(long offset, long length, int fd, String path) {}
