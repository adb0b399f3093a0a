// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_DTYPE_UNKNOWN;
import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_FLAG_UNVERIFIED;
import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_SET_KEEP_EXISTING;
import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_SET_SKIP_EXISTING;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.function.Supplier;

/**
 * One batch on its way into the core: the good entries as the arrays of a submit call, the bad ones
 * set aside with their causes, so that a bad entry never spoils its neighbours.
 *
 * <p>Threads: filled by one thread, then only read.
 */
final class PageBatch {
  private final Operation operation;
  private final List<String> keys;
  private final HiCacheException[] refused;
  private final Object[] held;
  private final int[] origins;
  private int count;
  private long bytes;

  private byte[] keyBytes;
  private int keyBytesLength;
  private final int[] keyLengths;
  private long[] addresses;
  private long[] lengths;
  private final int[] dtypes;
  private final int[] ranks;
  private long[] dims;
  private int dimsLength;
  private boolean shaped = true;
  private int[] componentLengths;
  private int[] blockCounts;
  private long[] expectedLengths;
  private int setFlags;
  private long leaseMillis;
  private int blockCount;

  /** Where the bytes of an entry are. */
  interface Memory {
    /** Throws when entry index cannot be used; subject names it in the message. */
    TensorDescriptor describe(int index, Supplier<String> subject);
  }

  private PageBatch(Operation operation, List<String> keys) {
    int n = keys.size();
    this.operation = operation;
    this.keys = new ArrayList<>(keys);
    refused = new HiCacheException[n];
    held = new Object[n];
    origins = new int[n];
    keyBytes = new byte[Math.max(64, n * 72)];
    keyLengths = new int[n];
    addresses = new long[n];
    lengths = new long[n];
    dtypes = new int[n];
    ranks = new int[n];
    dims = new long[n * 4];
  }

  /**
   * Gathers a batch; entries that cannot be used are set aside.
   *
   * @param memory where each entry's bytes are, null for operations that move none
   * @param owners what must stay referenced while the bytes are in use, by entry, or null
   */
  static PageBatch of(Operation operation, List<String> keys, Memory memory, List<?> owners) {
    PageBatch batch = new PageBatch(operation, keys);
    for (int i = 0; i < batch.size(); i++) {
      try {
        batch.add(i, memory, owners == null ? null : owners.get(i));
      } catch (HiCacheException e) {
        batch.refused[i] = e;
      }
    }
    return batch;
  }

  /** The files of pages of a pool: the blocks of each, and whose they are, or null. */
  record PoolPages(PageBlocks[] files, HostPool pool) {}

  /**
   * Gathers a batch of pages that are one or more files each: for each key one entry a component.
   *
   * @param components what tells the files of a page apart; empty text where a page is one file
   * @param lengths what each file must have to exist, by component; null where it is not known
   * @param pages the memory of each file; null for operations that move none
   */
  static PageBatch ofFiles(
      Operation operation,
      List<String> keys,
      List<String> components,
      long[] lengths,
      PoolPages pages) {
    int perPage = components.size();
    List<String> files = new ArrayList<>(keys.size() * perPage);
    for (String key : keys) {
      files.addAll(Collections.nCopies(perPage, key));
    }
    PageBatch batch = new PageBatch(operation, files);
    batch.shaped = false;
    batch.componentLengths = new int[files.size()];
    batch.expectedLengths = lengths == null ? null : new long[files.size()];
    if (pages != null) {
      int blocks = Arrays.stream(pages.files).mapToInt(PageBlocks::blocksPerPage).sum();
      batch.blockCounts = new int[files.size()];
      batch.addresses = new long[blocks];
      batch.lengths = new long[blocks];
    }
    byte[][] tails =
        components.stream()
            .map(component -> component.getBytes(StandardCharsets.US_ASCII))
            .toArray(byte[][]::new);
    for (int i = 0; i < files.size(); i++) {
      try {
        // A page's files have one key; what is wrong with it is found once.
        byte[] key = KeyCodec.encode(operation.word(), files.get(i));
        batch.addFile(
            i, key, tails[i % perPage], lengths == null ? 0 : lengths[i % perPage], pages);
      } catch (HiCacheException e) {
        batch.refused[i] = e;
      }
    }
    return batch;
  }

