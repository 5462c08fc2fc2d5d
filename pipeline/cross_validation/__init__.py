"""Cross-validation: what a configuration reaches on folds that take turns, for sets too small to trust one split."""
