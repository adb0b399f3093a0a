# SPDX-License-Identifier: Apache-2.0
"""What is to be reached, and whether it is."""
import dataclasses
import operator

from compare import samples

LAYOUTS = ("segments", "files")
CONTESTANTS = tuple(f"{side} {layout}" for side in ("java", "native") for layout in LAYOUTS)
COMPARE = {">=": operator.ge, "<=": operator.le, "<": operator.lt}


@dataclasses.dataclass(frozen=True)
class Goal:
    """value(rows, contestant): a Measure or None. The contestant that is judged is the first of these that was measured."""

    work: str
    relation: str
    limit: float
    unit: str
    value: object
    contestants: tuple = CONTESTANTS


def faster(row, figure, factor, work):
    """How many times longer the peer's v1 takes."""
    return Goal(
        work, ">=", factor, "x", lambda rows, who: samples.ratio(rows, (row, "peer v1", figure), (row, who, figure))
    )


def part_of(row, operation, of, limit, work):
    """Our share of what fio or a plain loop moves in the same time."""

    def value(rows, who):
        return samples.ratio(rows, (row, who, f"{operation}_gbps"), (row, who, f"{operation}_{of}_gbps"))

    return Goal(work, ">=", limit, "x", value)


def like_sdk(row, operation, limit, work):
    """How many times longer the AWS SDK alone takes."""

    def value(rows, who):
        return samples.ratio(rows, (row, "aws sdk", f"{operation}_us"), (row, who, f"{operation}_us"))

    return Goal(work, ">=", limit, "x", value, ("java objects",))


def java_more(figure, relation, limit, unit, of, work):
    def value(rows, who):
        row = "java-over-native"
        return samples.combined(rows, (row, who, figure), (row, who.replace("java", "native"), figure), of)

    return Goal(work, relation, limit, unit, value, ("java segments",))


def garbage(operation, passed=""):
    def value(rows, who):
        return samples.measure(samples.figures(rows, "java-over-native", who + passed, f"batch_{operation}_garbage_bytes"))

    return Goal(f"garbage of a batch of 128, {operation}{passed or ', tensors'}", "<", 4096, "B", value, ("java segments",))


def more_lanes(name, work):
    def value(rows, who):
        row = f"lanes-{name}"
        return samples.ratio(rows, (row, f"{who}, 2 lanes", "get_gbps"), (row, f"{who}, 1 lanes", "get_gbps"))

    return Goal(work, ">=", 1.6, "x", value)


def of_index(rows):
    """The contestants of the index, by their keys."""
    return sorted(rows.get("index", {}).get("samples", {}), key=lambda name: int(name.split()[0]))


def index_exists(rows, _):
    few_many = of_index(rows)
    if len(few_many) < 2:
        return None
    return samples.ratio(rows, ("index", few_many[1], "exists_us"), ("index", few_many[0], "exists_us"))


def index_open(rows, _):
    few_many = of_index(rows)
    return samples.measure(samples.figures(rows, "index", few_many[-1], "open_ms")) if few_many else None


def all_goals():
    for size in ("72KiB", "256KiB"):
        yield faster(f"tmpfs-{size}-b128", "set_us", 4, f"set {size}, batch 128, tmpfs, against peer v1")
        yield faster(f"tmpfs-{size}-b128", "get_us", 3, f"get {size}, batch 128, tmpfs, against peer v1")
    yield faster("tmpfs-8MiB-b64", "set_us", 2, "set 8 MiB, tmpfs, against peer v1")
    yield faster("tmpfs-8MiB-b64", "get_us", 1.5, "get 8 MiB, tmpfs, against peer v1")
    for mode in ("buffered", "direct"):
        yield faster(f"disk-256KiB-b128-{mode}", "set_us", 6, f"set 256 KiB, disk, {mode}, against peer v1")
    for operation in ("set", "get"):
        yield faster("tmpfs-72KiB-b1", f"{operation}_call_us", 6, f"one page of 72 KiB, {operation} p50, against peer v1")
    yield faster("tmpfs-72KiB-b128", "exists_us", 8, "exists, per page in a batch of 128, against peer v1")
    yield Goal(
        "exists, per page in a batch of 128", "<", 1, "us",
        lambda rows, who: samples.measure(samples.figures(rows, "tmpfs-72KiB-b128", who, "exists_us")),
    )  # fmt: skip
    for size, limit in (("72KiB", 0.92), ("256KiB", 0.97), ("8MiB", 0.97)):
        for operation in ("set", "get"):
            yield part_of(f"fio-{size}", operation, "fio", limit, f"{operation} {size}, O_DIRECT, against fio")
    for checksum, limit, text in ((0, 0.95, "not verified"), (1, 0.75, "verified")):
        for operation in ("set", "get"):
            work = f"{operation} 72KiB, tmpfs, checksums {text}, against a plain loop"
            yield part_of(f"plain-72KiB-checksum{checksum}", operation, "plain", limit, work)
    for operation in ("set", "get"):
        figure = f"batch_{operation}_call_us"
        yield java_more(figure, "<=", 3, "%", lambda a, b: 100 * (a / b - 1), f"Java over native, {operation} of 128 x 72 KiB")
    for operation in ("set", "get"):
        figure = f"single_{operation}_call_us"
        yield java_more(figure, "<=", 3, "us", lambda a, b: a - b, f"Java over native, {operation} of one page")
    for operation in ("set", "get"):
        yield garbage(operation)
        yield garbage(operation, ", addresses")
    yield dataclasses.replace(garbage("exists"), work="garbage of a batch of 128, exists")
    yield Goal("10^4 to 10^7 keys: exists", "<=", 2, "x", index_exists, ("native segments",))
    yield Goal("10^7 keys: open", "<=", 1000, "ms", index_open, ("native segments",))
    for row, operation, limit, text in (
        ("objects-8MiB-b16", "set", 0.9, "put 8 MiB"),
        ("objects-8MiB-b16", "get", 0.9, "get 8 MiB"),
        ("objects-72KiB-b128", "set", 1, "put 72 KiB, batch 128"),
        ("objects-72KiB-b128", "get", 1, "get 72 KiB, batch 128"),
    ):
        yield like_sdk(row, operation, limit, f"{text}, S3, against the AWS SDK")
    for size in ("72KiB", "256KiB"):
        yield more_lanes(size, f"two lanes over one, get {size}, tmpfs")


def evaluate(rows):
    """Each goal as JSON: work, goal, unit, by contestant the median and its spread, reached (null: not measured)."""
    return [_evaluate(goal, rows) for goal in all_goals()]


def _evaluate(goal, rows):
    measured = {who: goal.value(rows, who) for who in goal.contestants}
    measured = {who: value for who, value in measured.items() if value is not None}
    judged = next(iter(measured), None)
    return {
        "work": goal.work,
        "relation": goal.relation,
        "limit": goal.limit,
        "unit": goal.unit,
        "judged": judged,
        "reached": bool(COMPARE[goal.relation](measured[judged].median, goal.limit)) if judged else None,
        "measured": {who: dataclasses.asdict(value) for who, value in measured.items()},
    }
