// SPDX-License-Identifier: Apache-2.0
package io.hicache.examples;

import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.pytorch.Tensor;

/**
 * The same transformer written down plainly: whole sequence, no pages, no cache, in doubles, one
 * loop for each sum.
 */
final class ReferenceDecoder {
  private final ModelConfig config;
  private final Weights weights;

  ReferenceDecoder(Decoder decoder) {
    config = decoder.config();
    weights = decoder.weights();
  }

  /** The logits after the last token. */
  double[] logits(int[] tokens) {
    double[][] states = new double[tokens.length][];
    double[][] embedding = matrix(weights.embedding());
    for (int t = 0; t < tokens.length; t++) {
      states[t] = embedding[tokens[t]].clone();
    }
    for (Weights.Layer layer : weights.layers()) {
      addAttention(layer, states);
      for (double[] state : states) {
        double[] input = norm(state, layer.ffnNorm());
        double[] gate = times(layer.gate(), input);
        double[] up = times(layer.up(), input);
        for (int i = 0; i < gate.length; i++) {
          gate[i] = gate[i] / (1 + Math.exp(-gate[i])) * up[i];
        }
        add(state, times(layer.down(), gate));
      }
    }
    return times(weights.head(), norm(states[tokens.length - 1], weights.finalNorm()));
  }

  private void addAttention(Weights.Layer layer, double[][] states) {
    int count = states.length;
    int dim = config.headDim();
    double[][] queries = new double[count][];
    double[][] keys = new double[count][];
    double[][] values = new double[count][];
    for (int t = 0; t < count; t++) {
      double[] input = norm(states[t], layer.attentionNorm());
      queries[t] = rotate(times(layer.query(), input), t);
      keys[t] = rotate(times(layer.key(), input), t);
      values[t] = times(layer.value(), input);
    }
    for (int t = 0; t < count; t++) {
      double[] joined = new double[config.heads() * dim];
      for (int head = 0; head < config.heads(); head++) {
        int kvHead = head / (config.heads() / config.kvHeads());
        double[] scores = new double[t + 1];
        double sum = 0;
        for (int s = 0; s <= t; s++) {
          double dot = 0;
          for (int i = 0; i < dim; i++) {
            dot += queries[t][head * dim + i] * keys[s][kvHead * dim + i];
          }
          scores[s] = Math.exp(dot / Math.sqrt(dim));
          sum += scores[s];
        }
        for (int s = 0; s <= t; s++) {
          for (int i = 0; i < dim; i++) {
            joined[head * dim + i] += scores[s] / sum * values[s][kvHead * dim + i];
          }
        }
      }
      add(states[t], times(layer.output(), joined));
    }
  }

  private double[] rotate(double[] heads, int position) {
    int dim = config.headDim();
    double[] rotated = new double[heads.length];
    for (int head = 0; head < heads.length / dim; head++) {
      for (int i = 0; i < dim / 2; i++) {
        double angle = position / Math.pow(10_000, 2.0 * i / dim);
        double a = heads[head * dim + i];
        double b = heads[head * dim + i + dim / 2];
        rotated[head * dim + i] = a * Math.cos(angle) - b * Math.sin(angle);
        rotated[head * dim + i + dim / 2] = b * Math.cos(angle) + a * Math.sin(angle);
      }
    }
    return rotated;
  }

  private static double[] norm(double[] state, Tensor weight) {
    double squares = 0;
    for (double value : state) {
      squares += value * value;
    }
    double scale = 1 / Math.sqrt(squares / state.length + 1e-5);
    float[] weights = floats(weight);
    double[] normed = new double[state.length];
    for (int i = 0; i < state.length; i++) {
      normed[i] = state[i] * scale * weights[i];
    }
    return normed;
  }

  private static double[] times(Tensor projection, double[] input) {
    double[][] rows = matrix(projection);
    double[] output = new double[rows.length];
    for (int row = 0; row < rows.length; row++) {
      for (int i = 0; i < input.length; i++) {
        output[row] += rows[row][i] * input[i];
      }
    }
    return output;
  }

  private static void add(double[] to, double[] what) {
    for (int i = 0; i < to.length; i++) {
      to[i] += what[i];
    }
  }

  private static double[][] matrix(Tensor tensor) {
    int columns = (int) tensor.size(1);
    float[] all = floats(tensor);
    double[][] rows = new double[all.length / columns][columns];
    for (int i = 0; i < all.length; i++) {
      rows[i / columns][i % columns] = all[i];
    }
    return rows;
  }

  private static float[] floats(Tensor tensor) {
    float[] copy = new float[Math.toIntExact(tensor.numel())];
    new FloatPointer(tensor.data_ptr()).get(copy);
    return copy;
  }
}
