// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The kernel interface that the POSIX plugin queues I/O with; each is one on/off parameter of the
 * plugin.
 */
enum Queue {
  /** The plugin's own choice, Linux AIO in NIXL 1.5.1. */
  DEFAULT("default", null),
  AIO("aio", "use_aio"),
  URING("uring", "use_uring"),
  POSIX_AIO("posix_aio", "use_posix_aio");

  private final String word;
  private final String parameter;

  Queue(String word, String parameter) {
    this.word = word;
    this.parameter = parameter;
  }

  /** As configurations spell it. */
  String word() {
    return word;
  }

  /** The plugin's parameter that turns this queue on; null for {@link #DEFAULT}. */
  String parameter() {
    return parameter;
  }

  static Queue of(String word) {
    for (Queue queue : values()) {
      if (queue.word.equals(word)) {
        return queue;
      }
    }
    throw new IllegalArgumentException(word);
  }

  static boolean isParameter(String name) {
    for (Queue queue : values()) {
      if (name.equals(queue.parameter)) {
        return true;
      }
    }
    return false;
  }

  /** The queues that a set of parameters turns on; the plugin refuses more than one. */
  static List<Queue> turnedOn(Map<String, String> parameters) {
    List<Queue> on = new ArrayList<>();
    for (Queue queue : values()) {
      if (queue.parameter != null && "true".equals(parameters.get(queue.parameter))) {
        on.add(queue);
      }
    }
    return on;
  }
}
