"""The main job shown end to end: an animated portrait attacks the real service over HTTP."""

from service.demo.run import DemoError, run_demo

__all__ = ["DemoError", "run_demo"]
