"""Where a model keeps the facts that travel with it."""

# In `assets.extra/` of the SavedModel; pipeline.training.description writes it, the Pusher adds the evaluation.
DESCRIPTION_FILE = "darkroom.json"
