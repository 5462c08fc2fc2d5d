"""A training in several pods: a job of Kubeflow's training operator, started and watched by the Trainer's step."""
