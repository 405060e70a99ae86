"""What was recorded, decoded once: frames with times and steps, one face track, audio."""
