// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.core.LogEvent;
import org.apache.logging.log4j.core.LoggerContext;
import org.apache.logging.log4j.core.appender.AbstractAppender;
import org.apache.logging.log4j.core.config.LoggerConfig;
import org.apache.logging.log4j.core.config.Property;

/** Collects every log line, of every level, while it is open. */
final class CapturedLog extends AbstractAppender implements AutoCloseable {
  private final List<String> lines = new CopyOnWriteArrayList<>();
  private final LoggerContext context;
  private final LoggerConfig root;
  private final Level before;

  CapturedLog() {
    super("captured", null, null, false, Property.EMPTY_ARRAY);
    start();
    context = (LoggerContext) LogManager.getContext(false);
    root = context.getConfiguration().getRootLogger();
    before = root.getLevel();
    root.setLevel(Level.ALL);
    root.addAppender(this, Level.ALL, null);
    context.updateLoggers();
  }

  @Override
  public void append(LogEvent event) {
    String thrown = event.getThrown() == null ? "" : " " + event.getThrown();
    lines.add(event.getLevel() + " " + event.getMessage().getFormattedMessage() + thrown);
  }

  /** Lines so far, each as level, blank, message. */
  List<String> lines() {
    return List.copyOf(lines);
  }

  @Override
  public void close() {
    root.removeAppender(getName());
    root.setLevel(before);
    context.updateLoggers();
    stop();
  }
}