  /**
   * Gathers pages that a listing showed: each under its own key and component, with the dtype and
   * shape that it had there. A set leaves alone what is there.
   *
   * @param addresses where each page's bytes are, or are to go
   */
  static PageBatch ofListed(Operation operation, List<PageInfo> pages, long[] addresses) {
    PageBatch batch = new PageBatch(operation, pages.stream().map(PageInfo::key).toList());
    batch.componentLengths = new int[pages.size()];
    for (int i = 0; i < pages.size(); i++) {
      try {
        batch.addListed(i, pages.get(i), addresses[i]);
      } catch (HiCacheException e) {
        batch.refused[i] = e;
      }
    }
    batch.setFlags = HICACHE_SET_KEEP_EXISTING;
    return batch;
  }

  private void addListed(int index, PageInfo page, long address) {
    byte[] name = KeyCodec.encode(operation.word(), page.key(), page.component());
    long[] dims = page.shape().stream().mapToLong(Long::longValue).toArray();
    TensorDescriptor range = TensorDescriptor.of(address, page.length(), () -> subject(index));
    componentLengths[count] = page.component().length();
    append(index, name, range.shaped(page.dtypeNumber(), dims), null);
  }

  /** A set leaves pages alone that are stored already with the same bytes. */
  PageBatch skipExisting(boolean skip) {
    setFlags = skip ? HICACHE_SET_SKIP_EXISTING : 0;
    return this;
  }

  /** How long a pin holds; 0 unpins. */
  PageBatch lease(long millis) {
    leaseMillis = millis;
    return this;
  }

  long leaseMillis() {
    return leaseMillis;
  }

  private void addFile(int index, byte[] key, byte[] component, long expected, PoolPages pages) {
    if (pages != null) {
      PageBlocks file = pages.files[index];
      System.arraycopy(file.addresses(), 0, addresses, blockCount, file.blocksPerPage());
      System.arraycopy(file.lengths(), 0, lengths, blockCount, file.blocksPerPage());
      blockCount += file.blocksPerPage();
      blockCounts[count] = file.blocksPerPage();
      bytes += Arrays.stream(file.lengths()).sum();
      dtypes[count] = pages.pool == null ? HICACHE_DTYPE_UNKNOWN : pages.pool.dtype().value;
      held[count] = pages.pool;
    } else if (expectedLengths != null) {
      expectedLengths[count] = expected;
    }
    appendKey(key);
    appendKey(component);
    origins[count] = index;
    keyLengths[count] = key.length + component.length;
    componentLengths[count] = component.length;
    count++;
  }

  /** The batch of a clear: one entry without a key. */
  static PageBatch ofClear() {
    PageBatch batch = new PageBatch(Operation.CLEAR, List.of(""));
    batch.count = 1;
    return batch;
  }

  Operation operation() {
    return operation;
  }

  /** Entries in all, good and bad. */
  int size() {
    return keys.size();
  }

  /** Entries that go into the core. */
  int count() {
    return count;
  }

  /**
   * Bytes that a set or a get moves, and that its memory stays in use for; 0 for what moves none.
   */
  long bytes() {
    return bytes;
  }

  String key(int index) {
    return keys.get(index);
  }

  /** What is wrong with an entry, null for a good one. */
  HiCacheException refusal(int index) {
    return refused[index];
  }

  private void add(int index, Memory memory, Object owner) {
    byte[] key = KeyCodec.encode(operation.word(), keys.get(index));
    append(index, key, memory == null ? null : memory.describe(index, () -> subject(index)), owner);
  }

  private void append(int index, byte[] key, TensorDescriptor range, Object owner) {
    if (range != null) {
      addresses[count] = range.address();
      lengths[count] = range.length();
      bytes = range.length() > Long.MAX_VALUE - bytes ? Long.MAX_VALUE : bytes + range.length();
      dtypes[count] = range.dtype();
      appendDims(range.dims());
    }
    appendKey(key);
    origins[count] = index;
    keyLengths[count] = key.length;
    held[count] = owner;
    count++;
  }

