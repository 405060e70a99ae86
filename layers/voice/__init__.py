"""Voice: synthetic-speech score, phrase match, quality of the sound; `analyse` is the way in."""

from layers.voice.analyse import analyse

__all__ = ["analyse"]
