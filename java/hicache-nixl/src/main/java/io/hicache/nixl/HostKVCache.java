// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.lang.ref.Reference;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A pool of KV pages in host memory: one tensor that an engine fills and reads, and for each page
 * the addresses that a store moves. Mirrors SGLang's {@code HostKVCache}: the same layouts, token
 * indices, and bytes of a page.
 *
 * <pre>{@code
 * try (HostKVCache pool =
 *     HostKVCache.builder()
 *         .mha(32, 8, 128)
 *         .pages(1024)
 *         .pageSize(64)
 *         .dtype(ScalarType.BFloat16)
 *         .layout(PoolLayout.PAGE_FIRST)
 *         .build()) {
 *   Tensor kv = pool.kvBuffer(); // (2, 65536, 32, 8, 128)
 * }
 * }</pre>
 *
 * <p><b>Indices.</b> A page is named by its first token, as in SGLang: page p begins at token
 * {@code p * pageSize()}.
 *
 * <p><b>Bytes of a page.</b> What is stored is SGLang's flat page: the pool's dimensions cut to the
 * page's tokens, in their order; with MHA all of K, then all of V. So pages move between two pools
 * only when their layouts order a page alike: {@code page_first_direct} and {@code layer_first} do.
 *
 * <p><b>Memory.</b> Zeroed, on a boundary of 4096 bytes, of 2 MiB when huge pages were asked for.
 * It belongs to the pool: tensors of {@link #kvBuffer()}, what is made of them by views, and
 * addresses must not be used once the pool is closed, nor when nothing refers to the pool any more.
 * A store that uses the pool keeps the memory until it is done, also beyond the close.
 *
 * <p><b>Errors.</b> {@link HiCacheException}: INVALID_ARGUMENT for a wrong argument, CLOSED for
 * every call on a closed pool that gives or touches its memory.
 *
 * <p>Threads: safe from any number of threads; who writes a page while another reads it is up to
 * the caller.
 */
public final class HostKVCache extends HostPool {
  private static final Logger LOG = LogManager.getLogger(HostKVCache.class);

  private final PoolGeometry geometry;
  private final HostMemory memory;
  private final LeakNet.Watch watch;

  HostKVCache(PoolGeometry geometry, HostMemory memory) {
    this.geometry = geometry;
    this.memory = memory;
    watch =
        LeakNet.watch(
            this,
            HostKVCacheBuilder.class,
            "the host pool " + geometry,
            memory::isClosed,
            memory::close);
    LOG.info("host pool allocated: {}", this);
  }

  /**
   * Describes a pool to be allocated.
   *
   * @return to be finished by {@link HostKVCacheBuilder#build()}
   */
  public static HostKVCacheBuilder builder() {
    return new HostKVCacheBuilder();
  }

  /**
   * The whole pool as one tensor over its memory, with the dimensions of {@link #layout()}.
   *
   * @return a new tensor object at each call; closing it frees nothing of the pool
   */
  public Tensor kvBuffer() {
    memory.requireOpen();
    try (TensorOptions options = new TensorOptions(geometry.dtype())) {
      return torch.from_blob(memory.pointer(), geometry.dims(), options);
    }
  }

  @Override
  public PageBlocks getPageBufferMeta(long[] hostIndices) {
    memory.requireOpen();
    long[] pages = HostIndices.toPages(geometry, hostIndices);
    int perPage = geometry.blocksPerPage();
    long blockBytes = geometry.blockBytes();
    int count = HostIndices.blockCount(pages.length, perPage);
    long[] addresses = new long[count];
    long[] lengths = new long[count];
    for (int i = 0; i < count; i++) {
      addresses[i] = memory.address() + geometry.offset(pages[i / perPage], i % perPage);
      lengths[i] = blockBytes;
    }
    return new PageBlocks(addresses, lengths, perPage);
  }

  /**
   * Copies a page out of the pool.
   *
   * @param index the page's first token
   * @param flat true: one dimension; false: the dimensions of the pool, cut to this page
   * @return a contiguous tensor with memory of its own
   */
  public Tensor getDataPage(long index, boolean flat) {
    memory.retain();
    try {
      long page = geometry.pageAt("getDataPage", index);
      long blockBytes = geometry.blockBytes();
      Tensor copy = newPage(flat ? new long[] {geometry.pageElements()} : geometry.pageDims());
      Pointer target = copy.data_ptr();
      for (int b = 0; b < geometry.blocksPerPage(); b++) {
        long offset = geometry.offset(page, b);
        HostMemory.copy(target.address() + b * blockBytes, memory.address() + offset, blockBytes);
      }
      return copy;
    } finally {
      memory.release();
    }
  }

  private Tensor newPage(long[] dims) {
    try (TensorOptions options = new TensorOptions(geometry.dtype());
        MemoryFormatOptional format = new MemoryFormatOptional()) {
      return torch.empty(dims, options, format);
    }
  }

  /**
   * A page of zeros with memory of its own: what {@link #setFromFlatDataPage} takes.
   *
   * @return a contiguous tensor of one dimension
   */
  public Tensor getDummyFlatDataPage() {
    memory.requireOpen();
    try (TensorOptions options = new TensorOptions(geometry.dtype())) {
      return torch.zeros(new long[] {geometry.pageElements()}, options);
    }
  }

  /**
   * Copies a page into the pool.
   *
   * @param index the page's first token
   * @param page contiguous, on the CPU, of the pool's dtype and a page's number of elements, in any
   *     shape; not part of the pool itself
   * @throws HiCacheException INVALID_ARGUMENT; then the pool is unchanged
   */
  public void setFromFlatDataPage(long index, Tensor page) {
    memory.retain();
    try {
      long target = geometry.pageAt("setFromFlatDataPage", index);
      TensorDescriptor source = TensorDescriptor.of(page, () -> "setFromFlatDataPage");
      requirePage(source, page.scalar_type().intern());
      long blockBytes = geometry.blockBytes();
      for (int b = 0; b < geometry.blocksPerPage(); b++) {
        long offset = geometry.offset(target, b);
        HostMemory.copy(memory.address() + offset, source.address() + b * blockBytes, blockBytes);
      }
      Reference.reachabilityFence(page);
    } finally {
      memory.release();
    }
  }

  private void requirePage(TensorDescriptor source, ScalarType dtype) {
    if (source.cuda()) {
      throw HiCacheException.invalid(
          "setFromFlatDataPage: the page is on a CUDA device; pass page.cpu()");
    }
    if (dtype != dtype() || source.length() != geometry.pageBytes()) {
      throw HiCacheException.invalid(
          "setFromFlatDataPage: the page has "
              + source.length()
              + " bytes of the dtype "
              + dtype
              + ", a page of this pool has "
              + geometry.pageBytes()
              + " of "
              + dtype());
    }
    if (source.address() < memory.address() + memory.length()
        && memory.address() < source.address() + source.length()) {
      throw HiCacheException.invalid(
          "setFromFlatDataPage: the page is part of this pool; pass its clone()");
    }
  }

  /**
   * The order of the dimensions.
   *
   * @return never null
   */
  public PoolLayout layout() {
    return geometry.layout();
  }

  /**
   * Whether the pool holds latent vectors.
   *
   * @return true for MLA, false for MHA
   */
  public boolean isMla() {
    return geometry.mla();
  }

  @Override
  public ScalarType dtype() {
    return geometry.dtype();
  }

  /**
   * Number of pages.
   *
   * @return 1 or more
   */
  public int pageCount() {
    return geometry.pages();
  }

  @Override
  public int pageSize() {
    return geometry.pageSize();
  }

  @Override
  public long pageBytes() {
    return geometry.pageBytes();
  }

  /**
   * How many contiguous blocks make one page. Blocks that touch are one, so a pool of a single page
   * has one block.
   *
   * @return MHA: 2 x layers for {@code layer_first}, else 2; MLA: half of that
   */
  public int blocksPerPage() {
    return geometry.blocksPerPage();
  }

  /**
   * First byte of the pool.
   *
   * @return a multiple of 4096
   */
  public long address() {
    memory.requireOpen();
    return memory.address();
  }

  /**
   * Bytes of the whole pool; they are one contiguous range.
   *
   * @return pageCount() x pageBytes()
   */
  public long length() {
    return geometry.length();
  }

  /**
   * Whether every block of every page begins and ends on a boundary, as direct I/O without a copy
   * needs it.
   *
   * @param alignment bytes, 1 or more; direct I/O wants 4096
   * @return true when they all do; unlike in SGLang, also for {@code layer_first}
   */
  @Override
  public boolean isStridePageAligned(long alignment) {
    if (alignment < 1) {
      throw HiCacheException.invalid(
          "isStridePageAligned: the alignment is " + alignment + "; it must be 1 or more");
    }
    return address() % alignment == 0 && geometry.blockBytes() % alignment == 0;
  }

  /**
   * Whether the whole pool lay in huge pages when it was allocated.
   *
   * @return false where they were not asked for, or the system has none: {@link #toString()} says
   *     why
   */
  public boolean hasHugePages() {
    return memory.hasHugePages();
  }

  /**
   * Whether the pool is page-locked for CUDA.
   *
   * @return false where it was not asked for, or cannot be: {@link #toString()} says why
   */
  public boolean isPinned() {
    return memory.isPinned();
  }

  @Override
  long[] bufferBytes() {
    return isMla() ? new long[] {pageBytes()} : new long[] {pageBytes() / 2, pageBytes() / 2};
  }

  @Override
  boolean isZeroCopyLayout() {
    return layout() == PoolLayout.PAGE_FIRST || layout() == PoolLayout.PAGE_FIRST_DIRECT;
  }

  @Override
  HostMemory memory() {
    return memory;
  }

  /**
   * Frees the memory, or leaves that to the last store or batch that still uses it. Calling it
   * again does nothing.
   */
  @Override
  public void close() {
    memory.close();
    watch.end();
  }

  /** Layout, dimensions, sizes, and what became of the wishes for huge pages and pinning. */
  @Override
  public String toString() {
    return geometry + ", " + memory;
  }
}
