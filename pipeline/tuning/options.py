"""Where the Tuner finds what it needs to know, in TFX's custom_config."""

# TuningSection as JSON.
TUNING_KEY = "tuning"

# The folder of searches: their state and their reports.
TUNING_ROOT_KEY = "tuning_root"
