"""For every test: no time limit for property tests, and one thread, as the layers' children have.

A busy machine would break the limit at random. Threads change sums in their last digit, so that a
score in the test's own process would differ from a child's, by which tests ran before.
"""

from __future__ import annotations

import cv2
import torch
from hypothesis import settings

settings.register_profile("bonafide", deadline=None)
settings.load_profile("bonafide")
torch.set_num_threads(1)
cv2.setNumThreads(1)
