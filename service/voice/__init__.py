"""Voices over HTTP: compare two recordings, enrol a voice, verify it, erase it."""
