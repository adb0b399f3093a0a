// SPDX-License-Identifier: Apache-2.0
package org.example;

import org.bytedeco.javacpp.annotation.Platform;

/** Of another package: looks for the CUDA runtime in vain, as the presets of libtorch do. */
@Platform(preload = "cudart@.13")
public final class OtherPreset {
  private OtherPreset() {}
}
