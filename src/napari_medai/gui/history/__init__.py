"""How a layer came to be, said as a script or as commands, and done again."""
