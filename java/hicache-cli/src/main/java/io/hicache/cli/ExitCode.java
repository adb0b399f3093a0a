// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import java.util.Locale;

/**
 * How a command ended; the number is the process's exit code, the name in lower case the JSON
 * status.
 */
enum ExitCode {
  DONE(0, "done"),
  MISS(1, "a page that was asked for is not there"),
  USAGE(2, "the command line or the configuration is wrong; nothing was done"),
  FAILED(3, "something went wrong");

  private final int number;
  private final String meaning;

  ExitCode(int number, String meaning) {
    this.number = number;
    this.meaning = meaning;
  }

  int number() {
    return number;
  }

  /** For the help. */
  String meaning() {
    return meaning;
  }

  String status() {
    return name().toLowerCase(Locale.ROOT);
  }
}
