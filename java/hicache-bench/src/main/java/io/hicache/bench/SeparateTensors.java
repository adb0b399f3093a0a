// SPDX-License-Identifier: Apache-2.0
package io.hicache.bench;

import io.hicache.nixl.HiCacheNixl;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** One tensor of libtorch's own memory for each page, and another one as its target. */
final class SeparateTensors implements PageMemory {
  private final List<Tensor> sources = new ArrayList<>();
  private final List<Tensor> targets = new ArrayList<>();

  SeparateTensors(int pages, long pageBytes) {
    for (int i = 0; i < pages; i++) {
      sources.add(words(pageBytes).random_().view(ScalarType.BFloat16));
      targets.add(words(pageBytes).zero_().view(ScalarType.BFloat16));
    }
  }

  private static Tensor words(long pageBytes) {
    long[] shape = {pageBytes / Long.BYTES};
    return torch.empty(shape, new TensorOptions(ScalarType.Long), new MemoryFormatOptional());
  }

  @Override
  public boolean set(HiCacheNixl store, List<String> keys, int first) {
    return store.batchSet(keys, sources.subList(first, first + keys.size()));
  }

  @Override
  public boolean get(HiCacheNixl store, List<String> keys, int first) {
    return store.batchGet(keys, targets.subList(first, first + keys.size())).stream()
        .allMatch(Objects::nonNull);
  }

  @Override
  public void blank() {
    targets.forEach(Tensor::zero_);
  }

  @Override
  public boolean isWhole() {
    return IntStream.range(0, sources.size()).allMatch(this::isWhole);
  }

  /** Bits are compared: a bfloat16 that is not a number differs from itself. */
  private boolean isWhole(int i) {
    return sources.get(i).view(ScalarType.Long).equal(targets.get(i).view(ScalarType.Long));
  }

  @Override
  public void close() {
    sources.forEach(Tensor::close);
    targets.forEach(Tensor::close);
  }
}
