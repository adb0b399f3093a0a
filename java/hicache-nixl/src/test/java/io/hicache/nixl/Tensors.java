// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Random;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Tensors with random content, and their comparison by bytes, dtype and shape. */
final class Tensors {
  private static final long SEED = Long.getLong("hicache.test.seed", System.nanoTime());
  private static final Random RANDOM = new Random(SEED);

  static {
    System.out.println("random data: -Dhicache.test.seed=" + SEED);
  }

  private Tensors() {}

  /** The source of every random choice in these tests. */
  static Random random() {
    return RANDOM;
  }

  static Tensor empty(ScalarType dtype, long... shape) {
    return torch.empty(shape, new TensorOptions(dtype), new MemoryFormatOptional());
  }

  /** A contiguous tensor of random bytes; 0 and 1 for Bool. */
  static Tensor random(ScalarType dtype, long... shape) {
    Tensor tensor = empty(dtype, shape);
    byte[] bytes = new byte[Math.toIntExact(tensor.nbytes())];
    RANDOM.nextBytes(bytes);
    if (dtype == ScalarType.Bool) {
      for (int i = 0; i < bytes.length; i++) {
        bytes[i] &= 1;
      }
    }
    return write(tensor, bytes);
  }

  static Tensor randomFloats(long... shape) {
    return random(ScalarType.Float, shape);
  }

  /**
   * A tensor of the same dtype and shape, with other bytes than any page here is likely to have.
   */
  static Tensor blankLike(Tensor tensor) {
    return filled(dtype(tensor), 0x5A, tensor.shape());
  }

  /** A tensor whose bytes all have one value. */
  static Tensor filled(ScalarType dtype, int value, long... shape) {
    Tensor tensor = empty(dtype, shape);
    byte[] bytes = new byte[Math.toIntExact(tensor.nbytes())];
    Arrays.fill(bytes, (byte) value);
    return write(tensor, bytes);
  }

  /** The dtype as its enum constant; libtorch's answer is another object. */
  static ScalarType dtype(Tensor tensor) {
    return tensor.scalar_type().intern();
  }

  static byte[] bytes(Tensor tensor) {
    byte[] bytes = new byte[Math.toIntExact(tensor.nbytes())];
    if (bytes.length > 0) {
      new BytePointer(tensor.data_ptr()).get(bytes);
    }
    return bytes;
  }

  static long address(Tensor tensor) {
    return tensor.data_ptr().address();
  }

  static void assertSame(Tensor actual, Tensor expected) {
    assertThat(actual).isNotNull();
    assertThat(dtype(actual)).isEqualTo(dtype(expected));
    assertThat(actual.shape()).isEqualTo(expected.shape());
    assertThat(bytes(actual)).isEqualTo(bytes(expected));
  }

  private static Tensor write(Tensor tensor, byte[] bytes) {
    if (bytes.length > 0) {
      new BytePointer(tensor.data_ptr()).put(bytes);
    }
    return tensor;
  }
}
