// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import io.hicache.nixl.HiCacheException;
import io.hicache.nixl.HiCacheNixl;
import io.hicache.nixl.PageInfo;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Locale;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;

/** Lists pages. There may be millions, so they are printed as they are found. */
@Command(
    name = "ls",
    description = "Lists the pages of the chosen model and rank, or namespace, in no order.")
final class LsCommand extends StoreCommand {
  private long count;
  private long bytes;

  @Override
  boolean printsItsOwnJson() {
    return true;
  }

  @Override
  ExitCode run(HiCacheNixl store, NativeMemory memory) {
    if (isJson()) {
      return printJson(store);
    }
    store.directory().forEach(this::printLine);
    say(count + " pages, " + Text.bytes(bytes));
    return ExitCode.DONE;
  }

  private void printLine(PageInfo page) {
    count(page);
    String dtype = page.dtype().map(type -> type + shapeOf(page)).orElse("-");
    String state = page.isWhole() ? page.sealed() ? "sealed" : "plain" : "damaged";
    say(
        String.format(
            Locale.ROOT,
            "%12d  %s  %-7s  %-24s  %s",
            page.length(),
            page.modified(),
            state,
            dtype,
            Text.oneLine(page.key() + page.component())));
  }

  private static String shapeOf(PageInfo page) {
    return page.shape().stream().map(String::valueOf).collect(Collectors.joining(",", "[", "]"));
  }

  private void count(PageInfo page) {
    count++;
    bytes += page.fileLength();
  }

  private ExitCode printJson(HiCacheNixl store) {
    try (JsonGenerator json = Json.MAPPER.getFactory().createGenerator(out())) {
      json.disable(JsonGenerator.Feature.AUTO_CLOSE_TARGET);
      json.writeStartObject();
      json.writeNumberField("schema", Json.SCHEMA);
      json.writeStringField("command", "ls");
      json.writeArrayFieldStart("pages");
      HiCacheException failure = writePages(store, json);
      json.writeEndArray();
      json.writeNumberField("count", count);
      json.writeNumberField("bytes", bytes);
      if (failure != null) {
        json.writeObjectFieldStart("error");
        json.writeStringField("code", failure.code().name());
        json.writeStringField("message", failure.getMessage());
        json.writeEndObject();
      }
      ExitCode code = failure == null ? ExitCode.DONE : ExitCode.FAILED;
      json.writeStringField("status", code.status());
      json.writeNumberField("exit_code", code.number());
      json.writeEndObject();
      json.flush();
      out().println();
      return code;
    } catch (IOException unwritable) {
      throw new UncheckedIOException(unwritable);
    }
  }

  /** Returns what ended the listing early, or null. */
  private HiCacheException writePages(HiCacheNixl store, JsonGenerator json) {
    try {
      store.directory().forEach(page -> write(page, json));
      return null;
    } catch (HiCacheException failure) {
      return failure;
    }
  }

  private void write(PageInfo page, JsonGenerator json) {
    count(page);
    try {
      json.writeStartObject();
      json.writeStringField("key", page.key());
      json.writeStringField("component", page.component());
      json.writeNumberField("length", page.length());
      json.writeNumberField("file_length", page.fileLength());
      json.writeBooleanField("whole", page.isWhole());
      json.writeBooleanField("sealed", page.sealed());
      json.writeStringField("modified", page.modified().toString());
      json.writeStringField("dtype", page.dtype().orElse(null));
      json.writeArrayFieldStart("shape");
      for (long size : page.shape()) {
        json.writeNumber(size);
      }
      json.writeEndArray();
      json.writeEndObject();
    } catch (IOException unwritable) {
      throw new UncheckedIOException(unwritable);
    }
  }
}
