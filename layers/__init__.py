"""From media to evidence: capture once, then liveness, vision and voice, independently."""
