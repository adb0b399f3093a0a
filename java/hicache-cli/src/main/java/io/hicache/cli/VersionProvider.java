// SPDX-License-Identifier: Apache-2.0
package io.hicache.cli;

import java.io.IOException;
import java.io.InputStream;
import java.util.Properties;
import picocli.CommandLine.IVersionProvider;

/** The version that the build wrote beside this class. */
final class VersionProvider implements IVersionProvider {
  @Override
  public String[] getVersion() throws IOException {
    Properties properties = new Properties();
    try (InputStream stream = VersionProvider.class.getResourceAsStream("version.properties")) {
      properties.load(stream);
    }
    return new String[] {"hicache " + properties.getProperty("version")};
  }
}
