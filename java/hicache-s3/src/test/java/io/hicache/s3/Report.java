// SPDX-License-Identifier: Apache-2.0
package io.hicache.s3;

import java.io.PrintWriter;
import java.io.StringWriter;

/** All that a log shows of an exception: messages, causes, stacks. */
record Report(Throwable error) {
  String text() {
    StringWriter text = new StringWriter();
    error.printStackTrace(new PrintWriter(text, true));
    return text.toString();
  }
}
