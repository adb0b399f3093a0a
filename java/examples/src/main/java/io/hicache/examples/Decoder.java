// SPDX-License-Identifier: Apache-2.0
package io.hicache.examples;

import java.util.Arrays;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.openblas.presets.openblas_nolapack;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * A decoder-only transformer in the manner of Llama: RMSNorm, RoPE, grouped-query attention over
 * paged keys and values, SwiGLU.
 *
 * <p><b>Bit-identical with and without the cache.</b> A matrix product of another shape takes other
 * kernels, adds in another order, and rounds differently. Were a prompt computed in one piece
 * without the cache and only its tail with it, the logits would differ in their last bits. So
 * everything is computed by pages: one call computes tokens of one page, and always with {@code
 * pageSize} rows, of which those that are not asked for are padding; the attention reads all
 * positions of all pages up to this one, and masks those after each token. The shapes then depend
 * on the page's place in the sequence alone, and a row's result only on its own token and the bytes
 * of the positions before it. Hence <em>the keys, values and logits of a token are a function of
 * the tokens up to it</em>: whether those before it were computed or restored, as a whole page or
 * one by one in decoding, changes no bit.
 *
 * <p>That holds for one build of libtorch, one kind of processor and one number of threads, by
 * which a product is divided: a decoder sets libtorch and OpenBLAS to one thread, for the whole
 * process. Between machines that differ in these, restored pages are as good as computed ones, and
 * not the same bits. The price is paid in decoding, where a step computes a page's rows for one
 * token; kernels that are batch-invariant have the property without the padding.
 *
 * <p>Threads: safe from any number of threads, each with pages of its own.
 */
final class Decoder {
  private static final double NORM_EPSILON = 1e-5;

  private final ModelConfig config;
  private final Weights weights;

  Decoder(ModelConfig config) {
    this.config = config;
    weights = Weights.random(config);
    torch.set_num_threads(1);
    openblas_nolapack.blas_set_num_threads(1);
  }

  ModelConfig config() {
    return config;
  }

  Weights weights() {
    return weights;
  }

  /**
   * Computes tokens of one page: writes their keys and values into the pool, where those of all
   * tokens before them must be.
   *
   * @param pageTable the sequence's pages up to the one that the tokens lie in
   * @param rows their rows in that page; beginning with row 0, the page is cleared first
   * @param tokens the ids of these rows
   * @return the logits of the last of them, vocab long
   */
  @SuppressWarnings("try") // a scope is there to be left
  float[] compute(PagedKv kv, int[] pageTable, Rows rows, int[] tokens) {
    int pageSize = kv.pageSize();
    int page = pageTable[pageTable.length - 1];
    int start = (pageTable.length - 1) * pageSize;
    try (PointerScope scope = new PointerScope()) {
      if (rows.first() == 0) {
        kv.clear(page);
      }
      Rope rope = new Rope(config.headDim(), start, pageSize);
      Chunk chunk = new Chunk(kv, page, rows, rope, indices(pageTable), causalMask(pageSize));
      Tensor states = weights.embedding().index_select(0, padded(tokens, rows, pageSize));
      for (int layer = 0; layer < config.layers(); layer++) {
        Weights.Layer of = weights.layers().get(layer);
        states = states.add(attention(chunk, layer, of, norm(states, of.attentionNorm())));
        states = states.add(feedForward(of, norm(states, of.ffnNorm())));
      }
      Tensor last = states.index_select(0, indices(rows.end() - 1));
      return floats(torch.linear(norm(last, weights.finalNorm()), weights.head()));
    }
  }

  /**
   * Consecutive rows of a page.
   *
   * @param first 0 or more
   * @param end beyond the last, larger than first
   */
  record Rows(int first, int end) {
    int count() {
      return end - first;
    }
  }

  /** What the layers need to know of the tokens under way. */
  private record Chunk(PagedKv kv, int page, Rows rows, Rope rope, Tensor pageTable, Tensor mask) {}

