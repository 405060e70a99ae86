"""What an applicant is asked to say and do, drawn afresh for every attempt."""

from service.challenge.draw import CAPTURE_STEPS, draw_phrase, draw_steps

__all__ = ["CAPTURE_STEPS", "draw_phrase", "draw_steps"]
