// SPDX-License-Identifier: Apache-2.0
package io.hicache.bench;

import io.hicache.nixl.HiCacheNixl;
import io.hicache.nixl.PageResult;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** A tensor for each page, moved by the calls of SGLang's first form. */
final class InteropTensors implements InteropPages {
  private final List<Tensor> pages = new ArrayList<>();
  private final List<Tensor> tensors = new ArrayList<>();

  InteropTensors(int pages, long pageBytes, ScalarType dtype) {
    TensorOptions options = new TensorOptions(ScalarType.Byte);
    for (int i = 0; i < pages; i++) {
      Tensor page = torch.empty(new long[] {pageBytes}, options, new MemoryFormatOptional());
      this.pages.add(page.fill_(new Scalar(BLANK)));
      tensors.add(page.view(dtype));
    }
  }

  @Override
  public void register(HiCacheNixl store) {}

  @Override
  public Tensor view(int i) {
    return pages.get(i);
  }

  @Override
  public boolean[] set(HiCacheNixl store, List<String> keys) {
    boolean[] stored = new boolean[keys.size()];
    Arrays.fill(stored, store.batchSet(keys, tensors));
    return stored;
  }

  @Override
  public boolean[] get(HiCacheNixl store, List<String> keys) {
    List<Tensor> filled = store.batchGet(keys, tensors);
    boolean[] hits = new boolean[keys.size()];
    for (int i = 0; i < hits.length; i++) {
      hits[i] = filled.get(i) != null;
    }
    return hits;
  }

  @Override
  public List<PageResult> getPages(HiCacheNixl store, List<String> keys) {
    return store.batchGetPages(keys, tensors);
  }

  @Override
  public boolean isRestBlank() {
    return true; // there is nothing else
  }

  @Override
  public void close() {
    tensors.forEach(Tensor::close);
    pages.forEach(Tensor::close);
  }
}
