// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_DEVICE_HOST;
import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_DEVICE_UNKNOWN;
import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_DTYPE_UNKNOWN;
import static io.hicache.nixl.core.global.hicache_nixl.HICACHE_RANK_MAX;

import java.util.function.Supplier;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.Layout;

/**
 * Where the bytes of a tensor lie and what they mean. Holds no reference: whoever uses the address
 * keeps the tensor alive.
 *
 * <p>Threads: immutable.
 *
 * @param address first byte; 0 for a range of no bytes
 * @param length bytes
 * @param device where it is taken to lie: a CUDA ordinal, HICACHE_DEVICE_HOST, or
 *     HICACHE_DEVICE_UNKNOWN
 * @param dtype the number of its {@code ScalarType} in libtorch, or HICACHE_DTYPE_UNKNOWN
 * @param dims sizes of its dimensions, outermost first; null where not known
 */
record TensorDescriptor(long address, long length, int device, int dtype, long[] dims) {
  /** Whether the address is taken to belong to a CUDA device. */
  boolean cuda() {
    return device >= 0;
  }

  /**
   * Describes a tensor as it is, without copying.
   *
   * @param tensor any contiguous tensor on the CPU or a CUDA device
   * @param subject what the tensor is for, as messages name it, e.g. {@code set 'k_17'}
   * @throws HiCacheException INVALID_ARGUMENT when its bytes are not one contiguous range that
   *     holds its values as they are
   */
  static TensorDescriptor of(Tensor tensor, Supplier<String> subject) {
    if (tensor == null) {
      throw HiCacheException.invalid(subject.get() + ": the tensor is null");
    }
    if (tensor.isNull()) {
      throw HiCacheException.invalid(subject.get() + ": the tensor was closed");
    }
    try {
      return describe(tensor, subject);
    } catch (HiCacheException e) {
      throw e;
    } catch (RuntimeException e) {
      throw new HiCacheException(
          ErrorCode.INVALID_ARGUMENT,
          subject.get() + ": libtorch gives no plain memory for this tensor: " + firstLine(e),
          e);
    }
  }

  private static TensorDescriptor describe(Tensor tensor, Supplier<String> subject) {
    if (!tensor.defined()) {
      throw HiCacheException.invalid(subject.get() + ": the tensor is undefined; create it first");
    }
    boolean cuda = tensor.is_cuda();
    if (!cuda && !tensor.is_cpu()) {
      throw HiCacheException.invalid(
          subject.get() + ": the tensor is neither on the CPU nor on a CUDA device");
    }
    if (!tensor.is_contiguous()) {
      String advice =
          tensor.layout().value == Layout.Strided.value
              ? "the tensor is not contiguous; call contiguous() and pass its result"
              : "the tensor has the layout " + tensor.layout() + "; call to_dense()";
      throw HiCacheException.invalid(subject.get() + ": " + advice);
    }
    if (tensor.is_conj() || tensor.is_neg()) {
      throw HiCacheException.invalid(
          subject.get()
              + ": the tensor is a lazy conjugate or negative; call resolve_conj().resolve_neg()");
    }
    if (tensor.is_quantized()) {
      // For the packed ones libtorch's nbytes() is larger than their memory.
      throw HiCacheException.invalid(
          subject.get()
              + ": the tensor is quantized, and its scale is not in its bytes; pass int_repr()");
    }
    long rank = tensor.dim();
    if (rank > HICACHE_RANK_MAX) {
      throw HiCacheException.invalid(
          subject.get()
              + ": the tensor has "
              + rank
              + " dimensions, the limit is "
              + HICACHE_RANK_MAX
              + "; pass view(-1)");
    }
    long[] dims = new long[(int) rank];
    for (int i = 0; i < dims.length; i++) {
      dims[i] = tensor.size(i);
    }
    long length = tensor.nbytes();
    long address = length == 0 ? 0 : addressOf(tensor);
    if (address == 0 && length > 0) {
      throw HiCacheException.invalid(subject.get() + ": the memory of the tensor was released");
    }
    int device = cuda ? deviceOf(tensor) : HICACHE_DEVICE_HOST;
    return new TensorDescriptor(address, length, device, tensor.scalar_type().value, dims);
  }

  /**
   * Describes plain memory.
   *
   * @throws HiCacheException as {@link #requireRange}
   */
  static TensorDescriptor of(long address, long length, Supplier<String> subject) {
    requireRange(address, length, subject);
    return new TensorDescriptor(
        address, length, HICACHE_DEVICE_UNKNOWN, HICACHE_DTYPE_UNKNOWN, null);
  }

  /**
   * Refuses what is no memory.
   *
   * @throws HiCacheException INVALID_ARGUMENT when the length is negative, or the address is 0
   *     though there are bytes
   */
  static void requireRange(long address, long length, Supplier<String> subject) {
    if (length < 0) {
      throw HiCacheException.invalid(
          subject.get() + ": the length is " + length + "; it must not be negative");
    }
    if (address == 0 && length > 0) {
      throw HiCacheException.invalid(
          subject.get() + ": the address is 0, with a length of " + length);
    }
  }

  private static int deviceOf(Tensor tensor) {
    try (Device device = tensor.device()) {
      return device.index();
    }
  }

  private static long addressOf(Tensor tensor) {
    Pointer data = tensor.data_ptr();
    return data == null ? 0 : data.address();
  }

  private static String firstLine(RuntimeException e) {
    String text = String.valueOf(e.getMessage());
    int end = text.indexOf('\n');
    return end < 0 ? text : text.substring(0, end);
  }
}
