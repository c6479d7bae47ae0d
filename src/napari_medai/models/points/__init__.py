"""How a landmark model finds points: heat maps, their decoding, coarse to fine, and the shape prior."""
