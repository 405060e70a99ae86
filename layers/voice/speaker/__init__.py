"""Who speaks: a voiceprint of a recording, and how alike two of them are."""
