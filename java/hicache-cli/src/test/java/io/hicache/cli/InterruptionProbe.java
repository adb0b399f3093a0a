// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import java.time.Duration;

/** Works until it is told to end, as {@link HiCacheCli#main} does. */
public final class InterruptionProbe {
  private InterruptionProbe() {}

  /**
   * Runs the probe.
   *
   * @param arguments heeds, ignores, hangs (promises to end and does not) or ends (at once)
   * @throws InterruptedException never
   */
  public static void main(String[] arguments) throws InterruptedException {
    Interruption interruption = new Interruption();
    interruption.install();
    if (!arguments[0].equals("ignores")) {
      interruption.heed(Duration.ofMillis(arguments[0].equals("hangs") ? 100 : 60_000));
    }
    if (!arguments[0].equals("ends")) {
      System.out.println("ready");
      while (!arguments[0].equals("heeds") || !interruption.isRequested()) {
        Thread.sleep(1);
      }
      Thread.sleep(50); // it is in the middle of a step
      System.out.println("ended");
    }
    interruption.end(3);
    System.exit(3);
  }
}
