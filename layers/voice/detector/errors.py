"""What can be wrong with a detector's files.

DetectorError
├── DetectorFilesError: files missing, not the ones registered, or not what they should hold
└── UncalibratedError: the policy's calibration was not made with these weights
"""

from __future__ import annotations


class DetectorError(RuntimeError):
    """A detector that can't be used; the message says what to do."""


class DetectorFilesError(DetectorError):
    """Files that are missing, altered or of another kind."""


class UncalibratedError(DetectorError):
    """Weights and calibration that don't belong together."""
