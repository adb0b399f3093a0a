// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.hicache.nixl.HiCacheException;
import java.io.PrintWriter;

/** The one JSON object that a command prints; {@code docs/cli.md} describes its fields. */
final class Json {
  /** Raised when a field changes its meaning or goes away; new fields do not raise it. */
  static final int SCHEMA = 1;

  static final ObjectMapper MAPPER = new ObjectMapper();

  private Json() {}

  /** A report with the fields that every command has. */
  static ObjectNode report(String command) {
    return MAPPER.createObjectNode().put("schema", SCHEMA).put("command", command);
  }

  static void putError(ObjectNode report, String code, String message) {
    report.putObject("error").put("code", code).put("message", message);
  }

  static void putError(ObjectNode report, HiCacheException error) {
    putError(report, error.code().name(), error.getMessage());
  }

  /** Prints a report as one line. */
  static void print(PrintWriter out, ObjectNode report, ExitCode code) {
    report.put("status", code.status()).put("exit_code", code.number());
    try {
      out.println(MAPPER.writeValueAsString(report));
    } catch (JsonProcessingException impossible) {
      throw new IllegalStateException(impossible);
    }
  }
}
