# SPDX-License-Identifier: Apache-2.0
"""Ours against the peer, against fio and a plain loop, and Java against native: what scripts/bench.sh compare runs.

Writes report.md, report.json and plots. The contestants of a row take turns within every round.
"""
import argparse
import pathlib
import signal
import sys

from compare import goals, machine, plot, report, rows, schedule, scratch

EXIT_GOOD, EXIT_FAILURE, EXIT_INTERRUPTED = 0, 3, 130


def parse(arguments):
    parser = argparse.ArgumentParser(prog="scripts/bench.sh compare", description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, help="how often each contestant is measured (7; with --quick 2)")
    parser.add_argument("--quick", action="store_true", help="a quarter of the pages, for a first look")
    parser.add_argument("--only", default="", metavar="REGEX", help="only the rows in whose names it is found")
    parser.add_argument("--list", action="store_true", help="print the names of the rows and measure nothing")
    parser.add_argument("--no-peer", action="store_true", help="leave SGLang's connector out")
    parser.add_argument("--install-peer", action="store_true", help="install the connector first when it is missing")
    parser.add_argument("--no-build", action="store_true", help="take what was built before")
    parser.add_argument("--dir-tmpfs", type=pathlib.Path, default="/dev/shm", metavar="DIR", help="on tmpfs (/dev/shm)")
    parser.add_argument("--dir-disk", type=pathlib.Path, metavar="DIR", help="on a disk (build/bench)")
    parser.add_argument("--out", type=pathlib.Path, metavar="DIR", help="of the report (docs/benchmarks)")
    parser.add_argument("--add", action="store_true", help="keep the other rows of the report that is there")
    options = parser.parse_args(arguments)
    options.rounds = options.rounds or (2 if options.quick else 7)
    options.dir_disk = options.dir_disk or machine.ROOT / "build/bench"
    options.out = options.out or machine.ROOT / "docs/benchmarks"
    if options.rounds < 1:
        parser.error("--rounds takes a number from 1 on")
    return options


def main(arguments):
    options = parse(arguments)
    chosen = rows.chosen(options.only, quick=options.quick, peer=not options.no_peer)
    if options.list:
        print("\n".join(row.name for row in chosen))
        return EXIT_GOOD
    if not chosen:
        sys.exit(f"no row's name holds '{options.only}'; see --list")
    earlier = report.read(options.out) if options.add else None
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does, with a report
    with scratch.folders(options.dir_tmpfs, options.dir_disk) as folders:
        result = schedule.run(chosen, options.rounds, folders)
        about = machine.describe(folders)
    document = report.document(about, options, result, earlier)
    document["goals"] = goals.evaluate(document["rows"])
    plots = plot.draw(document, options.out)
    report.write(document, plots, options.out)
    print(report.summary(document))
    print(f"report in {options.out}")
    if result.problems:
        return EXIT_FAILURE
    return EXIT_INTERRUPTED if result.interrupted else EXIT_GOOD


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
