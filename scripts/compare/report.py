# SPDX-License-Identifier: Apache-2.0
"""The report: one document as JSON with every sample, and the same as Markdown."""
import datetime
import json
import sys

from compare import samples

SCHEMA = 1
JSON_NAME, MARKDOWN_NAME = "report.json", "report.md"
REACHED = {True: "yes", False: "no", None: "not measured"}
COMMAND = "scripts/bench.sh compare"
UNITS = {"us": "µs a page", "call_us": "µs a call, p50", "gbps": "GB/s", "fio_gbps": "fio, GB/s", "plain_gbps": "plain loop, GB/s",
         "garbage_bytes": "garbage of a call, bytes"}  # fmt: skip


def read(folder):
    """The report that is in a folder; nothing where there is none."""
    path = folder / JSON_NAME
    if not path.exists():
        return None
    earlier = json.loads(path.read_text())
    if earlier.get("schema") != SCHEMA:
        sys.exit(f"--add: {path} is of another version; measure it anew, or leave --add out")
    return earlier


def document(about, options, result, earlier):
    rows = dict(earlier["rows"]) if earlier else {}
    for name, row in result.rows.items():
        if row["samples"]:
            rows[name] = {**row, "commit": about["commit"]}
    return {
        "schema": SCHEMA,
        "measured": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "machine": about,
        "rounds": options.rounds,
        "quick": options.quick,
        "interrupted": result.interrupted,
        "problems": result.problems,
        "rows": rows,
    }


def write(document, plots, folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / JSON_NAME).write_text(json.dumps(document, indent=1) + "\n")
    (folder / MARKDOWN_NAME).write_text(markdown(document, plots))


def number(value):
    if abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.2f}"


def shown(measure):
    """A median and its spread, from a Measure as JSON."""
    low, high = number(measure["low"]), number(measure["high"])
    return number(measure["median"]) + (f" ({low} .. {high})" if low != high else "")


def table(titles, lines):
    yield "| " + " | ".join(titles) + " |"
    yield "|" + "---|" * len(titles)
    for line in lines:
        yield "| " + " | ".join(line) + " |"


def summary(document):
    """The goals, for a terminal."""
    lines = []
    for goal in document["goals"]:
        value = shown(goal["measured"][goal["judged"]]) if goal["judged"] else ""
        lines.append(f"{goal['work']:<62} {goal['relation']:>2} {goal['limit']:<5g}{goal['unit']:<3} "
                     f"{REACHED[goal['reached']]:<13} {value} {goal['judged'] or ''}".rstrip())  # fmt: skip
    counts = [sum(goal["reached"] is each for goal in document["goals"]) for each in REACHED]
    return "\n".join(lines) + f"\n{counts[0]} reached, {counts[1]} not reached, {counts[2]} not measured"


def goal_lines(document):
    contestants = [who for who in ("java segments", "java files", "native segments", "native files", "java objects")]
    yield from table(
        ["work", "goal", "reached", *contestants],
        (
            [
                goal["work"],
                f"{goal['relation']} {goal['limit']:g} {goal['unit']}",
                REACHED[goal["reached"]],
                *(
                    ("**%s**" if who == goal["judged"] else "%s") % shown(goal["measured"][who]) if who in goal["measured"] else ""
                    for who in contestants
                ),
            ]
            for goal in document["goals"]
        ),
    )


def title_of(figure):
    of, _, unit = figure.partition("_")
    if of in ("batch", "single"):
        operation, _, unit = unit.partition("_")
        of = f"{of} {operation}"
    return f"{of}, {UNITS[unit]}" if unit in UNITS else figure.replace("_", " ")


def row_lines(name, row):
    shape = row["shape"]
    of = [f"{shape['page_bytes']} bytes a page"] + [f"{shape[key]} {text}" for key, text in
         (("pages", "pages"), ("batch", "a call")) if key in shape]  # fmt: skip
    if "direct" in shape and row["file_system"] == "disk":
        of.append("O_DIRECT" if shape["direct"] else "through the page cache")
    yield f"\n### {name}\n"
    yield f"{', '.join(of)}, on {row['file_system']}; measured {row['measured']}, commit {row['commit']}.\n"
    figures = list(dict.fromkeys(figure for rounds in row["samples"].values() for each in rounds for figure in each))
    lines = []
    for who, rounds in row["samples"].items():
        cells = []
        for figure in figures:
            measure = samples.measure([each[figure] for each in rounds if figure in each])
            cells.append(shown(vars(measure)) if measure else "")
        lines.append([who, str(len(rounds)), *cells])
    yield from table(["contestant", "rounds", *map(title_of, figures)], lines)


def markdown(document, plots):
    about = document["machine"]
    lines = [
        "<!-- Written by scripts/bench.sh compare; changes are lost. -->",
        "# Comparison",
        "",
        f"Measured {document['measured']} by `{COMMAND}{' --quick' if document['quick'] else ''} --rounds {document['rounds']}`. "
        "Medians over the rounds, in brackets the least and the most of a round; a ratio is that of the medians. In every round each "
        "contestant has its turn. GB is 10^9 bytes.",
        "",
        "| machine | |",
        "|---|---|",
        f"| processor | {about['cpu']}, {about['cores']} cores |",
        f"| memory | {about['memory_gib']} GiB |",
        f"| system | {about['system']}, Linux {about['kernel']} |",
        *(f"| {kind} | {mount} |" for kind, mount in about["file_systems"].items()),
        f"| versions | commit {about['commit']}; NIXL {about['nixl']}; SGLang {about['sglang'] or 'not installed'}; fio {about['fio']}; "
        f"JDK {about['jdk']}; Python {about['python']} |",
        "",
    ]
    if document["interrupted"]:
        lines += ["**Interrupted: what was not measured is missing.**", ""]
    if document["problems"]:
        lines += ["**What failed:**", "", *("```\n%s\n```" % problem for problem in document["problems"]), ""]
    lines += [
        "## Goals",
        "",
        "*reached* judges what is in bold. *java* goes through the Java API, *native* through the C API; *segments* and *files* are the layouts. Against the peer: how many times longer its `v1` takes for the same pages.",
        "",
        *goal_lines(document),
        "",
        *(f"![{path.stem}]({path.name})" for path in plots),
        "",
        "## All rows",
    ]
    for name, row in document["rows"].items():
        lines += row_lines(name, row)
    return "\n".join(lines) + "\n"
