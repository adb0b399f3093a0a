# SPDX-License-Identifier: Apache-2.0
"""The two sides of scripts/interop-sglang.sh as processes, and what their answers are held against."""
import hashlib, json, os, select, shlex, subprocess

ANSWER_SECONDS = 120


class Wrong(Exception):
    pass


class Side:
    """A process that carries out commands; started at the first one."""

    def __init__(self, name, command):
        self.name, self.command, self.process = name, command, None

    def ask(self, action, dirs, options, **more):
        self.post(action, dirs, options, **more)
        return self.answer()

    def post(self, action, dirs, options, **more):
        if not self.process:
            self.process = subprocess.Popen(shlex.split(self.command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        options = [options, *(f"--{name.replace('_', '-')} {value}" for name, value in more.items())]
        self.line = " ".join([action, "--dirs", ",".join(dirs), *options])
        self.process.stdin.write(self.line + "\n")

    def answer(self):
        if not select.select([self.process.stdout], [], [], ANSWER_SECONDS)[0]:
            self.stop()
            raise Wrong(f"{self.name}: no answer in {ANSWER_SECONDS} s to: {self.line}")
        answer = self.process.stdout.readline()
        if not answer:
            raise Wrong(f"{self.name} ended with status {self.stop()} at: {self.line}")
        answer = json.loads(answer)
        if "error" in answer:
            raise Wrong(f"{self.name}: {answer['error']}; at: {self.line}")
        return {**answer, "of": f"{self.name}, {self.line}"}

    def stop(self):
        process, self.process = self.process, None
        if process:
            process.kill()  # does nothing to one that ended
            return process.wait()

    def close(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait(ANSWER_SECONDS)


def expect(answer, **wanted):
    for field, value in wanted.items():
        if answer.get(field) != value:
            shown = {k: v for k, v in answer.items() if k != "of"}
            raise Wrong(f"{field} should be {value}: {shown} from {answer['of']}")


def whole(answer, pages, **more):
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
