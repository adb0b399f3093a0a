# SPDX-License-Identifier: Apache-2.0
"""Plots of a report, as SVG that is the same for the same report."""
import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "hicache", "svg.fonttype": "none", "font.size": 8})
from matplotlib import pyplot  # noqa: E402

from compare import samples  # noqa: E402

GOOD, BAD, OTHER = "#2a7f62", "#b3541e", "#8a8f98"


def draw(document, folder):
    """Writes the plots into the folder; returns the paths of those that had something to show."""
    folder.mkdir(parents=True, exist_ok=True)
    return [path for draw_one in (throughput, factors) if (path := draw_one(document, folder))]


def save(figure, path):
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    return path


def throughput(document, folder):
    """GB/s of set and get for each contestant of the rows with a peer's shape, a panel each."""
    rows = {name: row for name, row in document["rows"].items() if name.startswith(("tmpfs-", "disk-"))}
    if not rows:
        return None
    figure, panels = pyplot.subplots(len(rows), 2, figsize=(9, 1.7 * len(rows)), squeeze=False, sharex=False)
    for (name, row), line in zip(rows.items(), panels):
        for operation, panel in zip(("set", "get"), line):
            measured = {
                who: measure
                for who in row["samples"]
                if (measure := samples.measure(samples.figures(rows, name, who, f"{operation}_gbps")))
            }
            bars(panel, measured, [OTHER if who.startswith("peer") else GOOD for who in measured])
            panel.set_title(f"{operation}, {name}, GB/s")
    return save(figure, folder / "throughput.svg")


def bars(panel, measured, colours):
    """A bar for each median, with a line from the least to the most."""
    medians = [measure.median for measure in measured.values()]
    below = [measure.median - min(measure.low, measure.median) for measure in measured.values()]
    above = [max(measure.high, measure.median) - measure.median for measure in measured.values()]
    panel.barh(list(measured), medians, xerr=[below, above], color=colours, error_kw={"elinewidth": 0.8})
    panel.invert_yaxis()


def factors(document, folder):
    """Each goal that is a factor, as share of what is asked for: 1 is reached."""
    measured, colours = {}, []
    for goal in document["goals"]:
        if goal["unit"] != "x" or goal["relation"] != ">=" or not goal["judged"]:
            continue
        value = goal["measured"][goal["judged"]]
        label = f"{goal['work']} ({goal['relation']} {goal['limit']:g})"
        measured[label] = samples.Measure(*(value[part] / goal["limit"] for part in ("median", "low", "high")))
        colours.append(GOOD if goal["reached"] else BAD)
    if not measured:
        return None
    figure, panel = pyplot.subplots(figsize=(9, 0.6 + 0.28 * len(measured)))
    bars(panel, measured, colours)
    panel.axvline(1, color="black", linewidth=0.8)
    panel.set_title("share of the goal that is reached")
    return save(figure, folder / "goals.svg")
