// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_DTYPE_UNKNOWN;
import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_KEY_BYTES_MAX;
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
  private BatchArrays arrays; // null once submitted
  private HiCacheException[] refusals; // by key; null while every entry is good
  private int[] origins; // which key each good entry has; null while every entry is good
  private Object[] held;
  private int count;
  private long bytes;

  private int keyBytesLength;
  private int dimsLength;
  private int describing; // the entry that described names
  private final Supplier<String> described = () -> subject(describing);
  private boolean shaped = true;
  private int[] componentLengths;
  private int[] blockCounts;
  private CudaPages cuda; // null while no entry is known to be on a device
  private long[] expectedLengths;
  private int setFlags;
  private long leaseMillis;
  private boolean prefixOnly;
  private int blockCount;

  /** Where the bytes of an entry are. */
  interface Memory {
    /** Throws when entry index cannot be used; subject names it in the message. */
    TensorDescriptor describe(int index, Supplier<String> subject);
  }

  /** Entries that are plain memory: an object for each is saved. */
  record Ranges(long[] addresses, long[] lengths) implements Memory {
    @Override
    public TensorDescriptor describe(int index, Supplier<String> subject) {
      return TensorDescriptor.of(addresses[index], lengths[index], subject);
    }
  }

  private PageBatch(Operation operation, List<String> keys) {
    this.operation = operation;
    this.keys = new ArrayList<>(keys);
    arrays = BatchArrays.take(this.keys.size());
  }

  /**
   * Gathers a batch; entries that cannot be used are set aside.
   *
   * @param memory where each entry's bytes are, null for operations that move none
   * @param owners what must stay referenced while the bytes are in use, by entry, or null
   */
  static PageBatch of(Operation operation, List<String> keys, Memory memory, List<?> owners) {
    PageBatch batch = new PageBatch(operation, keys);
    batch.held = owners == null ? null : new Object[batch.size()];
    for (int i = 0; i < batch.size(); i++) {
      try {
        batch.add(i, memory, owners == null ? null : owners.get(i));
      } catch (HiCacheException e) {
        batch.refuse(i, e);
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
      batch.arrays.reserveBlocks(blocks);
      batch.held = new Object[files.size()];
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
        batch.refuse(i, e);
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
        batch.refuse(i, e);
      }
    }
    batch.setFlags = HICACHE_SET_KEEP_EXISTING;
    return batch;
  }

  /** Gathers pages by key and component, for an operation that moves no bytes. */
  static PageBatch ofNames(Operation operation, List<PageName> names) {
    PageBatch batch = new PageBatch(operation, names.stream().map(PageName::key).toList());
    batch.componentLengths = new int[names.size()];
    for (int i = 0; i < names.size(); i++) {
      PageName name = names.get(i);
      byte[] bytes = KeyCodec.encode(operation.word(), name.key(), name.component());
      batch.componentLengths[i] = name.component().length();
      batch.appendKey(bytes);
      batch.end(i, bytes.length);
    }
    return batch;
  }

  /**
   * A batch of some of this one's good entries, for which the arrays must still be there.
   *
   * @param chosen numbers of good entries, rising
   */
  PageBatch part(int[] chosen) {
    BatchEntries entries = new BatchEntries(this);
    PageBatch part =
        new PageBatch(operation, Arrays.stream(chosen).mapToObj(this::keyOfEntry).toList());
    part.shaped = shaped;
    part.setFlags = setFlags;
    part.prefixOnly = prefixOnly;
    part.componentLengths = BatchEntries.pick(componentLengths, chosen);
    part.blockCounts = BatchEntries.pick(blockCounts, chosen);
    part.expectedLengths = BatchEntries.pick(expectedLengths, chosen);
    part.held = held == null ? null : Arrays.stream(chosen).mapToObj(i -> held[i]).toArray();
    part.cuda = cuda == null ? null : cuda.part(chosen);
    entries.copy(chosen, part.arrays);
    part.count = chosen.length;
    part.bytes = bytes == 0 ? 0 : Arrays.stream(chosen).mapToLong(entries::bytes).sum();
    return part;
  }

  /** The key of a good entry. */
  String keyOfEntry(int entry) {
    return keys.get(origins == null ? entry : origins[entry]);
  }

  private void addListed(int index, PageInfo page, long address) {
    byte[] name = KeyCodec.encode(operation.word(), page.key(), page.component());
    long[] dims = page.shape().stream().mapToLong(Long::longValue).toArray();
    describing = index;
    TensorDescriptor.requireRange(address, page.length(), described);
    componentLengths[count] = page.component().length();
    addRange(address, page.length(), page.dtypeNumber(), dims);
    appendKey(name);
    end(index, name.length);
  }

  /** Sets an entry aside. */
  private void refuse(int index, HiCacheException cause) {
    if (refusals == null) {
      refusals = new HiCacheException[size()];
      origins = new int[size()];
      Arrays.setAll(origins, i -> i);
    }
    refusals[index] = cause;
  }

  /** A set leaves pages alone that are stored already with the same bytes. */
  PageBatch skipExisting(boolean skip) {
    setFlags = skip ? HICACHE_SET_SKIP_EXISTING : 0;
    return this;
  }

  /** A set replaces what is there, which is so unless it was said otherwise. */
  PageBatch replacing() {
    setFlags = 0;
    return this;
  }

  /** An owner of all its memory, which must stay referenced as {@link #held} says. */
  PageBatch holding(Object owner) {
    held = Collections.nCopies(size(), owner).toArray();
    return this;
  }

  /** Only the pages up to the first that is missing matter. */
  PageBatch prefixOnly() {
    prefixOnly = true;
    return this;
  }

  boolean isPrefixOnly() {
    return prefixOnly;
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
      System.arraycopy(file.addresses(), 0, arrays.addresses, blockCount, file.blocksPerPage());
      System.arraycopy(file.lengths(), 0, arrays.lengths, blockCount, file.blocksPerPage());
      blockCount += file.blocksPerPage();
      blockCounts[count] = file.blocksPerPage();
      bytes += Arrays.stream(file.lengths()).sum();
      arrays.dtypes[count] = pages.pool == null ? HICACHE_DTYPE_UNKNOWN : pages.pool.dtype().value;
      held[count] = pages.pool;
    } else if (expectedLengths != null) {
      expectedLengths[count] = expected;
    }
    appendKey(key);
    appendKey(component);
    componentLengths[count] = component.length;
    end(index, key.length + component.length);
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
    return refusals == null ? null : refusals[index];
  }

  private void add(int index, Memory memory, Object owner) {
    int keyLength = writeKey(keys.get(index));
    if (memory instanceof Ranges ranges) {
      long address = ranges.addresses()[index];
      long length = ranges.lengths()[index];
      describing = index;
      TensorDescriptor.requireRange(address, length, described);
      addRange(address, length, HICACHE_DTYPE_UNKNOWN, null);
    } else if (memory != null) {
      describing = index;
      TensorDescriptor range = memory.describe(index, described);
      if (range.cuda()) {
        cuda = cuda == null ? new CudaPages(size()) : cuda;
        cuda.add(count, range.device(), CudaStreams::current);
      }
      addRange(range.address(), range.length(), range.dtype(), range.dims());
    }
    if (held != null) {
      held[count] = owner;
    }
    keyBytesLength += keyLength;
    end(index, keyLength);
  }

  private void addRange(long address, long length, int dtype, long[] sizes) {
    arrays.addresses[count] = address;
    arrays.lengths[count] = length;
    bytes = length > Long.MAX_VALUE - bytes ? Long.MAX_VALUE : bytes + length;
    arrays.dtypes[count] = dtype;
    appendDims(sizes);
  }

  /** Takes a good entry in, the last step. */
  private void end(int index, int keyLength) {
    if (origins != null) {
      origins[count] = index;
    }
    arrays.keyLengths[count] = keyLength;
    count++;
  }

  /** What a message calls an entry: {@code set 'k_17'}. */
  String subject(int index) {
    return operation == Operation.CLEAR
        ? operation.word()
        : operation.word() + " '" + KeyCodec.shown(keys.get(index)) + "'";
  }

  byte[] keyBytes() {
    return arrays.keyBytes;
  }

  int[] keyLengths() {
    return arrays.keyLengths;
  }

  /** How many bytes at the end of each key are its component; null where none has one. */
  int[] componentLengths() {
    return componentLengths;
  }

  /** Blocks of each page; null for one each. */
  int[] blockCounts() {
    return blockCounts;
  }

  /** The entries on CUDA devices; null where none is known to be. */
  CudaPages cuda() {
    return cuda;
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
    return arrays.addresses;
  }

  long[] lengths() {
    return arrays.lengths;
  }

  int[] dtypes() {
    return arrays.dtypes;
  }

  /** Null when the shape of some entry is not known, as the core wants all or none. */
  int[] ranks() {
    return shaped ? arrays.ranks : null;
  }

  long[] dims() {
    return shaped ? arrays.dims : null;
  }

  /** What must stay referenced until the core lets go of the batch. */
  Object held() {
    return held == null ? keys : held;
  }

  /** The core has the batch, or never will: its arrays are not read again. */
  void submitted() {
    arrays.giveBack();
    arrays = null;
  }

  /**
   * The results of all entries in the order of the keys, from what the core said about the good
   * ones.
   */
  PageResults results(BatchResult settled) {
    BatchResult all = settled;
    if (refusals != null) {
      all = BatchResult.all(size(), PageOutcome.FAILED, null);
      System.arraycopy(refusals, 0, all.causes(), 0, size());
    }
    for (int j = 0; j < count; j++) {
      int i = origins == null ? j : origins[j];
      PageOutcome outcome = PageOutcome.of(settled.outcomes()[j]);
      if (outcome != null && !outcome.isFailure() && all == settled) {
        continue;
      }
      if (all == settled) {
        all = settled.copyWithCauses();
      }
      all.outcomes()[i] = (byte) (outcome == null ? PageOutcome.FAILED : outcome).number();
      all.flags()[i] = settled.flags()[j];
      all.pageLengths()[i] = outcome == null ? 0 : settled.pageLengths()[j];
      all.causes()[i] = cause(settled, j, outcome);
    }
    return new PageResults(operation, keys, all);
  }

  private HiCacheException cause(BatchResult settled, int j, PageOutcome outcome) {
    if (outcome != null && !outcome.isFailure()) {
      return null;
    }
    String subject = subject(origins == null ? j : origins[j]);
    if (outcome == null) {
      return new HiCacheException(
          ErrorCode.INTERNAL, subject + ": the core gave the outcome " + settled.outcomes()[j]);
    }
    if (settled.causes() != null && settled.causes()[j] != null) {
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

  /** Writes a key behind those that are there, and returns its bytes; they are not taken in yet. */
  private int writeKey(String key) {
    int ascii = key == null ? 0 : key.length();
    if (ascii > 0 && ascii <= HICACHE_KEY_BYTES_MAX) {
      arrays.reserveKeyBytes(keyBytesLength, ascii);
      if (KeyCodec.writeAscii(key, arrays.keyBytes, keyBytesLength)) {
        return ascii;
      }
    }
    byte[] bytes = KeyCodec.encode(operation.word(), key);
    appendKey(bytes);
    keyBytesLength -= bytes.length;
    return bytes.length;
  }

  private void appendKey(byte[] key) {
    arrays.reserveKeyBytes(keyBytesLength, key.length);
    System.arraycopy(key, 0, arrays.keyBytes, keyBytesLength, key.length);
    keyBytesLength += key.length;
  }

  private void appendDims(long[] sizes) {
    if (sizes == null) {
      shaped = false;
      return;
    }
    arrays.reserveDims(dimsLength, sizes.length);
    System.arraycopy(sizes, 0, arrays.dims, dimsLength, sizes.length);
    arrays.ranks[count] = sizes.length;
    dimsLength += sizes.length;
  }
}
