// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

/** What a batch does with its pages. Threads: immutable. */
enum Operation {
  SET("set"),
  GET("get"),
  EXISTS("exists"),
  DELETE("delete"),
  PIN("pin"),
  CLEAR("clear");

  private final String word;

  Operation(String word) {
    this.word = word;
  }

  /** The name that messages and log lines use. */
  String word() {
    return word;
  }
}
