"""A whole training in a process of its own, to be killed: python -m ... FOLDER TRAINING-AS-JSON.

Writes the final weights to FOLDER/weights.npz and the curves to FOLDER/history.json; keeps its state in FOLDER/state.
"""

import json
import sys
from pathlib import Path

import numpy as np

from darkroom.configuration import DarkroomConfig
from darkroom.errors import TrainingPausedError
from pipeline.training.fit import fit
from pipeline.training.options import TrainerOptions
from pipeline.training.split_files import SplitFiles
from pipeline.training.state.store import StateStore
from preprocessing.graph import PreprocessingGraph
from tests.pipeline.training.records import facts

TRAIN, EVAL = 96, 24


def main(folder, training):
    config = DarkroomConfig.model_validate(
        {
            "preprocessing": {"height": 8, "width": 8, "channels": 1, "scaling": "symmetric"},
            "model": {"small_cnn": {"filters": [4, 6], "dense_units": 8}, "dropout": 0.4},
            "training": {"batch_size": 8} | training,
        }
    ).located_at(folder)
    result = fit(
        TrainerOptions.from_configuration(config, "0"),
        PreprocessingGraph(config.preprocessing),
        SplitFiles((f"{folder}/train/*",), TRAIN),
        SplitFiles((f"{folder}/eval/*",), EVAL),
        facts=facts(TRAIN),
        store=StateStore(str(folder / "state")),
    )
    weights = {f"{number:03}": array for number, array in enumerate(result.network.model.get_weights())}
    np.savez(folder / "weights.npz", **weights)
    (folder / "history.json").write_text(json.dumps(result.history))


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), json.loads(sys.argv[2]))
    except TrainingPausedError as error:
        sys.stdout.write(str(error))
        sys.exit(error.exit_code)
