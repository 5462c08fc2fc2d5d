"""What a training must remember to go on after it was killed as if it had not been."""
