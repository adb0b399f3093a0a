// SPDX-License-Identifier: Apache-2.0
package io.hicache.examples;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * Rotary position embedding of consecutive positions: element i and element i + headDim / 2 of a
 * head are a pair, rotated by position / 10000^(2i / headDim). Keys go into the pool rotated, so a
 * restored page needs no further work.
 *
 * <p>Threads: immutable.
 */
final class Rope {
  private static final double BASE = 10_000;

  private final int half;
  private final Tensor cosines; // (positions, 1, headDim / 2)
  private final Tensor sines;

  Rope(int headDim, int firstPosition, int positions) {
    half = headDim / 2;
    float[] cos = new float[positions * half];
    float[] sin = new float[positions * half];
    for (int at = 0; at < cos.length; at++) {
      int position = firstPosition + at / half;
      double angle = position / Math.pow(BASE, 2.0 * (at % half) / headDim);
      cos[at] = (float) Math.cos(angle);
      sin[at] = (float) Math.sin(angle);
    }
    cosines = Tensor.create(cos, positions, 1, half);
    sines = Tensor.create(sin, positions, 1, half);
  }

  /**
   * Rotates the heads of the tokens at these positions.
   *
   * @param heads (positions, heads, headDim)
   * @return a new tensor of the same shape
   */
  Tensor rotate(Tensor heads) {
    Tensor first = heads.narrow(2, 0, half);
    Tensor second = heads.narrow(2, half, half);
    Tensor rotatedFirst = first.mul(cosines).sub(second.mul(sines));
    Tensor rotatedSecond = second.mul(cosines).add(first.mul(sines));
    return torch.cat(new TensorVector(rotatedFirst, rotatedSecond), 2);
  }
}
