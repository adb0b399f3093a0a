// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.time.Instant;

/**
 * One object as the object storage shows it.
 *
 * <p>Threads: immutable.
 *
 * @param name its full name in the bucket or container
 * @param length its bytes
 * @param modified when it was written, by the server's clock
 * @param tag another one once the object is replaced (S3: the ETag); empty where the server gives
 *     none
 */
public record ObjectEntry(String name, long length, Instant modified, String tag) {}