  /** From and to (pageSize, hidden). */
  private Tensor attention(Chunk chunk, int layer, Weights.Layer of, Tensor input) {
    int pageSize = chunk.kv().pageSize();
    int dim = config.headDim();
    Tensor queries = torch.linear(input, of.query()).view(pageSize, config.heads(), dim);
    Tensor keys = torch.linear(input, of.key()).view(pageSize, config.kvHeads(), dim);
    Tensor values = torch.linear(input, of.value()).view(pageSize, config.kvHeads(), dim);
    queries = chunk.rope().rotate(queries);
    keys = chunk.rope().rotate(keys);

    Rows rows = chunk.rows();
    chunk
        .kv()
        .write(
            layer,
            chunk.page(),
            rows.first(),
            keys.narrow(0, rows.first(), rows.count()),
            values.narrow(0, rows.first(), rows.count()));

    Tensor grouped = // (kvHeads, group x pageSize, headDim)
        queries
            .view(pageSize, config.kvHeads(), config.group(), dim)
            .permute(1, 2, 0, 3)
            .reshape(config.kvHeads(), (long) config.group() * pageSize, dim);
    Tensor allKeys = chunk.kv().keys(layer, chunk.pageTable());
    Tensor allValues = chunk.kv().values(layer, chunk.pageTable());
    TensorVector heads = new TensorVector();
    for (int head = 0; head < config.kvHeads(); head++) {
      heads.push_back(
          attend(
              grouped.select(0, head),
              allKeys.select(0, head),
              allValues.select(0, head),
              chunk.mask()));
    }
    Tensor joined =
        torch
            .stack(heads)
            .view(config.kvHeads(), config.group(), pageSize, dim)
            .permute(2, 0, 1, 3)
            .reshape(pageSize, (long) config.heads() * dim);
    return torch.linear(joined, of.output());
  }

  /**
   * The query heads that share one KV head, as one matrix.
   *
   * @param queries (group x pageSize, headDim)
   * @param keys (context, headDim), context being all positions of all pages up to this one
   * @param values as keys
   * @param mask for the last page of the context
   * @return as queries
   */
  private Tensor attend(Tensor queries, Tensor keys, Tensor values, Tensor mask) {
    long pageSize = mask.size(0);
    long context = keys.size(0);
    Scalar scale = new Scalar(1 / Math.sqrt(config.headDim()));
    Tensor scores = torch.mm(queries, keys.t()).mul_(scale);
    scores
        .view(config.group(), pageSize, context)
        .narrow(2, context - pageSize, pageSize)
        .add_(mask);
    return torch.mm(torch.softmax(scores, 1), values);
  }

  /** SwiGLU, from and to (pageSize, hidden). */
  private static Tensor feedForward(Weights.Layer of, Tensor input) {
    Tensor gate = torch.silu(torch.linear(input, of.gate()));
    return torch.linear(gate.mul(torch.linear(input, of.up())), of.down());
  }

  private static Tensor norm(Tensor input, Tensor weight) {
    return torch.rms_norm(
        input,
        new long[] {weight.size(0)},
        new TensorOptional(weight),
        new DoubleOptional(NORM_EPSILON));
  }

  /** (pageSize, pageSize): 0 up to each token itself, minus infinity after it. */
  private static Tensor causalMask(int pageSize) {
    Scalar never = new Scalar(Double.NEGATIVE_INFINITY);
    return torch.full(new long[] {pageSize, pageSize}, never).triu(1);
  }

  /** The ids of a page's rows, 0 where a row is padding. */
  private static Tensor padded(int[] tokens, Rows rows, int pageSize) {
    long[] ids = new long[pageSize];
    for (int i = 0; i < rows.count(); i++) {
      ids[rows.first() + i] = tokens[i];
    }
    return Tensor.create(ids, pageSize);
  }

  private static Tensor indices(int... values) {
    return Tensor.create(Arrays.stream(values).asLongStream().toArray(), values.length);
  }

  private static float[] floats(Tensor tensor) {
    float[] copy = new float[Math.toIntExact(tensor.numel())];
    new FloatPointer(tensor.data_ptr()).get(copy);
    return copy;
  }
}
