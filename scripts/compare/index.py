# SPDX-License-Identifier: Apache-2.0
"""A store in layout segments with many keys: filled once, opened and asked again in every turn."""
import json

from compare import machine
from compare.contestants import log_of, run

FILL_BATCH = 4096
ASKED_BATCHES = 2000


class FilledIndex:
    def __init__(self, name, folder, keys):
        self.name, self.keys = name, keys
        self.log = log_of(folder, name)
        self.command = [
            str(machine.NATIVE_BENCH), "--filepath", str(folder / name.replace(" ", "-")), "--layout", "segments",
            "--start_block_size", "0", "--keys", str(keys), "--keep", "--format", "json",
        ]  # fmt: skip
        self.filled = {}

    def start(self):
        fill = ["--op_type", "WRITE", "--warmup_iter", "0", "--start_batch_size", str(FILL_BATCH)]
        [row] = json.loads(run([*self.command, *fill], self.log))["rows"]
        self.filled = {"fill_seconds": row["seconds"], "set_us": row["us_per_page"]}

    def turn(self):
        ask = ["--mix", "0:0:1", "--num_iter", str(ASKED_BATCHES), "--start_batch_size", "128", "--reuse"]
        answer = json.loads(run([*self.command, *ask], self.log))
        [row] = answer["rows"]
        return {"exists_us": row["us_per_page"], "open_ms": answer["environment"]["open_ms"], **self.filled}

    def stop(self):
        pass

    def kill(self):
        pass
