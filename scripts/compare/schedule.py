# SPDX-License-Identifier: Apache-2.0
"""Runs rows: in every round each contestant has its turn; rounds go forward and back, so that nobody is always first."""
import dataclasses
import datetime
import shutil
import sys

import tqdm

from compare.contestants import ContestantFailed

LOG_SECONDS = 20  # between two lines of progress in a log


@dataclasses.dataclass
class Result:
    rows: dict = dataclasses.field(default_factory=dict)  # name -> {"shape", "measured", "samples": {contestant: [figures]}}
    problems: list = dataclasses.field(default_factory=list)
    interrupted: bool = False


def run(rows, rounds, folders):
    """Never raises for what a contestant or Ctrl-C does: the result has what there is, and says what happened."""
    result = Result()
    work = [(row, list(row.contestants(folders[row.file_system] / row.name))) for row in rows]
    turns = sum(len(contestants) * (rounds + 1) for _, contestants in work)
    every = 0.1 if sys.stderr.isatty() else LOG_SECONDS
    with tqdm.tqdm(total=turns, unit="turn", dynamic_ncols=True, smoothing=0.1, mininterval=every, maxinterval=every) as progress:
        try:
            for row, contestants in work:
                _run_row(row, contestants, rounds, folders, progress, result)
        except KeyboardInterrupt:
            result.interrupted = True
    return result


def _run_row(row, contestants, rounds, folders, progress, result):
    folder = folders[row.file_system] / row.name
    folder.mkdir()
    samples = {}
    result.rows[row.name] = {
        "shape": row.shape,
        "file_system": row.file_system,
        "measured": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "samples": samples,
    }
    planned = progress.n + len(contestants) * (rounds + 1)
    try:
        for contestant in contestants:
            _step(progress, row, contestant, "starts", contestant.start)
        for number in range(rounds):
            for contestant in contestants if number % 2 == 0 else reversed(contestants):
                figures = _step(progress, row, contestant, f"round {number + 1}", contestant.turn)
                of = samples.setdefault(contestant.name, [])
                if len(of) > number:
                    of[number].update(figures)  # the other half of a contestant with two shapes
                else:
                    of.append(figures)
        for contestant in contestants:
            contestant.stop()
    except (ContestantFailed, OSError, ValueError, KeyError) as problem:
        result.problems.append(f"{row.name}: {type(problem).__name__}: {problem}")
        progress.write(result.problems[-1])
        progress.update(planned - progress.n)
    finally:
        for contestant in contestants:
            contestant.kill()
        shutil.rmtree(folder)


def _step(progress, row, contestant, what, call):
    progress.set_description(f"{row.name}, {contestant.name} {what}", refresh=sys.stderr.isatty())
    answer = call()
    progress.update(1)
    return answer
