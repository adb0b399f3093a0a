#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The cases of scripts/interop-sglang.sh: SGLang's connector and the Java API take turns in the same directories.

  interop_cases.py --folder DIR [--only REGEX] --sglang CMD --sglang-v0 CMD --java CMD
  interop_cases.py --list [--only REGEX]

--folder DIR      where the cases work; each removes its files
--only REGEX      only the cases whose names match
--sglang CMD      starts interop.py, --sglang-v0 with sglang 0.5.12, --java starts InteropPeer

One line for each case, then the count. The exit status is 1 when a case failed.
"""
import argparse, hashlib, itertools, json, os, re, select, shlex, shutil, subprocess, sys, time

PAGES = 40
ANSWER_SECONDS = 120
LAYOUTS = {"mha": ["page_first", "page_first_direct", "layer_first", "page_head"], "mla": ["page_first", "page_first_direct", "layer_first"]}
SHAPES = {"mha": "--heads 4 --dim 32", "mla": "--heads 1 --dim 576"}  # of one rank


class Wrong(Exception):
    pass


class Side:
    """A process that carries out commands; started at the first one."""

    def __init__(self, name, command):
        self.name, self.command, self.process = name, command, None

    def ask(self, action, dirs, options, **more):
        if not self.process:
            self.process = subprocess.Popen(shlex.split(self.command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        line = " ".join([action, "--dirs", ",".join(dirs), options, *(f"--{k.replace('_', '-')} {v}" for k, v in more.items())])
        self.process.stdin.write(line + "\n")
        if not select.select([self.process.stdout], [], [], ANSWER_SECONDS)[0]:
            self.process.kill()
            self.process.wait()
            self.process = None
            raise Wrong(f"{self.name}: no answer in {ANSWER_SECONDS} s to: {line}")
        answer = self.process.stdout.readline()
        if not answer:
            status, self.process = self.process.wait(), None
            raise Wrong(f"{self.name} ended with status {status} at: {line}")
        answer = json.loads(answer)
        if "error" in answer:
            raise Wrong(f"{self.name}: {answer['error']}; at: {line}")
        return {**answer, "of": f"{self.name}, {line}"}

    def close(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait(ANSWER_SECONDS)


def expect(answer, **wanted):
    for field, value in wanted.items():
        if answer.get(field) != value:
            shown = {k: v for k, v in answer.items() if k != "of"}
            raise Wrong(f"{field} should be {value}: {shown} from {answer['of']}")


def whole(answer, pages=PAGES, **more):
    """Every page is there, equal element by element, and nothing beside the pages was written to."""
    expect(answer, exists=pages, exists_then_missing=pages, exists_missing_first=0, true=pages, equal=pages, untouched=True, **more)


def never_wrong(answer):
    """Whatever was answered: what is called a hit has the right bytes."""
    expect(answer, equal=answer["true"], untouched=True)


def tree(dirs):
    """(number of the directory, bucket/name) -> digest of each page's file; Java's own book-keeping is in .hicache."""
    found = {}
    for number, base in enumerate(dirs):
        for at, _, names in os.walk(base):
            for name in names:
                path = os.path.join(at, name)
                inside = os.path.relpath(path, base)
                if not inside.startswith(".hicache"):
                    found[number, inside] = hashlib.sha256(open(path, "rb").read()).hexdigest()
    return found


def same_files(one, other, count):
    if len(one) != count:
        raise Wrong(f"{len(one)} files where {count} were expected, among them {sorted(one)[:2]}")
    if one != other:
        different = sorted(k for k in one.keys() | other.keys() if one.get(k) != other.get(k))
        raise Wrong(f"{len(different)} of {len(one)} files differ in name or bytes, the first {different[0]}")


class Cases:
    """Each case is (name, function); the function raises Wrong or returns what it proved."""

    def __init__(self, folder, sglang, sglang_v0, java):
        self.folder, self.sglang, self.sglang_v0, self.java = folder, sglang, sglang_v0, java

    def dirs(self, name, count=1):
        return [os.path.join(self.folder, f"{name}{i}") for i in range(count)]

    def all(self):
        for model, direct, dirs, tp in itertools.product(LAYOUTS, (0, 1), (1, 3), (1, 2)):
            for layout in LAYOUTS[model]:
                options = f"--model {model} --layout {layout} --direct {direct} {SHAPES[model]} --tp-size {tp} --pages {PAGES}"
                zero_copy = layout.startswith("page_first")
                files = 2 if model == "mha" and zero_copy else 1
                yield (f"{model}-{layout}-{'zerocopy' if zero_copy else 'copied'}-{dirs}dirs-tp{tp}-direct{direct}",
                       lambda o=options, m=model, d=dirs, t=tp, f=files: self.both_ways(self.sglang, o, m, d, t, f))
        yield from self.shapes()
        for model, tp, direct in itertools.product(LAYOUTS, (1, 2), (0, 1)):
            options = f"--api v0 --model {model} --direct {direct} {SHAPES[model]} --tp-size {tp} --pages {PAGES}"
            yield (f"v0-{model}-tp{tp}-direct{direct}",
                   lambda o=options, m=model, t=tp: self.both_ways(self.sglang_v0, o, m, 1, t, 1))
        for model, layout in (("mha", "page_first"), ("mha", "layer_first"), ("mla", "page_first")):
            options = f"--model {model} --layout {layout} {SHAPES[model]} --pages {PAGES}"
            for case in (self.sglang_over_java, self.java_over_sglang, self.same_again, self.cut_short, self.deleted):
                yield f"{case.__name__.replace('_', '-')}-{model}-{layout}", lambda c=case, o=options: c(o)
        yield "half-a-page-mha-page_first", lambda: self.half_a_page(f"--layout page_first {SHAPES['mha']} --pages {PAGES}")
        yield from self.other_layouts()

    def shapes(self):
        """name -> options, files of a page, pages: real models, other dtypes, memory that is not aligned for direct I/O."""
        for name, options, files, pages in (
            ("llama-3-8b-page-of-8MiB", "--layers 32 --tokens 64 --heads 8 --dim 128 --pool-pages 16", 2, 8),
            ("deepseek-v3-page-of-4.3MiB", "--model mla --layers 61 --tokens 64 --heads 1 --dim 576 --pool-pages 16", 1, 8),
            ("full-batch-of-128", "--pool-pages 130", 2, 128),
            ("float16", "--dtype float16", 2, PAGES),
            ("float32", "--dtype float32", 2, PAGES),
            ("uint8", "--dtype uint8", 2, PAGES),
            ("float8_e4m3fn", "--dtype float8_e4m3fn", 2, PAGES),
            ("unaligned-page_first-copied", "--layers 3 --heads 2", 1, PAGES),  # K: 6144 bytes
            ("unaligned-page_first_direct-copied", "--layout page_first_direct --layers 3 --heads 2", 1, PAGES),
            ("unaligned-pool-of-one-page-copied", "--layers 3 --heads 2 --pool-pages 1", 1, 1),
            ("unaligned-buffered-zerocopy", "--layers 3 --heads 2 --dim 31 --direct 0", 2, PAGES),
        ):
            model = "mla" if "mla" in options else "mha"
            yield f"{model}-{name}", lambda o=f"{options} --pages {pages}", m=model, f=files, p=pages: self.both_ways(self.sglang, o, m, 3, 1, f, p)

    def both_ways(self, sglang, options, model, dirs, tp, files, pages=PAGES):
        """Each writes into directories of its own, the other reads; then both write to and read from the same directories."""
        theirs, ours, shared = self.dirs("sglang", dirs), self.dirs("java", dirs), self.dirs("shared", dirs)
        half = (pages + 1) // 2
        for rank in reversed(range(tp)):
            for side, where in ((sglang, theirs), (self.java, ours)):
                expect(side.ask("write", where, options, tp_rank=rank), true=pages)
                if model == "mla" and sglang is self.sglang and rank > 0 and tree(where):
                    raise Wrong(f"{side.name} stored MLA pages of rank {rank}; the first rank stores for all")
            expect(sglang.ask("write", shared, options, tp_rank=rank, pages=half), true=half)
            if half < pages:
                expect(self.java.ask("write", shared, options, tp_rank=rank, first=half, pages=pages - half), true=pages - half)
        same_files(tree(theirs), tree(ours), files * pages * (1 if model == "mla" else tp))
        for rank in range(tp):
            whole(sglang.ask("read", ours, options, tp_rank=rank), pages)
            whole(sglang.ask("read", shared, options, tp_rank=rank), pages)
            for where, verified in ((theirs, 0), (ours, pages), (shared, pages - half)):
                answer = self.java.ask("read", where, options, tp_rank=rank)
                whole(answer, pages, verified=verified, direct_io="--direct 0" not in options)
        return f"pages {pages}, ranks {tp}, files {len(tree(ours))}: same names and bytes; each read by the other, apart and mixed"

    def overwritten(self, options):
        """Pages sealed by Java (seed 1), then written over in place by SGLang (seed 2)."""
        dirs = self.dirs("pages")
        expect(self.java.ask("write", dirs, options, seed=1), true=PAGES)
        whole(self.java.ask("read", dirs, options, seed=1), verified=PAGES)
        expect(self.sglang.ask("write", dirs, options, seed=2), true=PAGES)
        return dirs

    def sglang_over_java(self, options):
        dirs = self.overwritten(options)
        answer = self.java.ask("read", dirs, options, seed=2)
        never_wrong(answer)
        whole(self.sglang.ask("read", dirs, options, seed=2))
        expect(self.java.ask("write", dirs, options, seed=3), true=PAGES, skipped_files=0)
        whole(self.java.ask("read", dirs, options, seed=3), verified=PAGES)
        whole(self.sglang.ask("read", dirs, options, seed=3))
        return f"Java: {answer['outcomes']}, none wrong; set again by Java, both read it"

    def java_over_sglang(self, options):
        dirs = self.dirs("pages")
        expect(self.sglang.ask("write", dirs, options, seed=1), true=PAGES)
        expect(self.java.ask("write", dirs, options, seed=2), true=PAGES, skipped_files=0)
        whole(self.sglang.ask("read", dirs, options, seed=2))
        whole(self.java.ask("read", dirs, options, seed=2), verified=PAGES)
        return "SGLang reads the pages that Java put in the place of its own"

    def same_again(self, options):
        """Keys are content hashes: what is written again is most often the same."""
        theirs, ours = self.dirs("sglang"), self.dirs("java")
        for dirs, sides in ((theirs, (self.sglang, self.java)), (ours, (self.java, self.sglang))):
            for side in sides:
                expect(side.ask("write", dirs, options), true=PAGES)
            whole(self.java.ask("read", dirs, options), verified=PAGES)
            whole(self.sglang.ask("read", dirs, options))
            expect(self.java.ask("write", dirs, options), true=PAGES, stored_files=0)
        return "whoever came last, both read it, Java with its checksum"

    def cut_short(self, options):
        """Half of the pages of SGLang end in the middle, as after a full disk."""
        dirs = self.dirs("pages")
        expect(self.sglang.ask("write", dirs, options), true=PAGES)
        for number, inside in sorted(tree(dirs))[::2]:
            path = os.path.join(dirs[number], inside)
            os.truncate(path, os.path.getsize(path) // 2 // 4096 * 4096)
        answer = self.java.ask("read", dirs, options)
        never_wrong(answer)
        if answer["true"] in (0, PAGES):
            raise Wrong(f"of {PAGES} pages, half of them cut short, Java gets {answer['true']}")
        never_wrong(self.sglang.ask("read", dirs, options))
        return f"Java: {answer['outcomes']}, none wrong, those that are whole are served"

    def deleted(self, options):
        dirs = self.dirs("pages")
        for side, half in ((self.sglang, 0), (self.java, 1)):
            expect(side.ask("write", dirs, options, first=half * PAGES // 2, pages=PAGES // 2), true=PAGES // 2)
        expect(self.java.ask("delete", dirs, options), true=PAGES)
        if tree(dirs):
            raise Wrong(f"{len(tree(dirs))} files are left")
        for side in (self.sglang, self.java):
            expect(side.ask("read", dirs, options), exists=0, true=0, untouched=True)
        return "Java deletes its own pages and SGLang's, all files of each"

    def half_a_page(self, options):
        dirs = self.dirs("pages")
        expect(self.sglang.ask("write", dirs, options), true=PAGES)
        for number, inside in tree(dirs):
            if inside.endswith("_v"):
                os.unlink(os.path.join(dirs[number], inside))
        for side in (self.sglang, self.java):
            expect(side.ask("read", dirs, options), exists=0, true=0)
        return "K without V is a miss to both"

    def other_layouts(self):
        """What is NOT shared. A page's name tells neither layout nor shape; only how many files a page is shows in it."""
        for model, one, other, same_names in (
            ("mha", "page_first", "page_first_direct", True), ("mla", "page_first", "page_first_direct", True),
            ("mha", "layer_first", "page_head", True), ("mha", "page_first", "layer_first", False),
            ("mla", "page_first_direct", "layer_first", False),
        ):
            yield (f"not-shared-{model}-{one}-{other}",
                   lambda m=model, o=one, p=other, s=same_names: self.not_shared(f"--model {m} {SHAPES[m]} --pages {PAGES}", o, p, s))

    def not_shared(self, options, one, other, same_names):
        sides = (self.sglang, self.java)
        for writer, reader in itertools.product(sides, sides):
            dirs = self.dirs(f"{writer.name}-{reader.name}")
            expect(writer.ask("write", dirs, options, layout=one), true=PAGES)
            found = PAGES if same_names else 0
            expect(reader.ask("read", dirs, options, layout=other), exists=found, true=found, equal=0)
        return ("the same names and lengths, and every page's elements in other places, whoever writes and reads"
                if same_names else "other names: a miss, whoever writes and reads")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option in ("--folder", "--sglang", "--sglang-v0", "--java"):
        parser.add_argument(option, default="")
    parser.add_argument("--only", default="")
    parser.add_argument("--list", action="store_true")
    a = parser.parse_args()
    sides = Side("sglang", a.sglang), Side("sglang-v0", a.sglang_v0), Side("java", a.java)
    chosen = [(name, case) for name, case in Cases(a.folder, *sides).all() if re.search(a.only, name)]
    if a.list:
        print("\n".join(name for name, _ in chosen))
        return 0
    failed = 0
    for name, case in chosen:
        started = time.monotonic()
        try:
            verdict = f"ok    {name}: {case()}"
        except Wrong as e:
            failed += 1
            verdict = f"WRONG {name}: {e}"
        print(f"{verdict} ({time.monotonic() - started:.1f} s)", flush=True)
        for entry in os.listdir(a.folder):
            shutil.rmtree(os.path.join(a.folder, entry))
    for side in sides:
        side.close()
    print(f"{len(chosen) - failed} passed, {failed} failed", flush=True)
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
