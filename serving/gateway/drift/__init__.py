"""Whether what is asked and answered still looks like the data that a model was evaluated on."""