  /** What a message calls an entry: {@code set 'k_17'}. */
  String subject(int index) {
    return operation == Operation.CLEAR
        ? operation.word()
        : operation.word() + " '" + KeyCodec.shown(keys.get(index)) + "'";
  }

  byte[] keyBytes() {
    return keyBytes;
  }

  int[] keyLengths() {
    return keyLengths;
  }

  /** How many bytes at the end of each key are its component; null where none has one. */
  int[] componentLengths() {
    return componentLengths;
  }

  /** Blocks of each page; null for one each. */
  int[] blockCounts() {
    return blockCounts;
  }

  /** The length that each page must have to exist; null where it is not known. */
  long[] expectedLengths() {
    return expectedLengths;
  }

  /** Bits of {@code enum hicache_set_flag}. */
  int setFlags() {
    return setFlags;
  }

  long[] addresses() {
    return addresses;
  }

  long[] lengths() {
    return lengths;
  }

  int[] dtypes() {
    return dtypes;
  }

  /** Null when the shape of some entry is not known, as the core wants all or none. */
  int[] ranks() {
    return shaped ? ranks : null;
  }

  long[] dims() {
    return shaped ? dims : null;
  }

  /** What must stay referenced until the core lets go of the batch. */
  Object held() {
    return held;
  }

  /**
   * The results of all entries in the order of the keys, from what the core said about the good
   * ones.
   */
  List<PageResult> results(BatchResult settled) {
    PageResult[] results = new PageResult[size()];
    for (int i = 0; i < results.length; i++) {
      if (refused[i] != null) {
        results[i] = new PageResult(keys.get(i), PageOutcome.FAILED, 0, false, refused[i]);
      }
    }
    for (int j = 0; j < count; j++) {
      results[origins[j]] = result(settled, j);
    }
    return List.of(results);
  }

  private PageResult result(BatchResult settled, int j) {
    String key = keys.get(origins[j]);
    PageOutcome outcome = PageOutcome.of(settled.outcomes()[j]);
    if (outcome == null) {
      HiCacheException cause =
          new HiCacheException(
              ErrorCode.INTERNAL,
              subject(origins[j]) + ": the core gave the outcome " + settled.outcomes()[j]);
      return new PageResult(key, PageOutcome.FAILED, 0, false, cause);
    }
    boolean verified =
        operation == Operation.GET
            && outcome == PageOutcome.HIT
            && (settled.flags()[j] & HICACHE_FLAG_UNVERIFIED) == 0;
    HiCacheException cause = outcome.isFailure() ? cause(settled, j, outcome) : null;
    return new PageResult(key, outcome, settled.pageLengths()[j], verified, cause);
  }

  private HiCacheException cause(BatchResult settled, int j, PageOutcome outcome) {
    String subject = subject(origins[j]);
    if (settled.causes()[j] != null) {
      return settled.causes()[j].about(subject);
    }
    ErrorCode code =
        switch (outcome) {
          case CORRUPT -> ErrorCode.CORRUPT;
          case TIMED_OUT -> ErrorCode.TIMEOUT;
          default -> ErrorCode.INTERNAL;
        };
    return new HiCacheException(code, subject + ": the core gave no cause");
  }

  private void appendKey(byte[] key) {
    int needed = Math.addExact(keyBytesLength, key.length);
    if (needed > keyBytes.length) {
      keyBytes = Arrays.copyOf(keyBytes, (int) Math.min(Integer.MAX_VALUE - 8L, needed * 2L));
    }
    System.arraycopy(key, 0, keyBytes, keyBytesLength, key.length);
    keyBytesLength = needed;
  }

  private void appendDims(long[] sizes) {
    if (sizes == null) {
      shaped = false;
      return;
    }
    if (dimsLength + sizes.length > dims.length) {
      dims = Arrays.copyOf(dims, Math.max(dims.length * 2, dimsLength + sizes.length));
    }
    System.arraycopy(sizes, 0, dims, dimsLength, sizes.length);
    ranks[count] = sizes.length;
    dimsLength += sizes.length;
  }
}
