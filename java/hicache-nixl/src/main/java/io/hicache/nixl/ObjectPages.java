// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import java.util.regex.Pattern;

/**
 * The pages of one store as its object storage shows them: what NIXL cannot do, done with a
 * catalog. See {@link ObjectDeletes} for what takes them away.
 *
 * <p>Threads: safe from any number of threads.
 */
final class ObjectPages {
  /** Most bytes of an object that tell what page it holds. */
  private static final int HEADER_BYTES = 512;

  private final String prefix;
  private final ObjectNaming naming;
  private final CatalogCalls calls;
  private final Pattern probeName;

  /**
   * The pages below a prefix.
   *
   * @param calls are not closed here
   */
  ObjectPages(String prefix, ObjectNaming naming, CatalogCalls calls) {
    this.prefix = prefix;
    this.naming = naming;
    this.calls = calls;
    probeName = Pattern.compile(Pattern.quote(prefix) + "\\.hicache-probe-[0-9a-f]{16}");
  }

  /** What the names of all objects begin with. */
  String prefix() {
    return prefix;
  }

  /** Whether an object was left by the start-up probe of some store. */
  boolean isProbe(ObjectEntry object) {
    return probeName.matcher(object.name()).matches();
  }

  /** Whether an object holds a page of this store, judged by its name alone. */
  boolean isPage(ObjectEntry object) {
    return !isProbe(object) && naming.page(object, ObjectNaming.NOTHING) != null;
  }

  /** Looks up one page by its object's first bytes. */
  Optional<PageInfo> find(byte[] key, int componentLength) {
    return read("find", naming.name(key, componentLength)).map(this::page);
  }

  private Optional<ObjectStart> read(String call, String name) {
    return calls.get(call + " '" + name + "'", catalog -> catalog.read(name, HEADER_BYTES));
  }

  private PageInfo page(ObjectStart start) {
    return naming.page(start.entry(), start.bytes());
  }

  /** Removes a page that was found or listed, and nothing that has replaced it since. */
  boolean remove(byte[] key, PageInfo page) {
    String name = naming.name(key, page.component().length());
    Optional<ObjectStart> now = read("remove", name);
    PageInfo found = now.map(this::page).orElse(null);
    return found != null
        && found.version() == page.version()
        && calls.get("remove '" + name + "'", catalog -> catalog.delete(now.get().entry()));
  }

  /**
   * Shows every page to a visitor, on the calling thread; the first bytes of a listing's objects
   * are read side by side.
   */
  void forEach(Consumer<PageInfo> visitor) {
    String subject = "list '" + prefix + "'";
    String from = null;
    do {
      String begin = from;
      ObjectListing listing = calls.get(subject, catalog -> catalog.list(prefix, begin));
      List<CompletableFuture<Optional<ObjectStart>>> reads = new ArrayList<>();
      for (ObjectEntry object : listing.objects()) {
        if (isPage(object)) {
          reads.add(calls.start(catalog -> catalog.read(object.name(), HEADER_BYTES)));
        }
      }
      try {
        for (CompletableFuture<Optional<ObjectStart>> read : reads) {
          calls.await(subject, read).map(this::page).ifPresent(visitor);
        }
      } finally {
        reads.forEach(read -> read.cancel(false)); // what a visitor who throws leaves
      }
      from = listing.next();
    } while (from != null);
  }
}
