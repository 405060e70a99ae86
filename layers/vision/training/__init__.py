"""How the vision weights are made: self-blended images for the network, clips for the risk."""
