"""Vision: eight measured artefact signals, a calibrated risk and an honest confidence."""
