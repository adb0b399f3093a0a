// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.exc.MismatchedInputException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.dataformat.toml.TomlMapper;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * Reads a configuration file into names and raw values, in the file's order. Which names there may
 * be is decided by {@link FileLayer}; no message made here quotes a line that may hold a secret.
 */
final class ConfigFile {
  /**
   * Far above any real configuration; keeps a mistaken path (a page, a log) from being read whole.
   */
  private static final long LARGEST_BYTES = 1 << 20;

  private static final String NO_TABLE = "holds no table of keys and values";

  private static final TypeReference<LinkedHashMap<String, Object>> TABLE =
      new TypeReference<>() {};

  private ConfigFile() {}

  /**
   * Reads a file as TOML or JSON, by the end of its name.
   *
   * @throws HiCacheException INVALID_ARGUMENT naming the file, and the line of a syntax error
   */
  static Map<String, Object> read(Path path) {
    ObjectMapper mapper = mapperOf(path);
    String text = textOf(path);
    if (text.isBlank()) {
      return Map.of();
    }
    try {
      Map<String, Object> table = mapper.readValue(text, TABLE);
      if (table == null) {
        throw refused(path, NO_TABLE, null);
      }
      return table;
    } catch (MismatchedInputException notTable) {
      throw refused(path, NO_TABLE, null);
    } catch (JsonProcessingException malformed) {
      throw malformed(path, text, malformed);
    }
  }

  private static ObjectMapper mapperOf(Path path) {
    String name =
        path.getFileName() == null ? "" : path.getFileName().toString().toLowerCase(Locale.ROOT);
    if (name.endsWith(".toml")) {
      return TomlMapper.builder().build();
    }
    if (name.endsWith(".json")) {
      return JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();
    }
    throw refused(path, "is neither TOML nor JSON: the name must end in .toml or .json", null);
  }

  private static String textOf(Path path) {
    try {
      if (Files.isDirectory(path)) {
        throw refused(path, "is a directory", null);
      }
      if (Files.size(path) > LARGEST_BYTES) {
        throw refused(
            path, "has more than " + LARGEST_BYTES + " bytes, so it is no configuration", null);
      }
      return Files.readString(path);
    } catch (NoSuchFileException missing) {
      throw refused(path, "does not exist", missing);
    } catch (CharacterCodingException notText) {
      throw refused(path, "is not UTF-8 text", notText);
    } catch (IOException unreadable) {
      throw refused(path, "cannot be read (" + unreadable + ")", unreadable);
    }
  }

  /**
   * The parser may quote the text it stumbled over, so it only gets a word where nothing in the
   * file is secret.
   */
  private static HiCacheException malformed(Path path, String text, JsonProcessingException error) {
    JsonLocation where = error.getLocation();
    String place =
        where == null ? "" : " line " + where.getLineNr() + ", column " + where.getColumnNr() + ":";
    if (Secrets.mayHold(text)) {
      return refused(
          path,
          "is malformed:" + place + " details are withheld because the file holds secrets",
          null);
    }
    return refused(path, "is malformed:" + place + " " + error.getOriginalMessage(), error);
  }

  private static HiCacheException refused(Path path, String what, Throwable cause) {
    return new HiCacheException(
        ErrorCode.INVALID_ARGUMENT, "configuration file " + path + " " + what, cause);
  }
}
