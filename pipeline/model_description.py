"""Where a model keeps what travels with it, in `assets.extra/` of the SavedModel."""

# The facts; pipeline.training.description writes them, the Pusher adds the evaluation.
DESCRIPTION_FILE = "darkroom.json"

# In it, the population (preprocessing.population) of the eval split: what the gateway compares served images with.
BASELINE_KEY = "baseline"

# In the Trainer's `model_run`: the preprocessing graph, exported once for the run (preprocessing.saved).
PREPROCESSING_FOLDER = "preprocessing"

# The network itself, as Keras saves it, without preprocessing and optimizer: what other models take weights from.
NETWORK_FILE = "network.keras"

# The optimizer's state at the end of training, where it was kept, for a warm start.
OPTIMIZER_FILE = "optimizer.npz"
