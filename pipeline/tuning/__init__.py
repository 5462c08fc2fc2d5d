"""The search for hyperparameters: trials of the training, by KerasTuner, before the training that uses the best."""
