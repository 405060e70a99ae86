"""Training of the embedded detector: data, augmentation, synthesis, one command."""
