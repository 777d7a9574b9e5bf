"""layers.py N: the released model's config.json with so many layers of the thinker, to stdout."""

import json
import pathlib
import sys

FULL = pathlib.Path(__file__).parent.parent / "bench/true-size/config.json"

config = json.loads(FULL.read_text())
config["thinker_config"]["text_config"]["num_hidden_layers"] = int(sys.argv[1])
config["talker_config"]["accept_hidden_layer"] = min(24, int(sys.argv[1]))
json.dump(config, sys.stdout)
