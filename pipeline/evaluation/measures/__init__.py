"""What a model's answers are worth, in numbers: measures by name, their intervals, and what a difference means."""
