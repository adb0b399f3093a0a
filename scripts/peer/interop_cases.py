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
import argparse, itertools, os, re, shutil, sys, time

from interop_sides import Side, Wrong, expect, never_wrong, same_files, tree, whole

PAGES = 40
LAYOUTS = {"mha": ["page_first", "page_first_direct", "layer_first", "page_head"], "mla": ["page_first", "page_first_direct", "layer_first"]}
SHAPES = {"mha": "--heads 4 --dim 32", "mla": "--heads 1 --dim 576"}  # of one rank


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
            for case in (self.sglang_over_java, self.java_over_sglang, self.same_again, self.at_the_same_time, self.cut_short, self.deleted):
                yield f"{case.__name__.replace('_', '-')}-{model}-{layout}", lambda c=case, o=options: c(o)
        yield "half-a-page-mha-page_first", lambda: self.half_a_page(f"--layout page_first {SHAPES['mha']} --pages {PAGES}")
        yield from self.other_settings()

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

    def sglang_over_java(self, options):
        """Pages sealed by Java, then written over in place by SGLang with other bytes, then set by Java as they were at first."""
        dirs = self.dirs("pages")
        expect(self.java.ask("write", dirs, options, seed=1), true=PAGES)
        whole(self.java.ask("read", dirs, options, seed=1), PAGES, verified=PAGES)
        expect(self.sglang.ask("write", dirs, options, seed=2), true=PAGES)
        whole(self.sglang.ask("read", dirs, options, seed=2), PAGES)
        answer = self.java.ask("read", dirs, options, seed=2)
        never_wrong(answer)
        expect(answer, true=0, outcomes={"MISS": PAGES})  # the first get says CORRUPT and removes the page, the second finds none
        expect(self.sglang.ask("read", dirs, options, seed=2), exists=0, true=0)
        expect(self.java.ask("write", dirs, options, seed=1), true=PAGES, skipped_files=0)
        whole(self.java.ask("read", dirs, options, seed=1), PAGES, verified=PAGES)
        whole(self.sglang.ask("read", dirs, options, seed=1), PAGES)
        return f"Java gets {answer['true']} of {PAGES}, none wrong; set again by Java, both read them"

    def java_over_sglang(self, options):
        dirs = self.dirs("pages")
        expect(self.sglang.ask("write", dirs, options, seed=1), true=PAGES)
        expect(self.java.ask("write", dirs, options, seed=2), true=PAGES, skipped_files=0)
        whole(self.sglang.ask("read", dirs, options, seed=2), PAGES)
        whole(self.java.ask("read", dirs, options, seed=2), PAGES, verified=PAGES)
        return "SGLang reads the pages that Java put in the place of its own"

    def at_the_same_time(self, options):
        """Both at work in the same directories: on different pages, one replacing what the other reads, and on the same new pages."""
        dirs, rounds = self.dirs("pages", 3), 6
        both = dict(pages=2 * PAGES, pool_pages=2 * PAGES + 8)

        def together(sglang, java):
            for side, (action, more) in ((self.sglang, sglang), (self.java, java)):
                side.post(action, dirs, options, **more)
            return self.sglang.answer(), self.java.answer()

        for first in range(0, rounds * 3 * PAGES, 3 * PAGES):
            old, other, new = (dict(first=first + i * PAGES) for i in range(3))
            for answer in together(("write", old), ("write", other)):
                expect(answer, true=PAGES)
            read, written = together(("read", {**old, **both}), ("write", old))
            whole(read, 2 * PAGES)
            expect(written, true=PAGES, skipped_files=0)
            written, read = together(("write", other), ("read", {**old, **both}))
            whole(read, 2 * PAGES, verified=2 * PAGES)
            expect(written, true=PAGES)
            for answer in together(("write", new), ("write", new)):
                expect(answer, true=PAGES)
            for answer in together(("read", {**other, **both}), ("read", {**other, **both})):
                whole(answer, 2 * PAGES)
        return f"{rounds} rounds: both write, one replaces what the other reads, both write the same"

    def same_again(self, options):
        """Keys are content hashes: what is written again is most often the same."""
        theirs, ours = self.dirs("sglang"), self.dirs("java")
        for dirs, sides in ((theirs, (self.sglang, self.java)), (ours, (self.java, self.sglang))):
            for side in sides:
                expect(side.ask("write", dirs, options), true=PAGES)
            whole(self.java.ask("read", dirs, options), PAGES, verified=PAGES)
            whole(self.sglang.ask("read", dirs, options), PAGES)
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

    def other_settings(self):
        """What is NOT shared. A page's name tells no shape; of the layout it tells only how many files a page is."""
        places, misses = "the same names and lengths, and every element in another place", "other names: misses"
        mha, mla = (f"--model {model} {SHAPES[model]} --pages {PAGES}" for model in SHAPES)
        for name, options, writer, reader, found, verdict in (
            ("mha-page_first-page_first_direct", mha, "--layout page_first", "--layout page_first_direct", "all", places),
            ("mla-page_first-page_first_direct", mla, "--layout page_first", "--layout page_first_direct", "all", places),
            ("mha-layer_first-page_head", mha, "--layout layer_first", "--layout page_head", "all", places),
            ("mha-page_first-layer_first", mha, "--layout page_first", "--layout layer_first", "none", misses),
            ("mla-page_first_direct-layer_first", mla, "--layout page_first_direct", "--layout layer_first", "none", misses),
            ("mha-tp1-tp2", mha, "--tp-size 1", "--tp-size 2", "none", misses),
            ("mha-unaligned-direct1-direct0", mha + " --layers 3 --heads 2", "--direct 1", "--direct 0", "none", misses),
            ("mha-4-layers-3-layers", mha, "--layers 4", "--layers 3", "sglang", "Java sees that pages are too long, SGLang reads their beginning"),
            ("mha-3-layers-4-layers", mha, "--layers 3", "--layers 4", "short", "too short for a get of either"),
        ):
            yield (f"not-shared-{name}",
                   lambda w=f"{options} {writer}", r=f"{options} {reader}", f=found, v=verdict: self.not_shared(w, r, f, v))
        yield "not-shared-order-of-directories", lambda: self.not_shared(mha, mha, "none", misses, dirs=3)

    def not_shared(self, write, read, found, verdict, dirs=1):
        sides = (self.sglang, self.java)
        for writer, reader in itertools.product(sides, sides):
            where = self.dirs(f"{writer.name}-{reader.name}", dirs)
            expect(writer.ask("write", where, write), true=PAGES)
            answer = reader.ask("read", where[1:] + where[:1], read)
            hits = PAGES if found in ("all", reader.name) else 0
            exists = PAGES if found == "short" and reader is self.sglang else hits  # SGLang looks at names alone
            expect(answer, exists=exists, true=hits, equal=0)
        return f"{verdict}, whoever writes and reads"


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
            for side in sides:  # an answer may be open
                side.stop()
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
