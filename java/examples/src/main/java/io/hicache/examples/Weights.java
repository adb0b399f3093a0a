// SPDX-License-Identifier: Apache-2.0
package io.hicache.examples;

import java.util.List;
import java.util.stream.Stream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Random weights, the same in every process for the same configuration.
 *
 * <p>A projection is (outputs, inputs), as {@code torch.linear} takes it.
 *
 * <p>Threads: immutable.
 *
 * @param embedding (vocab, hidden)
 * @param layers one for each decoder layer
 * @param finalNorm (hidden)
 * @param head (vocab, hidden)
 */
record Weights(Tensor embedding, List<Layer> layers, Tensor finalNorm, Tensor head) {

  /**
   * The weights of one layer.
   *
   * @param attentionNorm (hidden)
   * @param query (heads x headDim, hidden)
   * @param key (kvHeads x headDim, hidden)
   * @param value (kvHeads x headDim, hidden)
   * @param output (hidden, heads x headDim)
   * @param ffnNorm (hidden)
   * @param gate (ffn, hidden)
   * @param up (ffn, hidden)
   * @param down (hidden, ffn)
   */
  record Layer(
      Tensor attentionNorm,
      Tensor query,
      Tensor key,
      Tensor value,
      Tensor output,
      Tensor ffnNorm,
      Tensor gate,
      Tensor up,
      Tensor down) {}

  @SuppressWarnings("try") // a scope is there to be left
  static Weights random(ModelConfig config) {
    try (PointerScope scope = new PointerScope()) {
      Source source = new Source(config.seed());
      int hidden = config.hidden();
      Tensor embedding = source.matrix(config.vocab(), hidden, 1);
      List<Layer> layers =
          Stream.generate(() -> layer(source, config)).limit(config.layers()).toList();
      return new Weights(
          embedding, layers, source.norm(hidden), source.projection(config.vocab(), hidden));
    }
  }

  private static Layer layer(Source source, ModelConfig config) {
    int hidden = config.hidden();
    int queries = config.heads() * config.headDim();
    int keys = config.kvHeads() * config.headDim();
    return new Layer(
        source.norm(hidden),
        source.projection(queries, hidden),
        source.projection(keys, hidden),
        source.projection(keys, hidden),
        source.projection(hidden, queries),
        source.norm(hidden),
        source.projection(config.ffn(), hidden),
        source.projection(config.ffn(), hidden),
        source.projection(hidden, config.ffn()));
  }

  /** Draws tensors that outlive the scope; everything else in it is freed with it. */
  private static final class Source {
    private final GeneratorOptional generator;

    Source(long seed) {
      generator = new GeneratorOptional(torch.make_generator_cpu(seed));
    }

    /** Outputs about as large as the inputs. */
    Tensor projection(int outputs, int inputs) {
      return matrix(outputs, inputs, 1 / Math.sqrt(inputs));
    }

    Tensor matrix(int rows, int columns, double deviation) {
      Tensor drawn = torch.randn(new long[] {rows, columns}, generator);
      return keep(drawn.mul(new Scalar(deviation)));
    }

    /** Near 1, not 1: a norm whose weight is left out would show. */
    Tensor norm(int length) {
      Tensor drawn = torch.randn(new long[] {length}, generator).mul(new Scalar(0.1));
      return keep(drawn.add(new Scalar(1.0)));
    }

    private static Tensor keep(Tensor tensor) {
      tensor.retainReference();
      return tensor;
    }
  }
}
