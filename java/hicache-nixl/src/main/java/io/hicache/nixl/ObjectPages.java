// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
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

  /** Whether an object was left by the start-up probe of some store. */
  boolean isProbe(ObjectEntry object) {
    return probeName.matcher(object.name()).matches();
  }

  /** Looks up one page by its object's first bytes. */
  Optional<PageInfo> find(byte[] key, int componentLength) {
    return read("find", naming.name(key, componentLength)).map(this::page);
  }

  private Optional<ObjectStart> read(String call, String name) {
    return calls.get(
        call + " '" + name + "'", catalog -> catalog.read(name, ObjectNaming.HEADER_BYTES));
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
   * Starts to read what the objects of a listing hold, side by side; the values are null for what
   * is no page of this store, or damaged, or gone.
   */
  Map<String, CompletableFuture<PageInfo>> judge(ObjectListing listing) {
    Map<String, CompletableFuture<PageInfo>> pages = new LinkedHashMap<>();
    for (ObjectEntry object : listing.objects()) {
      if (!isProbe(object)) {
        String name = object.name();
        pages.put(
            name,
            calls.start(
                catalog ->
                    catalog.read(name, ObjectNaming.HEADER_BYTES).map(this::page).orElse(null)));
      }
    }
    return pages;
  }

  /** The next objects below the prefix, see {@link ObjectCatalog#list}. */
  ObjectListing list(String from) {
    return calls.get(listSubject(), catalog -> catalog.list(prefix, from));
  }

  /** The page of an object that is being read, null for none. */
  PageInfo await(CompletableFuture<PageInfo> page) {
    return calls.await(listSubject(), page);
  }

  private String listSubject() {
    return "list '" + prefix + "'";
  }

  /** Shows every page to a visitor, on the calling thread. */
  void forEach(Consumer<PageInfo> visitor) {
    String from = null;
    do {
      ObjectListing listing = list(from);
      Collection<CompletableFuture<PageInfo>> reads = judge(listing).values();
      try {
        for (CompletableFuture<PageInfo> read : reads) {
          PageInfo page = await(read);
          if (page != null) {
            visitor.accept(page);
          }
        }
      } finally {
        reads.forEach(read -> read.cancel(false)); // what a visitor who throws leaves
      }
      from = listing.next();
    } while (from != null);
  }
}
