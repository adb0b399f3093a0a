// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.List;

/**
 * One answer to a listing.
 *
 * <p>Threads: immutable.
 *
 * @param objects as many as the server gives at once; may be none although there are more
 * @param next where the listing goes on, for {@link ObjectCatalog#list}; null at its end
 */
public record ObjectListing(List<ObjectEntry> objects, String next) {}
