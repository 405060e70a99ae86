"""Voice: synthetic-speech score and whether the asked phrase was said."""
