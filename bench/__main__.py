"""`python -m bench`: every benchmark in turn; results also as JSON in build/bench.json."""

import json
from pathlib import Path

from bench import bound, cycles, era, executor, simulator

results = {module.__name__: module.main() for module in (
    bound, cycles, era, executor, simulator)}
out = Path("build/bench.json")
out.parent.mkdir(exist_ok=True)
out.write_text(json.dumps(results, indent=1) + "\n")
print(f"written: {out}")
