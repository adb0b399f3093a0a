// SPDX-License-Identifier: Apache-2.0
package io.hicache.nixl;

import java.util.List;
import java.util.Locale;

/**
 * Which backend was chosen, and why the others were not.
 *
 * <p>Threads: immutable.
 *
 * @param backend name of the chosen backend as users say it, e.g. {@code POSIX} or {@code 3FS};
 *     empty when none could be used
 * @param nixlPlugin name of its plugin in NIXL, e.g. {@code HF3FS} for 3FS
 * @param candidates every backend that was looked at, in order of priority
 */
public record BackendReport(String backend, String nixlPlugin, List<Candidate> candidates) {

  /** What came of looking at a backend. */
  public enum State {
    /** It proved itself and is in use. */
    SELECTED,
    /** It cannot be used here; {@link Candidate#reason()} says why. */
    PASSED_OVER,
    /** Another one was chosen before its turn came, or it was not asked for. */
    NOT_TRIED
  }

  /**
   * One backend that was looked at.
   *
   * @param backend its name as users say it
   * @param nixlPlugin the name of its plugin in NIXL
   * @param state what came of it
   * @param reason why, in one line; may be empty for the selected one
   * @param advice what would make it usable; empty where there is nothing to do
   */
  public record Candidate(
      String backend, String nixlPlugin, State state, String reason, String advice) {}

  static BackendReport of(SettingsBlob described) {
    List<Candidate> candidates =
        described.blocks("candidate").stream().map(BackendReport::candidate).toList();
    return new BackendReport(described.text("backend"), described.text("nixl_plugin"), candidates);
  }

  /** After a choice that failed; where the core kept no candidates the error speaks for all. */
  static BackendReport ofFailure(String wanted, BackendReport kept, HiCacheException error) {
    Candidate failed = new Candidate(wanted, "", State.PASSED_OVER, error.getMessage(), "");
    return new BackendReport("", "", kept.candidates.isEmpty() ? List.of(failed) : kept.candidates);
  }

  private static Candidate candidate(SettingsBlob block) {
    State state =
        switch (block.text("state").toLowerCase(Locale.ROOT)) {
          case "selected" -> State.SELECTED;
          case "passed over" -> State.PASSED_OVER;
          default -> State.NOT_TRIED;
        };
    return new Candidate(
        block.text("backend"),
        block.text("plugin"),
        state,
        block.text("reason"),
        block.text("advice"));
  }

  /** One line for each candidate. */
  @Override
  public String toString() {
    StringBuilder text = new StringBuilder(backend.isEmpty() ? "no backend" : backend);
    for (Candidate c : candidates) {
      text.append("\n  ").append(c.backend).append(": ");
      text.append(c.state.name().toLowerCase(Locale.ROOT).replace('_', ' '));
      if (!c.reason.isEmpty()) {
        text.append(", ").append(c.reason);
      }
      if (!c.advice.isEmpty()) {
        text.append("; ").append(c.advice);
      }
    }
    return text.toString();
  }
}
