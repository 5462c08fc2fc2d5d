"""Names in the exported model that more than one component uses."""

# For TFMA: serialised examples to the prediction.
EVALUATE_SIGNATURE = "evaluate"

# The outputs of signatures.
PROBABILITIES = "probabilities"
VALUE = "value"
